"""`make_verification`: stores a verification in any state, with the columns that the app sets."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from django_plasgate_ip import phones
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.client import credentials
from django_plasgate_ip.conf import conf
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.querysets import NETWORK
from django_plasgate_ip.reasons import LIVE, Reason, Status
from django_plasgate_ip.sandbox import answers

# From the start to the end of a verification.
_DURATION = timedelta(seconds=5)
_DEFAULT_REASONS = {Status.FAILED: Reason.NOT_ON_MOBILE_DATA, Status.ERROR: Reason.PROVIDER_ERROR}
# What the answer of the sandbox says, and what the client reads of its error pages.
_ERROR_DESCRIPTIONS = {
    Reason.NOT_ON_MOBILE_DATA: answers.NOT_ON_MOBILE_DATA,
    Reason.NOT_VERIFIED: answers.NOT_VERIFIED,
    Reason.CREDENTIALS_REJECTED: "HTTP 403: Please check your private key and secret key.",
    Reason.RATE_LIMITED: "HTTP 429: Too Many Requests",
    Reason.PROVIDER_ERROR: "HTTP 500: Internal Server Error",
}


def make_verification(
    user: Any = None,
    status: str | None = None,
    phone_number: Any = None,
    *,
    reason: str | None = None,
    scopes: str | Iterable[str] | None = None,
    age: timedelta | None = None,
    method: str = NETWORK,
    **fields: Any,
) -> PhoneVerification:
    """Store a `PhoneVerification` and return it. No limit is checked, and no signal is sent.

    `user`: None for an anonymous visitor's. `status`: a `Status` or its text; by default the one
    of `reason`, and ``verified`` without a reason. `reason`: by default ``not_on_mobile_data`` for
    a ``failed`` verification and ``provider_error`` for an ``error``. `phone_number`: in any form
    that `phones.parse` reads; by default +85577696118, if the scopes give a number. `scopes`: by
    default ``PLASGATE_IP_SCOPES``. `age`: the time since it ended, or since a live one began.
    `method`: any other than ``network`` makes a verified row as ``flow.confirm`` stores it.
    `fields`: other columns, as they are. By default, a verified one has the `claims`, `sub` and
    `mobile_id` of PlasGate's answer; the last two stay the same for a number. Give `created_at`
    and `completed_at` together, or `age`.

    Raises ValueError for a `reason` of another status, and `InvalidPhoneNumber`. The database
    refuses other contradictory values with an IntegrityError.
    """
    its_status, its_reason = _end(status, reason)
    number: Any = phones.parse(phone_number or answers.DIGITS)
    then = timezone.now() - (age or timedelta(0))
    if method == NETWORK:
        names = scope_sets.normalise(conf.PLASGATE_IP_SCOPES if scopes is None else scopes)
        columns = _answer_columns(its_status, its_reason, phones.digits(number), names)
        columns |= _start_columns(names) | _time_columns(its_status, then)
        number = number if phone_number or _gives_number(names, its_status) else ""
    else:
        columns = {"created_at": then, "completed_at": then}
    columns |= {"status": its_status, "reason": its_reason or "", "phone_number": number}
    columns |= {"operator": phones.operator(number), **fields}
    columns.setdefault("callback_session_id", columns.get("session_id", ""))
    return PhoneVerification.objects.create(user=user, method=method, **columns)


def _end(status: str | None, reason: str | None) -> tuple[Status, Reason | None]:
    its_status = Status(status or (Reason(reason).status if reason else Status.VERIFIED))
    its_reason = Reason(reason) if reason else _DEFAULT_REASONS.get(its_status)
    if its_reason and its_reason.status != its_status:
        raise ValueError(f"{its_reason} is a reason of {its_reason.status}, not of {its_status}.")
    return its_status, its_reason


def _gives_number(scopes: tuple[str, ...], status: Status) -> bool:
    needs, gives = scope_sets.needs_number(scopes), scope_sets.gives_number(scopes)
    return needs or (gives and status == Status.VERIFIED)


def _start_columns(scopes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "scopes": " ".join(scopes),
        "session_id": secrets.token_urlsafe(16),
        "key_fingerprint": credentials.fingerprint(conf.PLASGATE_IP_PRIVATE_KEY),
        "redirect_uri": "http://testserver/phone/callback/",
    }


def _answer_columns(
    status: Status, reason: Reason | None, digits: str, scopes: tuple[str, ...]
) -> dict[str, Any]:
    if status == Status.VERIFIED:
        claims = answers.success(digits, scopes)
        return {"claims": claims, "sub": claims["sub"], "mobile_id": claims.get("mobile_id", "")}
    text = _ERROR_DESCRIPTIONS.get(reason) if reason else None
    return {"error_description": text} if text else {}


def _time_columns(status: Status, then: datetime) -> dict[str, datetime]:
    if status not in LIVE:
        return {"created_at": then - _DURATION, "completed_at": then}
    return {"created_at": then} | ({"exchanging_at": then} if status == Status.EXCHANGING else {})
