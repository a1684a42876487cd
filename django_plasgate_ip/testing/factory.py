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
from django_plasgate_ip.testing import answers

# From the start to the end of a made-up attempt.
_TOOK = timedelta(seconds=5)
_DEFAULT_REASONS = {Status.FAILED: Reason.NOT_ON_MOBILE_DATA, Status.ERROR: Reason.PROVIDER_ERROR}
_TEXTS = {
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
    """Store a `PhoneVerification` and return it; no limit is asked and no signal is sent.

    `user`: None for an anonymous visitor's. `status`: a `Status` or its text, by default the one
    of `reason`, and ``verified`` without. `reason`: by default ``not_on_mobile_data`` for a
    ``failed`` one and ``provider_error`` for an ``error``. `phone_number`: in any form that
    `phones.parse` reads; by default +85577696118, where the scopes give a number. `scopes`: by
    default ``PLASGATE_IP_SCOPES``. `sub`, `mobile_id`, `claims`: by default what PlasGate would
    have answered; the first two stay the same for a number. `age`: it ended that long ago, or if
    it is live began; or give `created_at`, `completed_at` or both. `fields`: other columns.

    Raises ValueError for values that don't go together, and `InvalidPhoneNumber`.
    """
    state = _status(status, reason)
    why = _reason(state, reason)
    names = scope_sets.normalise(conf.PLASGATE_IP_SCOPES if scopes is None else scopes)
    typed = phone_number or (answers.NUMBER if _gives_number(names, state) else "")
    number = phones.parse(typed) if typed else ""
    digits = phones.digits(number) if number else answers.DIGITS
    browser = fields.get("browser") or secrets.token_urlsafe(16)
    given = {"sub": sub, "mobile_id": mobile_id}
    values: dict[str, Any] = {
        "user": user,
        "status": state,
        "reason": why or "",
        "phone_number": number,
        "scopes": " ".join(names),
        "session_id": browser,
        "callback_session_id": browser,
        "key_fingerprint": credentials.fingerprint(conf.PLASGATE_IP_PRIVATE_KEY),
        "redirect_uri": "http://testserver/phone/callback/",
        **_answered(state, why, digits, names, given),
        **_times(state, created_at, completed_at, age),
    }
    if claims is not None:
        values["claims"] = dict(claims)
    return PhoneVerification.objects.create(**values | fields)


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
            f"An attempt that is {status} can't have the reason {str(reason)!r}, but "
            f"{f'one of these: {legal}' if legal else 'none'}."
        )
    return Reason(reason)


def _gives_number(scopes: tuple[str, ...], status: Status) -> bool:
    learnt = status == Status.VERIFIED and "phone" in scope_sets.bare(scopes)
    return learnt or scope_sets.needs_number(scopes)


def _answered(
    status: Status,
    reason: Reason | None,
    digits: str,
    scopes: tuple[str, ...],
    given: dict[str, str | None],
) -> dict[str, Any]:
    """Return the columns that come of PlasGate's answer."""
    ids = {name: value for name, value in given.items() if value is not None}
    if status == Status.VERIFIED:
        claims = answers.success(digits, scopes, ids)
        return {"claims": claims, "sub": claims["sub"], "mobile_id": claims.get("mobile_id", "")}
    if any(ids.values()):
        raise ValueError(f"sub and mobile_id are for a verified attempt; this one is {status}.")
    if reason not in _TEXTS:
        return {}
    text = _TEXTS[reason]
    return {"claims": answers.failure(digits, text), "error_description": text}


def _times(
    status: Status,
    created_at: datetime | None,
    completed_at: datetime | None,
    age: timedelta | None,
) -> dict[str, datetime]:
    if age is not None and (created_at or completed_at):
        raise ValueError("Give either age, or created_at and completed_at.")
    moment = timezone.now() - (age or timedelta(0))
    if status not in LIVE:
        ended = completed_at or (created_at + _TOOK if created_at else moment)
        return {"created_at": created_at or ended - _TOOK, "completed_at": ended}
    if completed_at:
        raise ValueError(f"An attempt that is {status} has not been completed.")
    begun = created_at or moment
    return {"created_at": begun} | ({"exchanging_at": begun} if status == Status.EXCHANGING else {})
