"""At a login, the account takes over what its session verified while anonymous."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_backends
from django.http import HttpRequest
from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.verification import browser_session, sim_change, transitions


def on_login(sender: Any, request: HttpRequest | None, user: Any, **kwargs: Any) -> None:
    """Receive Django's ``user_logged_in``. Some APIs log in without a request or a session."""
    if request is not None and browser_session.get_session_id(request):
        claim_session(request, user, since=_claimable_since())


def claim_session(request: HttpRequest, user: Any, since: datetime | None = None) -> None:
    """Give `user`, who has just logged in, what this session did while anonymous.

    Verifications that ended after `since`, or all of them if None, become the user's. A live one
    ends as ``user_changed``: the account that brings its code back did not start it.
    """
    verifications = PhoneVerification.objects.on_primary()
    session = verifications.for_session(browser_session.get_session_id(request))
    anonymous = session.filter(user=None)
    for verification in anonymous.live():
        transitions.finish_if_live(verification, lambda live: Reason.USER_CHANGED, request)
    ended = anonymous.ended() if since is None else anonymous.filter(completed_at__gte=since)
    for verification in ended.verified().exclude(mobile_id="").order_by("completed_at"):
        sim_change.assign(verification, user)
    ended.exclude(reason=Reason.USER_CHANGED).update(user=user)


def _claimable_since() -> datetime | None:
    """Return the earliest end of a verification that a login takes over; None for no limit.

    SECURITY: where numbers log in, a number that somebody else verified in this browser earlier
    would open the account of the next person who logs in here.
    """
    ages: list[timedelta] = [
        backend.claim_age for backend in get_backends() if hasattr(backend, "claim_age")
    ]
    return timezone.now() - min(ages) if ages else None
