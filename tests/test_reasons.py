"""The reasons: stable codes, and a message for each of its two readers."""

import re
from pathlib import Path

import django_plasgate_ip
from django_plasgate_ip.reasons import LIVE, Reason, Status

FAILED = {"not_on_mobile_data", "not_verified", "number_mismatch", "provider_denied"}
ERROR = {
    *("credentials_rejected", "rate_limited", "provider_error", "provider_unreachable"),
    *("provider_timeout", "invalid_response"),
    *("expired", "superseded", "interrupted", "user_changed", "wrong_browser"),
}
# Words for things that a visitor can't change and should not read about.
INTERNAL = re.compile(
    r"key|secret|setting|PLASGATE|credential|balance|subscription|account|server|http|\d{3}"
    r"|callback|token|code|scope|redirect|sandbox|database|exception",
    re.IGNORECASE,
)
NEXT_STEP = re.compile(r"\b(try again|start again|continue with)\b")
WHERE_TO_LOOK = re.compile(r"\b(check|contact|read|run|nothing to fix)\b", re.IGNORECASE)
# What each message must name, because staff have to look there.
NAMED = {
    Reason.CREDENTIALS_REJECTED: (
        *("error description", "PRIVATE_KEY", "SECRET_KEY", "dollar signs", "balance"),
    ),
    Reason.PROVIDER_ERROR: (
        *("error description", "PLASGATE_IP_EXCHANGE_ENDPOINT", "support@plasgate.com"),
    ),
    Reason.PROVIDER_UNREACHABLE: ("PLASGATE_IP_BASE_URL",),
    Reason.PROVIDER_TIMEOUT: ("PLASGATE_IP_TIMEOUT",),
    Reason.INVALID_RESPONSE: ("PLASGATE_IP_SCOPES",),
    Reason.EXPIRED: ("PLASGATE_IP_ATTEMPT_LIFETIME",),
}


def test_the_codes_stay_the_same_and_failed_means_that_the_operator_did_not_confirm():
    assert {reason.value for reason in Reason if reason.status == Status.FAILED} == FAILED
    assert {reason.value for reason in Reason if reason.status == Status.ERROR} == ERROR
    assert set(Reason.values) == FAILED | ERROR
    assert set(Status.values) == {"pending", "exchanging", "verified", "failed", "error"}
    assert set(LIVE) == {"pending", "exchanging"}


def test_each_reader_learns_what_to_do_next_and_a_visitor_nothing_internal():
    for reason in Reason:
        visitors, staffs = str(reason.visitor_message), str(reason.staff_message)
        for message in (visitors, staffs):
            assert re.fullmatch(r"[A-Z].{15,}\.", message), message
        assert NEXT_STEP.search(visitors), visitors
        assert not INTERNAL.search(visitors), visitors
        assert WHERE_TO_LOOK.search(staffs), staffs
        assert [name for name in NAMED.get(reason, ()) if name not in staffs] == []
    for name in ("Wi‑Fi", "mobile data"):
        assert name in Reason.NOT_ON_MOBILE_DATA.visitor_message


def test_no_line_of_a_page_breaks_inside_wi_fi():
    package = Path(django_plasgate_ip.__file__).parent
    sources = [package / "reasons.py", package / "handoff/errors.py", *package.rglob("*.html")]

    assert len(sources) > 20
    assert [path.name for path in sources if "Wi-Fi" in path.read_text(encoding="utf-8")] == []
