"""Functions that store verifications, and the values in them that staff must not see."""

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from datetime import timezone as datetime_timezone
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection, connections
from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.querysets import PhoneVerificationQuerySet
from django_plasgate_ip.reasons import LIVE, Reason
from tests.visitor import MOBILE_ID, NUMBER, PROFILE, SUB, VERIFIED

User: Any = get_user_model()

# Constants, because every process that collects these tests needs the same parameters.
KEY, NEW_KEY, OTHER_KEY = (base64.urlsafe_b64encode(bytes([n]) * 32).decode() for n in range(3))
DAY = timedelta(days=1)
STARTED = datetime(2026, 3, 1, 3, 15, tzinfo=datetime_timezone.utc)
NONCE = "a-nonce-of-this-browser"
BROWSER = "a-session-of-this-browser"
CLAIMS = VERIFIED | PROFILE | {"family_name": "អុំអេង"}
# What a member of staff without the permission must not read anywhere.
HIDDEN = (
    *("696118", "696 118", SUB, MOBILE_ID, NONCE, BROWSER),
    *("Teak", "អុំអេង", "1985-07-10", "1234567890", "30 7th 594", "Phnom Penh City"),
)


def create(age: timedelta = 2 * DAY, status: str = "verified", **values: Any) -> PhoneVerification:
    """Store a verification that started `age` ago, with the columns that belong to its status."""
    began = timezone.now() - age
    defaults: dict[str, Any] = {
        "phone_number": NUMBER,
        "scopes": "mobile_id phone_verify profile",
        "status": status,
        "reason": {"failed": "not_verified", "error": "provider_error"}.get(status, ""),
        "sub": SUB if status == "verified" else "",
        "mobile_id": MOBILE_ID if status == "verified" else "",
        "claims": {} if status in LIVE else CLAIMS,
        "session_id": BROWSER,
        "redirect_uri": f"https://www.example.com/phone/callback/?nonce={NONCE}",
        "nonce": NONCE,
        "created_at": began,
        "completed_at": None if status in LIVE else began,
    }
    return PhoneVerification.objects.create(**defaults | values)


def verified(**values: Any) -> PhoneVerification:
    """Store a verification of 1 March that took 4.2 seconds."""
    times = {"created_at": STARTED, "completed_at": STARTED + timedelta(seconds=4.2)}
    return create(**times | values)


def failed(reason: Reason = Reason.NOT_VERIFIED, **values: Any) -> PhoneVerification:
    """Store a verification that ended for this reason."""
    return verified(status=reason.status, reason=reason, **values)


def pending(**values: Any) -> PhoneVerification:
    """Store a verification whose visitor has not come back."""
    defaults: dict[str, Any] = {"status": "pending", "created_at": STARTED}
    return create(**defaults | values)


def noon(days_ago: int) -> datetime:
    """Return noon of a day in the current time zone; today's may be yet to come."""
    return timezone.localtime().replace(hour=12, minute=0) - days_ago * DAY


def ended(
    days_ago: int, seconds: float = 4, reason: Reason | None = None, **values: Any
) -> PhoneVerification:
    """Store a verification of some days ago that took this long, verified without a reason."""
    started = noon(days_ago)
    values |= {"created_at": started, "completed_at": started + timedelta(seconds=seconds)}
    return failed(reason, **values) if reason else verified(**values)


def many(rows: int) -> None:
    """Store this many verifications, each of another user."""
    for i in range(rows):
        person = User.objects.create(username=f"person-{i:04}")
        pending(user=person, created_at=STARTED + timedelta(seconds=i))


def in_a_thread(act: Callable[[], Any]) -> Any:
    try:
        return act()
    finally:
        connections.close_all()


def skip(locked: PhoneVerification, monkeypatch: Any, can_skip: bool) -> list[bool]:
    """Skip this row as if it was locked. Return the ``skip_locked`` of each query."""
    asked = []

    def without_locked(rows: Any, skip_locked: bool) -> Any:
        asked.append(skip_locked)
        return rows.exclude(pk=locked.pk) if skip_locked else rows

    monkeypatch.setattr(connection.features, "has_select_for_update_skip_locked", can_skip)
    monkeypatch.setattr(PhoneVerificationQuerySet, "select_for_update", without_locked)
    return asked
