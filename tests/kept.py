"""Functions that store a verification of a given age, and values for its claims."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification
from tests.visitor import MOBILE_ID, NUMBER, PROFILE, SUB, VERIFIED

DAY = timedelta(days=1)
CLAIMS = VERIFIED | PROFILE
# Each JSON type, and values that a careless test for emptiness or equality confuses.
JSON_VALUES: list[Any] = [
    CLAIMS,
    {"false": False, "zero": 0, "none": None, "empty": "", "float": 0.5, "big": 2**70},
    {"nested": {"list": [1, "1", True, None, {}, []], "address": {"a": {"b": {}}}}},
    {"khmer": "ភ្នំពេញ", "emoji": "\U0001f600", "control": "\x00\x1f", "quote": "\"'\\"},
    {},
    False,
    0,
    None,
    "",
    [],
]


def create(age: timedelta = 2 * DAY, **values: Any) -> PhoneVerification:
    """Store a verification that started `age` ago. By default it is verified and has claims."""
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


def create_live(age: timedelta = 2 * DAY, **values: Any) -> PhoneVerification:
    """Store a verification that has not ended."""
    nothing: dict[str, Any] = {"sub": "", "mobile_id": "", "claims": {}, "completed_at": None}
    return create(age, **(nothing | {"status": "pending"} | values))
