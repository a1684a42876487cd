"""Attempts of an age, for what is kept and for how long."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification
from tests.visitor import MOBILE_ID, NUMBER, PROFILE, SUB, VERIFIED

DAY = timedelta(days=1)
CLAIMS = VERIFIED | PROFILE


def made(age: timedelta = 2 * DAY, **values: Any) -> PhoneVerification:
    """Store an attempt that began that long ago, verified and with claims unless told otherwise."""
    began = timezone.now() - age
    defaults = {
        "phone_number": NUMBER,
        "scopes": "profile phone_verify",
        "session_id": "a browser",
        "status": "verified",
        "sub": SUB,
        "mobile_id": MOBILE_ID,
        "claims": CLAIMS,
        "completed_at": began,
        "created_at": began,
    }
    return PhoneVerification.objects.create(**(defaults | values))


def live(age: timedelta = 2 * DAY, **values: Any) -> PhoneVerification:
    """Store an attempt that has not ended."""
    nothing: dict[str, Any] = {"sub": "", "mobile_id": "", "claims": {}, "completed_at": None}
    return made(age, **(nothing | {"status": "pending"} | values))
