"""The client without sockets: the start URL, the exchange, and the error of each failure."""

import json
import sys
import traceback
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import responses
import urllib3
from django.core.exceptions import ImproperlyConfigured
from django.views.debug import ExceptionReporter
from phonenumber_field.phonenumber import PhoneNumber

from django_plasgate_ip.client import PlasGateClient
from django_plasgate_ip.exceptions import (
    CredentialsRejected,
    ExchangeError,
    InvalidPhoneNumber,
    InvalidResponse,
    ProviderError,
    ProviderTimeout,
    ProviderUnreachable,
    RateLimited,
)
from tests.client.conftest import CALLBACK, exchange
from tests.provider import closed_port
from tests.settings import PLASGATE_IP_PRIVATE_KEY as PRIVATE_KEY
from tests.settings import PLASGATE_IP_SECRET_KEY as SECRET_KEY
from tests.visitor import CODE, DIGITS, NUMBER, STATE, TYPED, VERIFIED

BASE_URL = "https://cloudapi.plasgate.com/ip/"


class PlasGate(responses.RequestsMock):
    """PlasGate's exchange, which gives one answer to every call."""

    def says(self, answer: Any = VERIFIED, *, url: str = BASE_URL + "ip-auth", **rest: Any) -> None:
        """Answer with these bytes, this exception, or the JSON of this value."""
        raw = isinstance(answer, (bytes, BaseException))
        body = answer if raw else json.dumps(answer).encode()
        self.add(responses.POST, url, body=body, **rest)


@pytest.fixture
def plasgate() -> Iterator[PlasGate]:
    plasgate = PlasGate(assert_all_requests_are_fired=False)
    with plasgate:
        yield plasgate


@pytest.mark.parametrize(
    ("names", "scopes", "number", "sent"),
    [
        (["login_hint"], ["profile", "mobile_id"], TYPED, "profile mobile_id phone_verify"),
        (("msisdn", "a"), "phone_verify", PhoneNumber.from_string(NUMBER), "phone_verify"),
        # No scope needs the number.
        ([], "openid ip:phone phone mobile_id", "no number", "openid ip:phone phone mobile_id"),
    ],
)
def test_the_start_url_has_the_redirect_uri_byte_for_byte_and_the_number_only_if_needed(
    names, scopes, number, sent, settings
):
    settings.PLASGATE_IP_PHONE_PARAMETERS = names or ["login_hint"]
    uri = "https://shop.example/ភាសា?nonce=a%20b&c=d+e&x=%e1#f"
    query = urlsplit(PlasGateClient().authorize_url(uri, scopes, number)).query

    assert parse_qsl(query, keep_blank_values=True, strict_parsing=True) == [
        *(("private_key", PRIVATE_KEY), ("redirect_uri", uri), ("scope", sent)),
        *((name, DIGITS) for name in names),
    ]


@pytest.mark.parametrize(("scopes", "number"), [("phone_verify", None), ("ip:profile phone", "1")])
def test_a_number_that_the_scopes_need_must_be_valid(scopes, number):
    with pytest.raises(InvalidPhoneNumber):
        PlasGateClient().authorize_url(CALLBACK, scopes, number)


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_base_url_and_the_endpoint_may_have_slashes(slash, settings, plasgate):
    keys = {"base_url": "https://stageapi.plasgate.com/ip" + slash}
    settings.PLASGATE_IP_EXCHANGE_ENDPOINT = slash + "check-info"
    plasgate.says(url="https://stageapi.plasgate.com/ip/check-info")

    start = PlasGateClient(**keys).authorize_url(CALLBACK, "phone")
    assert start.startswith("https://stageapi.plasgate.com/ip/authenticate?private_key=")
    assert exchange(**keys).succeeded


@pytest.mark.parametrize("name", ["PLASGATE_IP_PRIVATE_KEY", "PLASGATE_IP_SECRET_KEY"])
def test_a_missing_key_is_named(name, settings):
    setattr(settings, name, "")

    with pytest.raises(ImproperlyConfigured, match=f"Set {name}"):
        PlasGateClient()


@pytest.mark.parametrize("text", ["a b+c%20d&e=f\"\\'\n\x00 \U0001f600", "\udcff"])
def test_the_callbacks_values_are_sent_unchanged_with_no_other_headers(text, plasgate):
    plasgate.says()
    PlasGateClient().exchange(text, text, CALLBACK + text)

    sent: Any = plasgate.calls[0].request
    body = json.loads(sent.body)
    assert (body["code"], body["state"], body["redirect_uri"]) == (text, text, CALLBACK + text)
    assert dict(sent.headers) == {
        "X-Secret": SECRET_KEY,
        "Content-Type": "application/json",
        "Content-Length": str(len(sent.body)),
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "django-plasgate-ip",
    }


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, CredentialsRejected) for status in (401, 403)),
        (429, RateLimited),
        *((status, ProviderError) for status in (400, 500)),
        *((status, InvalidResponse) for status in (101, 300, 399)),
    ],
)
def test_a_status_other_than_2xx_is_an_error_even_with_a_success(status, error, plasgate):
    plasgate.says(VERIFIED, status=status, headers={"Retry-After": "0"})

    with pytest.raises(error, match=str(status)) as caught:
        exchange()
    assert type(caught.value) is error
    assert (caught.value.http_status, caught.value.error_description) == (status, f"HTTP {status}")
    # SECURITY: the code is spent. It is not sent again.
    assert len(plasgate.calls) == 1


def test_an_error_has_the_text_of_its_body_without_what_was_sent(plasgate):
    """Also where a value is too short to look like a key."""
    keys = {"private_key": "short-key", "secret_key": "a & b & c"}
    echo = f"short-key a &amp; b &amp; c {CODE} {STATE} insufficient balance"
    plasgate.says({"message": echo}, status=403)

    with pytest.raises(CredentialsRejected, match=r"^PlasGate answered 403\.$") as caught:
        exchange(**keys)
    assert caught.value.error_description == "HTTP 403: *** *** *** *** insufficient balance"


