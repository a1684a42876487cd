"""The reasons: stable codes, and a sentence for each of the two who read it."""

import re

import pytest

from django_plasgate_ip.reasons import LIVE, Reason, Status

FAILED = {"not_on_mobile_data", "not_verified", "number_mismatch", "provider_denied"}
ERROR = {
    "credentials_rejected",
    "rate_limited",
    "provider_error",
    "provider_unreachable",
    "provider_timeout",
    "invalid_response",
    "invalid_callback",
    "expired",
    "superseded",
    "interrupted",
    "user_changed",
}
# What a visitor can do nothing about, and should not be told of.
INSIDE = re.compile(
    r"key|secret|setting|PLASGATE|credential|balance|subscription|account|server|http|\d{3}"
    r"|callback|token|code|scope|redirect|sandbox|database|exception",
    re.IGNORECASE,
)
# What an operator may do, or that there is nothing to do.
TO_DO = re.compile(
    r"\b(check|ask|read|run|look for|worth a look|is for support|nothing to mend)\b", re.IGNORECASE
)


def test_the_codes_are_those_that_others_compare() -> None:
    assert set(Reason.values) == FAILED | ERROR


@pytest.mark.parametrize("reason", Reason)
def test_failed_means_that_the_operator_said_no(reason: Reason) -> None:
    assert reason.status is (Status.FAILED if reason.value in FAILED else Status.ERROR)


def test_the_statuses_are_those_that_others_compare() -> None:
    assert set(Status.values) == {"pending", "exchanging", "verified", "failed", "error"}
    assert set(LIVE) == {"pending", "exchanging"}


@pytest.mark.parametrize("reason", Reason)
def test_both_readers_get_whole_sentences(reason: Reason) -> None:
    for sentence in (str(reason.visitor_message), str(reason.staff_message)):
        assert re.fullmatch(r"[A-Z].{15,}\.", sentence)
    assert str(reason.visitor_message) != str(reason.staff_message)


@pytest.mark.parametrize("reason", Reason)
def test_the_visitor_hears_nothing_of_what_is_inside(reason: Reason) -> None:
    assert not INSIDE.search(str(reason.visitor_message))


@pytest.mark.parametrize("reason", Reason)
def test_the_operator_is_told_what_to_do(reason: Reason) -> None:
    assert TO_DO.search(str(reason.staff_message))


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        (Reason.CREDENTIALS_REJECTED, "PLASGATE_IP_PRIVATE_KEY"),
        (Reason.CREDENTIALS_REJECTED, "PLASGATE_IP_SECRET_KEY"),
        (Reason.CREDENTIALS_REJECTED, "balance"),
        (Reason.PROVIDER_ERROR, "PLASGATE_IP_EXCHANGE_ENDPOINT"),
        (Reason.PROVIDER_ERROR, "support@plasgate.com"),
        (Reason.PROVIDER_UNREACHABLE, "PLASGATE_IP_BASE_URL"),
        (Reason.PROVIDER_TIMEOUT, "PLASGATE_IP_TIMEOUT"),
        (Reason.INVALID_RESPONSE, "PLASGATE_IP_SCOPES"),
        (Reason.EXPIRED, "PLASGATE_IP_ATTEMPT_LIFETIME"),
    ],
)
def test_the_operators_sentence_names_what_to_check(reason: Reason, name: str) -> None:
    assert name in str(reason.staff_message)


def test_not_on_mobile_data_tells_the_visitor_what_to_do() -> None:
    sentence = str(Reason.NOT_ON_MOBILE_DATA.visitor_message)

    assert "Wi-Fi" in sentence
    assert "mobile data" in sentence
