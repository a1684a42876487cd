"""The trial call: what it sends, that it costs nothing, and what each outcome means."""

import gc
import re
import socket
import uuid
from typing import Any

import pytest
import requests
from urllib3.exceptions import LocationParseError

from django_plasgate_ip.doctor import trial_call
from django_plasgate_ip.doctor.findings import Finding, Level
from tests import certificates
from tests.conftest import EXCHANGE_URL
from tests.provider import Wire, answer, drips, resets, says, serve
from tests.settings import PLASGATE_IP_PRIVATE_KEY, PLASGATE_IP_SECRET_KEY
from tests.visitor import CODE, FAILED, SUB, VERIFIED, changed

OK, WARNING, ERROR = Level.OK, Level.WARNING, Level.ERROR


def found() -> Finding:
    (finding,) = trial_call.examine()
    return finding


def explains(what: str, do: str, level: Level = ERROR) -> None:
    """Fail unless the finding has this level, and says this and what to do."""
    finding = found()
    assert finding.level is level
    assert what in finding.what
    assert do in finding.do
    assert bool(finding.do) == bool(do)


@pytest.fixture(autouse=True)
def patience(settings: Any) -> None:
    """Give a busy machine time."""
    settings.PLASGATE_IP_TIMEOUT = settings.PLASGATE_IP_CONNECT_TIMEOUT = 10


def test_one_call_is_made_with_both_keys_and_no_number(answers):
    answers(http=403)
    finding = found()

    (call,) = answers.calls
    assert call.url == f"{EXCHANGE_URL}?private_key={PLASGATE_IP_PRIVATE_KEY}"
    assert call.headers["X-Secret"] == PLASGATE_IP_SECRET_KEY
    assert call.sent["redirect_uri"] == "https://plasgate-ip-doctor.invalid/"
    assert str(uuid.UUID(call.sent["state"])) == call.sent["state"]
    # So it spends no balance.
    assert not {"phone_number", "login_hint", "scope"} & set(call.sent)
    for secret in (PLASGATE_IP_PRIVATE_KEY, PLASGATE_IP_SECRET_KEY, call.sent["code"]):
        assert secret not in repr(finding)

    # The code has the form of a real one, and differs each time.
    form = re.sub(r"[0-9a-f]", "[0-9a-f]", CODE).replace(".", r"\.")
    assert re.fullmatch(form, call.sent["code"])
    found()
    assert len({call.sent["code"] for call in answers.calls}) == 2


def test_the_endpoint_and_the_port_are_named(answers, settings):
    settings.PLASGATE_IP_EXCHANGE_ENDPOINT = "check-info"
    for url, target in (
        ("http://localhost", "localhost, port 80"),
        ("https://localhost", "localhost, port 443"),
        ("https://[::1]:9", "::1, port 9"),
    ):
        settings.PLASGATE_IP_BASE_URL = url
        start = rf"Called check-info at {target}, with a made-up code \(\d+ ms\): "
        assert re.match(start, found().what), url


def test_settings_that_no_call_can_use_are_named(settings, answers):
    wrong = {
        "PLASGATE_IP_BASE_URL": "no URL",
        "PLASGATE_IP_CA_BUNDLE": "/nowhere.pem",
        "PLASGATE_IP_CONNECT_TIMEOUT": 0,
        "PLASGATE_IP_EXCHANGE_ENDPOINT": "ip auth",
        "PLASGATE_IP_PRIVATE_KEY": "",
        "PLASGATE_IP_PROXY": "no URL",
        "PLASGATE_IP_SECRET_KEY": "line\nbreak",
        "PLASGATE_IP_TIMEOUT": None,
    }
    for name, value in wrong.items():
        setattr(settings, name, value)
    # A call does not use this one.
    settings.PLASGATE_IP_DEFAULT_REGION = "nowhere"

    do = f"Correct {' and '.join(wrong)} first. Then run this command again."
    assert found() == Finding(WARNING, "Network", "The endpoint was not called.", do)
    assert answers.calls == []


@pytest.mark.parametrize("missing", ["PLASGATE_IP_PRIVATE_KEY", "PLASGATE_IP_SECRET_KEY"])
def test_no_call_is_made_if_only_the_tenants_have_keys(missing, answers, settings):
    settings.PLASGATE_IP_CREDENTIALS = "tests.checks.reported.ids"
    setattr(settings, missing, "")

    explains("was not called", "PLASGATE_IP_PRIVATE_KEY and PLASGATE_IP_SECRET_KEY", WARNING)
    assert answers.calls == []