@pytest.mark.parametrize("name", ["Content-Encoding", "Content-Length"])
def test_an_error_keeps_its_status_if_its_body_is_unreadable(name, plasgate):
    plasgate.says(b"insufficient balance", status=403, headers={name: "gzip"})

    with pytest.raises(CredentialsRejected) as caught:
        exchange()
    assert caught.value.error_description == "HTTP 403"


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        *((status, {"Content-Length": "0"}, "not JSON") for status in (200, 204, 205)),
        *((200, {"Content-Encoding": c}, "compressed") for c in ("gzip", "identity, gzip")),
        *((200, {"Content-Length": length}, "length") for length in ("9, many", "-9")),
    ],
)
def test_a_2xx_without_a_body_or_with_one_that_can_not_be_read_is_invalid(
    status, headers, error, plasgate
):
    plasgate.says(b"" if error == "not JSON" else VERIFIED, status=status, headers=headers)

    with pytest.raises(InvalidResponse, match=error):
        exchange()


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        *((status, {}) for status in (201, 299)),
        *((200, {"Content-Encoding": c}) for c in ("", "  Identity ", "identity,, identity\t")),
        (200, {"Content-Length": f" {len(json.dumps(VERIFIED))} "}),
        (200, {"Content-Type": "text/html"}),
    ],
)
def test_any_2xx_with_a_body_is_an_answer_whose_headers_may_have_any_of_https_forms(
    status, headers, plasgate
):
    plasgate.says(status=status, headers=headers)

    assert exchange().claims == VERIFIED


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (requests.ConnectionError("…"), ProviderUnreachable),
        (requests.ConnectTimeout("…"), ProviderUnreachable),
        (FileNotFoundError(2, "…"), ProviderUnreachable),
        (requests.ReadTimeout("…"), ProviderTimeout),
        (urllib3.exceptions.ReadTimeoutError(None, "", "…"), ProviderTimeout),  # type: ignore[arg-type]
        (urllib3.exceptions.ProtocolError("…"), InvalidResponse),
        (RuntimeError("…"), InvalidResponse),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_every_exception_becomes_one_of_the_apps_and_names_only_the_type(raised, error, plasgate):
    plasgate.says(raised)

    with pytest.raises(error) as caught:
        exchange()
    assert type(caught.value) is error
    assert caught.value.causes == (type(raised).__name__,)
    assert type(raised).__name__ in str(caught.value)
    assert "…" not in str(caught.value)


def test_a_ca_bundle_that_cannot_be_read_is_named(settings):
    settings.PLASGATE_IP_CA_BUNDLE = "/nowhere/ca.pem"

    with pytest.raises(ProviderUnreachable, match=r"PLASGATE_IP_CA_BUNDLE .*FileNotFoundError"):
        exchange()


def assert_tracked_without_keys(error: BaseException | None) -> None:
    """Look at what an error tracker would send: all texts, and the locals of all frames."""
    if error is None:
        return
    frames = [frame for frame, _line in traceback.walk_tb(error.__traceback__)]
    packages = {frame.f_globals["__name__"].partition(".")[0] for frame in frames}
    assert packages <= {"tests", "django", "django_plasgate_ip"}, "a library's frame"
    for shown in (error, vars(error), *(frame.f_locals for frame in frames)):
        assert SECRET_KEY not in f"{shown!s} {shown!r}"
        assert PRIVATE_KEY not in f"{shown!s} {shown!r}"
    assert_tracked_without_keys(error.__cause__)
    assert_tracked_without_keys(error.__context__)


@pytest.mark.parametrize(
    "inside", [RuntimeError("inside"), requests.ReadTimeout("inside"), SystemExit(3)], ids=repr
)
def test_an_exception_from_inside_carries_neither_secrets_nor_frames(inside, monkeypatch):
    """The exception that stops a worker is not replaced."""

    def request(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        raise inside from OSError(f"{url} {args} {kwargs}")

    monkeypatch.setattr(urllib3.connection.HTTPConnection, "request", request)
    with pytest.raises((ExchangeError, SystemExit)) as caught:
        exchange(base_url="http://127.0.0.1/ip/")

    assert isinstance(caught.value, ExchangeError) is isinstance(inside, Exception)
    assert_tracked_without_keys(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_refused_connection_is_tried_twice_and_named_without_secrets(dialling):
    """The caller's own exception stays the context, and is not named."""
    theirs = KeyError("the caller's")
    try:
        raise theirs
    except KeyError:
        with pytest.raises(ProviderUnreachable) as caught:
            exchange(base_url=f"http://127.0.0.1:{closed_port()}/ip/")

    assert dialling.call_count == 2
    assert caught.value.__context__ is theirs
    assert caught.value.causes[0] == "ConnectionError"
    assert str(caught.value) == (
        "The connection to PlasGate failed (ConnectionError, ConnectionRefusedError)."
    )
    assert_tracked_without_keys(caught.value)


def test_the_error_and_its_mail_show_no_secret_that_the_answer_repeats(plasgate):
    plasgate.says(f"<pre>private_key={PRIVATE_KEY} X-Secret: {SECRET_KEY}</pre>".encode())
    try:
        exchange()
    except InvalidResponse as error:
        assert_tracked_without_keys(error)
        report = ExceptionReporter(None, *sys.exc_info())
        shown = report.get_traceback_html() + report.get_traceback_text()

    assert "The answer is not JSON" in shown
    for secret in (CODE, STATE, SECRET_KEY, PRIVATE_KEY):
        assert secret not in shown
