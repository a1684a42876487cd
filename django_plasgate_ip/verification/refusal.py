"""What happens to a callback that is refused."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from django_plasgate_ip.exceptions import InvalidCallback
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.security_events import SecurityEvent, record
from django_plasgate_ip.verification import callback, exchange, transitions
from django_plasgate_ip.verification.verdict import Verdict


def refuse(
    request: HttpRequest,
    verification: PhoneVerification | None,
    cause: str,
    about: PhoneVerification | None,
) -> PhoneVerification:
    """Record a refused callback `about` a verification, and return this session's, unchanged.

    A visit without a query is not recorded. Raises `InvalidCallback` if this session has none.
    """
    if request.META.get("QUERY_STRING"):
        log(cause, about, request.user.pk)
    if verification is None:
        raise InvalidCallback("This session has no verification.")
    return verification


def log(cause: str, about: PhoneVerification | None, user_pk: Any) -> None:
    """Record a callback that was refused for `cause`, a short code."""
    ids = {"verification": about.pk if about else None, "user": user_pk}
    record(SecurityEvent.CALLBACK_REFUSED, **ids, cause=cause)


def end_in_wrong_browser(
    request: HttpRequest, parameters: Mapping[str, str], own: PhoneVerification | None
) -> PhoneVerification | None:
    """End the pending verification of another browser that the callback's nonce names.

    Return it, or None if there is none or the callback is not plausible for it. `own`: the
    verification of this browser, or None.
    """
    others = callback.find_elsewhere(parameters, own)
    if others is None:
        return None
    if callback.refusal_cause(parameters, others, exchange.client_for(request).private_key):
        return None
    # SECURITY: the person who started could still use this code, with which another person may have
    # come back. Receivers do not get this request, because it is not the starting visitor's.
    is_ended = transitions.finish(others, Verdict(Reason.WRONG_BROWSER), request=None)
    return others if is_ended else None
