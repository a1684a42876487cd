"""`make_verification`: a row in any state, as the app would have left it."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from django_plasgate_ip import phones
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.client import credentials
from django_plasgate_ip.conf import conf
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import LIVE, Reason, Status
from django_plasgate_ip.sandbox import answers

# From the start to the end of a made-up verification.
_DURATION = timedelta(seconds=5)
_DEFAULT_REASONS = {Status.FAILED: Reason.NOT_ON_MOBILE_DATA, Status.ERROR: Reason.PROVIDER_ERROR}
_FAILURE_TEXTS = {
    Reason.NOT_ON_MOBILE_DATA: answers.NOT_ON_MOBILE_DATA,
    Reason.NOT_VERIFIED: answers.NOT_VERIFIED,
}


def make_verification(
    user: Any = None,
    status: str | None = None,
    phone_number: Any = None,
    *,
    reason: str | None = None,
    scopes: str | Iterable[str] | None = None,
    sub: str | None = None,
    mobile_id: str | None = None,
    claims: Mapping[str, Any] | None = None,
    created_at: datetime | None = None,
    completed_at: datetime | None = None,
    age: timedelta | None = None,
    **fields: Any,
) -> PhoneVerification:
    """Store a `PhoneVerification` and return it. It counts no limits and sends no signal.

    `user`: None for an anonymous visitor's. `status`: a `Status` or its text; by default the one
    of `reason`, and ``verified`` without a reason. `reason`: by default ``not_on_mobile_data`` for
    a ``failed`` verification and ``provider_error`` for an ``error``. `phone_number`: in any form
    that `phones.parse` reads; by default +85577696118, if the scopes give a number. `scopes`: by
    default ``PLASGATE_IP_SCOPES``. `sub`, `mobile_id`, `claims`: by default what PlasGate would
    have answered; the first two stay the same for a number. `age`: the time since it ended, or
    since a live one began; or give `created_at`, `completed_at` or both. `fields`: other columns.

    Raises ValueError for values that don't go together, and `InvalidPhoneNumber`.
    """
    its_status = _status(status, reason)
    its_reason = _reason(its_status, reason)
    names = scope_sets.normalise(conf.PLASGATE_IP_SCOPES if scopes is None else scopes)
    typed = phone_number or (f"+{answers.DIGITS}" if _gives_number(names, its_status) else "")
    number = phones.parse(typed) if typed else ""
    digits = phones.digits(number) if number else answers.DIGITS
    session_id = fields.get("session_id") or secrets.token_urlsafe(16)
    ids = {"sub": sub, "mobile_id": mobile_id}
    columns: dict[str, Any] = {
        "user": user,
        "status": its_status,
        "reason": its_reason or "",
        "phone_number": number,
        "scopes": " ".join(names),
        "session_id": session_id,
        "callback_session_id": session_id,
        "key_fingerprint": credentials.fingerprint(conf.PLASGATE_IP_PRIVATE_KEY),
        "redirect_uri": "http://testserver/phone/callback/",
        **_answer_columns(its_status, its_reason, digits, names, ids),
        **_time_columns(its_status, created_at, completed_at, age),
    }
    if claims is not None:
        columns["claims"] = dict(claims)
    return PhoneVerification.objects.create(**columns | fields)


def _status(status: str | None, reason: str | None) -> Status:
    if status is not None:
        return Status(status)
    return Reason(reason).status if reason else Status.VERIFIED


def _reason(status: Status, reason: str | None) -> Reason | None:
    if not reason:
        return _DEFAULT_REASONS.get(status)
    if Reason(reason).status != status:
        legal = ", ".join(known for known in Reason if known.status == status)
        raise ValueError(
            f"A verification that is {status} can't have the reason {str(reason)!r}, but "
            f"{f'one of these: {legal}' if legal else 'none'}."
        )
    return Reason(reason)


def _gives_number(scopes: tuple[str, ...], status: Status) -> bool:
    is_claimed = status == Status.VERIFIED and "phone" in scope_sets.bare(scopes)
    return is_claimed or scope_sets.needs_number(scopes)


def _answer_columns(
    status: Status,
    reason: Reason | None,
    digits: str,
    scopes: tuple[str, ...],
    ids: Mapping[str, str | None],
) -> dict[str, Any]:
    """Return the columns that PlasGate's answer fills."""
    given = {name: value for name, value in ids.items() if value is not None}
    if status == Status.VERIFIED:
        claims = answers.success(digits, scopes) | given
        return {"claims": claims, "sub": claims["sub"], "mobile_id": claims.get("mobile_id", "")}
    if any(given.values()):
        raise ValueError(f"sub and mobile_id need the status verified; this one is {status}.")
    if reason not in _FAILURE_TEXTS:
        return {}
    text = _FAILURE_TEXTS[reason]
    return {"claims": answers.failure(digits, text), "error_description": text}


def _time_columns(
    status: Status,
    created_at: datetime | None,
    completed_at: datetime | None,
    age: timedelta | None,
) -> dict[str, datetime]:
    if age is not None and (created_at or completed_at):
        raise ValueError("Give either age, or created_at and completed_at.")
    then = timezone.now() - (age or timedelta(0))
    if status not in LIVE:
        ended = completed_at or (created_at + _DURATION if created_at else then)
        return {"created_at": created_at or ended - _DURATION, "completed_at": ended}
    if completed_at:
        raise ValueError(f"A verification that is {status} has not been completed.")
    began = created_at or then
    return {"created_at": began} | ({"exchanging_at": began} if status == Status.EXCHANGING else {})
