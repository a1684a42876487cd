"""What each answer to a wrong code means, and that asking costs nothing."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests

from django_plasgate_ip.doctor import trial_call
from django_plasgate_ip.doctor.findings import Finding, Level
from django_plasgate_ip.exceptions import ExchangeError
from tests.conftest import EXCHANGE_URL, Answers
from tests.provider import Provider, answer, drips, says
from tests.settings import PLASGATE_IP_PRIVATE_KEY, PLASGATE_IP_SECRET_KEY
from tests.visitor import CODE, FAILED, VERIFIED

HTML = "<!doctype html><title>Welcome</title>"


def found() -> Finding:
    return trial_call.examine()


# What is asked


def test_it_asks_once_with_both_keys_and_a_code_that_is_none(answers: Answers) -> None:
    answers(http=403)
    found()

    (call,) = answers.calls
    assert call.url == f"{EXCHANGE_URL}?private_key={PLASGATE_IP_PRIVATE_KEY}"
    assert call.headers["X-Secret"] == PLASGATE_IP_SECRET_KEY
    assert call.sent["response_type"] == "code"
    assert call.sent["redirect_uri"] == "https://plasgate-ip-doctor.invalid/"
    assert str(uuid.UUID(call.sent["state"])) == call.sent["state"]


def test_a_wrong_code_looks_like_a_right_one_and_is_another_each_time(answers: Answers) -> None:
    answers(http=403)
    codes = set()
    for _each in range(3):
        found()
        codes.add(answers.calls[-1].sent["code"])

    assert len(codes) == 3
    form = re.sub(r"[0-9a-f]", "[0-9a-f]", CODE).replace(".", r"\.")
    assert all(re.fullmatch(form, code) for code in codes)


def test_it_never_asks_for_a_visitor_and_so_spends_no_balance(answers: Answers) -> None:
    answers(http=403)
    found()

    assert not any("authenticate" in call.url for call in answers.calls)
    assert not {"phone_number", "login_hint", "scope"} & set(answers.calls[0].sent)


def test_where_each_tenant_has_keys_of_its_own_nobody_is_asked_and_nothing_is_broken(
    answers: Answers, settings: Any
) -> None:
    settings.PLASGATE_IP_CREDENTIALS = "tests.client.test_credentials.keys_for"
    settings.PLASGATE_IP_PRIVATE_KEY = settings.PLASGATE_IP_SECRET_KEY = ""

    finding = found()

    assert finding.level == Level.LOOK
    assert "PLASGATE_IP_PRIVATE_KEY" in finding.do
    assert answers.calls == []


# What the answer means


@pytest.mark.parametrize(
    ("status", "level", "what", "do"),
    [
        (401, Level.FINE, "PlasGate doesn't say which", "with a phone"),
        (403, Level.FINE, "PlasGate doesn't say which", "with a phone"),
        (404, Level.BROKEN, "no such endpoint", "PLASGATE_IP_EXCHANGE_ENDPOINT"),
        (405, Level.BROKEN, "no such endpoint", "check-info"),
        (410, Level.BROKEN, "no such endpoint", "PLASGATE_IP_BASE_URL"),
        (429, Level.LOOK, "too much", "higher limit"),
        (400, Level.LOOK, "the API page promises 403", "phone"),
        (422, Level.LOOK, "the API page promises 403", "phone"),
        (204, Level.BROKEN, "no answer of the API", "PLASGATE_IP_BASE_URL"),
        (301, Level.BROKEN, "a redirect is not followed", "PLASGATE_IP_BASE_URL"),
        (308, Level.BROKEN, "a redirect is not followed", "PLASGATE_IP_BASE_URL"),
        (500, Level.BROKEN, "has a fault", "support@plasgate.com"),
        (503, Level.BROKEN, "has a fault", "support@plasgate.com"),
        (999, Level.BROKEN, "has a fault", "support@plasgate.com"),
    ],
)
@pytest.mark.parametrize("body", [HTML, ""], ids=["HTML", "empty"])
def test_a_status_is_told_with_what_it_means_and_what_to_do(
    status: int, level: Level, what: str, do: str, body: str, answers: Answers
) -> None:
    answers(http=status, body=body)
    finding = found()

    assert finding.level is level
    assert finding.what.startswith("ip-auth, with a wrong code (")
    assert f"PlasGate answered {status}. " in finding.what
    assert what in finding.what
    assert do in finding.do


def test_a_plain_no_means_that_the_keys_are_right(answers: Answers) -> None:
    answers(FAILED)
    finding = found()

    assert finding.level is Level.FINE
    assert "the keys were accepted" in finding.what
    assert finding.do == ""


def test_a_yes_to_a_code_that_is_none_is_no_plasgates(answers: Answers) -> None:
    answers(VERIFIED)
    finding = found()

    assert finding.level is Level.BROKEN
    assert "success" in finding.what
    assert "Trust no verification" in finding.do


@pytest.mark.parametrize("body", [HTML, "", "[]", "{}", '{"status": "maybe"}', "{" * 99])
def test_what_is_no_answer_of_the_api_is_told(body: str, answers: Answers) -> None:
    answers(body=body)
    finding = found()

    assert finding.level is Level.BROKEN
    assert "Something answers that is not the API." in finding.what
    assert "PLASGATE_IP_BASE_URL" in finding.do


@pytest.mark.parametrize(
    ("error", "what", "do"),
    [
        (requests.ConnectTimeout("…"), "ConnectTimeout", "firewall"),
        (requests.ConnectionError("…"), "ConnectionError", "firewall"),
        (requests.exceptions.ProxyError("…"), "ProxyError", "proxy"),
        (requests.exceptions.SSLError("…"), "SSLError", "certificates"),
        (requests.ReadTimeout("…"), "ReadTimeout", "PLASGATE_IP_TIMEOUT"),
        (MemoryError("…"), "MemoryError", "PLASGATE_IP_BASE_URL"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_call_that_fails_is_told(error: Exception, what: str, do: str, answers: Answers) -> None:
    answers(body=error)
    finding = found()

    assert finding.level is Level.BROKEN
    assert what in finding.what
    assert do in finding.do


def test_every_exchange_error_means_something() -> None:
    """Also one that a later version of the client raises: with a status, or listed by its type."""
    with_status = {"CredentialsRejected", "RateLimited", "ProviderError"}
    by_type = {error.__name__ for error in trial_call._BY_TYPE}

    assert by_type | with_status == {error.__name__ for error in ExchangeError.__subclasses__()}


def test_an_answer_that_drips_ends_with_the_deadline(
    start: Callable[..., Provider], settings: Any
) -> None:
    start(drips(b"HTTP/1.1 200 "))
    settings.PLASGATE_IP_TIMEOUT = 0.5
    finding = found()

    assert finding.level is Level.BROKEN
    assert "in vain" in finding.what
    assert 500 <= int(re.search(r"\((\d+) ms\)", finding.what)[1]) < 3000  # type: ignore[index]


def test_the_endpoint_that_is_set_is_the_one_that_is_asked(
    start: Callable[..., Provider], settings: Any
) -> None:
    provider = start(says(answer(b"", "404 Not Found")))
    settings.PLASGATE_IP_EXCHANGE_ENDPOINT = "check-info"
    finding = found()

    assert finding.what.startswith("check-info, ")
    assert provider.requests[0].startswith(b"POST /ip/check-info?")


@pytest.mark.parametrize("name", ["PLASGATE_IP_PRIVATE_KEY", "PLASGATE_IP_SECRET_KEY"])
def test_without_a_key_nobody_is_asked(name: str, answers: Answers, settings: Any) -> None:
    setattr(settings, name, "")
    finding = found()

    assert finding.level is Level.BROKEN
    assert name in finding.do
    assert answers.calls == []


@pytest.mark.parametrize("http", [200, 403, 404, 500])
def test_no_finding_has_a_key_or_the_code(http: int, answers: Answers) -> None:
    answers(http=http)
    said = repr(found())

    assert PLASGATE_IP_PRIVATE_KEY not in said
    assert PLASGATE_IP_SECRET_KEY not in said
    assert answers.calls[0].sent["code"] not in said