@pytest.mark.parametrize(
    ("status", "level", "what", "do"),
    [
        (403, OK, "the status does not say which", "with a phone"),
        (404, ERROR, "no such endpoint", "PLASGATE_IP_EXCHANGE_ENDPOINT"),
        (405, ERROR, "no such endpoint", "check-info"),
        (407, ERROR, "user name", "PLASGATE_IP_PROXY"),
        (410, ERROR, "no such endpoint", "PLASGATE_IP_BASE_URL"),
        (429, WARNING, "too many requests", "higher limit"),
        (400, WARNING, "documents 403", "phone"),
        (301, ERROR, "follows no redirect", "PLASGATE_IP_BASE_URL"),
        (500, ERROR, "has a fault", "support@plasgate.com"),
    ],
)
def test_a_status_is_explained(status, level, what, do, answers):
    answers(http=status, body="<!doctype html><title>Hello</title><p>a number of <b>reasons</b>")

    explains(what, do, level)
    said = found().what
    assert f"PlasGate answered {status}. " in said
    assert ('It says "a number of reasons". ' in said) is (status >= 400)


@pytest.mark.parametrize(
    ("sent", "level", "what", "do"),
    [
        (FAILED, OK, "accepted the keys", ""),
        # SECURITY: such a server would verify any number for anybody.
        (VERIFIED, ERROR, "success", "Do not trust"),
        # Without a status, the claims decide.
        (changed(VERIFIED, {"status": None}), ERROR, "success", "Do not trust"),
        ({"sub": SUB}, ERROR, "success", "Do not trust"),
        (changed(FAILED, {"status": None}), OK, "accepted the keys", ""),
        ({"sub": "anonymous"}, OK, "accepted the keys", ""),
        ({"message": "Hello"}, ERROR, "The server that answered is not the API.", "BASE_URL"),
        # No server answers.
        (socket.gaierror(), ERROR, "(gaierror). The host name was not found,", "DNS"),
        (requests.exceptions.InvalidURL(), ERROR, "or is malformed.", "PLASGATE_IP_BASE_URL"),
        (LocationParseError("…"), ERROR, "or is malformed.", "PLASGATE_IP_BASE_URL"),
        (ConnectionRefusedError(), ERROR, "No server listens on this port", "Check the port"),
        (requests.ConnectTimeout(), ERROR, "a firewall drops", "raise PLASGATE_IP_CONNECT_TIMEOUT"),
        (OSError(101, "…"), ERROR, "(OSError). PlasGate can't be reached.", "curl -v"),
    ],
)
def test_an_answer_of_status_200_or_none_is_explained(sent, level, what, do, answers):
    answers(**({"answer": sent} if isinstance(sent, dict) else {"body": sent}))

    explains(what, do, level)


def test_a_ca_bundle_without_certificates_is_explained(settings):
    settings.PLASGATE_IP_CA_BUNDLE = __file__

    explains("PLASGATE_IP_CA_BUNDLE is not a readable PEM file", "curl -v")


def test_a_certificate_that_is_not_trusted_is_explained(start, tmp_path):
    certificate = certificates.self_signed(tmp_path / "server.pem", "localhost")
    start(serve, tls=certificates.server(certificate))

    explains("Error). The server's certificate", "PLASGATE_IP_CA_BUNDLE")


def speaks_only_http(wire: Wire) -> None:
    wire.sock.recv(65536)
    wire.send(answer(b"", "400 Bad Request"))


@pytest.mark.parametrize(
    ("play", "scheme", "what", "do"),
    [
        (speaks_only_http, "https", "does not speak TLS", "scheme and port"),
        (says(), "http", "without an answer", "https"),
        (resets, "http", "The server closed the connection", "scheme and port"),
        (says(b"220 mail\r\n"), "http", "BadStatusLine). The server that", "BASE_URL"),
        (drips(b"HTTP/1.1 200 "), "http", "within PLASGATE_IP_TIMEOUT seconds", "raise"),
    ],
)
def test_a_server_that_is_not_plasgates_is_explained(play, scheme, what, do, start, settings):
    settings.PLASGATE_IP_BASE_URL = f"{scheme}://{start(play).address}/ip/"
    settings.PLASGATE_IP_TIMEOUT = 2

    explains(what, do)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_proxy_that_refuses_is_explained(start, settings):
    proxy = start(says(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"))
    settings.PLASGATE_IP_PROXY = f"http://somebody:pass-word@{proxy.address}"
    settings.PLASGATE_IP_BASE_URL = "https://cloudapi.plasgate.com/ip/"

    explains("The proxy can't be reached, does not connect", "PLASGATE_IP_PROXY")
    assert "pass-word" not in repr(found())
    # Python 3.10 leaves the socket of a refused tunnel open. Another test must not get the warning.
    gc.collect()
