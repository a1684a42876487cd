"""The reasons: stable codes, and a message for each of its two readers."""

import re

from django_plasgate_ip.reasons import Reason
from tests.docs.pages import ROOT

# Words for things that a visitor can't change and should not read about.
INTERNAL = re.compile(
    r"key|secret|setting|PLASGATE|credential|balance|subscription|account|server|http|\d{3}"
    r"|callback|token|code|scope|redirect|sandbox|database|exception",
    re.IGNORECASE,
)
NEXT_STEP = re.compile(r"\b(try again|start again|continue with)\b")
WHERE_TO_LOOK = re.compile(r"\b(check|contact|read|run|nothing to fix)\b", re.IGNORECASE)
DESCRIPTION = "error description"
# What each message must name, because staff have to look there.
NAMED = {
    "credentials_rejected": {"PRIVATE_KEY", "SECRET_KEY", "dollar signs", "balance", DESCRIPTION},
    "provider_error": {"PLASGATE_IP_EXCHANGE_ENDPOINT", "support@plasgate.com", DESCRIPTION},
    "provider_unreachable": {"PLASGATE_IP_BASE_URL"},
    "provider_timeout": {"PLASGATE_IP_TIMEOUT"},
    "invalid_response": {"PLASGATE_IP_SCOPES"},
    "expired": {"PLASGATE_IP_ATTEMPT_LIFETIME"},
}


def test_each_reader_learns_what_to_do_next_and_a_visitor_nothing_internal():
    for reason in Reason:
        visitors, staffs = str(reason.visitor_message), str(reason.staff_message)
        for message in (visitors, staffs):
            assert re.fullmatch(r"[A-Z].{15,}\.", message), message
        assert NEXT_STEP.search(visitors), visitors
        assert not INTERNAL.search(visitors), visitors
        assert WHERE_TO_LOOK.search(staffs), staffs
        assert [name for name in NAMED.get(reason.value, ()) if name not in staffs] == []
    for name in ("Wi‑Fi", "mobile data"):
        assert name in Reason.NOT_ON_MOBILE_DATA.visitor_message


def test_no_line_of_a_page_breaks_inside_wi_fi():
    package = ROOT / "django_plasgate_ip"
    sources = [package / "reasons.py", package / "handoff/errors.py", *package.rglob("*.html")]
    assert len(sources) > 20
    assert [path.name for path in sources if "Wi-Fi" in path.read_text(encoding="utf-8")] == []
