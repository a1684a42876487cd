"""Verifications as `flow` stores them, for tests of the steps."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Status
from tests.visitor import MOBILE_ID, NUMBER, SUB


def unsaved(status: str = "pending", ago: timedelta = timedelta(), **changes: Any) -> Any:
    """Return a verification of the session ``browser`` that started `ago` before now."""
    moment = timezone.now() - ago
    values: dict[str, Any] = {
        "phone_number": NUMBER,
        "scopes": "mobile_id phone_verify",
        "session_id": "browser",
        "callback_session_id": "browser",
        "status": status,
        "reason": {"failed": "not_verified", "error": "provider_error"}.get(status, ""),
        "created_at": moment,
        "exchanging_at": None if status == "pending" else moment,
        "completed_at": None if status in ("pending", "exchanging") else moment,
    }
    if status == Status.VERIFIED:
        values |= {"sub": SUB, "mobile_id": MOBILE_ID}
    return PhoneVerification(**(values | changes))


def stored(status: str = "pending", ago: timedelta = timedelta(), **changes: Any) -> Any:
    """Store a verification; arguments as for `unsaved`."""
    verification = unsaved(status, ago, **changes)
    verification.save(force_insert=True)
    return verification


def stored_end(verification: PhoneVerification) -> tuple[str, str]:
    """Return the status and the reason in the database."""
    row = PhoneVerification.objects.get(pk=verification.pk)
    return row.status, row.reason


def stop_clock(monkeypatch: Any, module: Any) -> Any:
    """Stop the clock of a module; return the moment."""
    now = timezone.now()
    monkeypatch.setattr(module, "timezone", SimpleNamespace(now=lambda: now))
    return now
