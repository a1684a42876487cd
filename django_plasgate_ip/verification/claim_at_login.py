"""At a login, the account takes over the verifications of its anonymous session."""

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
    """Assign the verifications of this anonymous session to `user`, who has just logged in.

    Only those that ended at `since` or later are assigned; all of them if `since` is None. Live
    verifications end as ``user_changed``, because this account did not start them.
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
    """Return the earliest ``completed_at`` that a login takes over; None for no limit.

    SECURITY: on a site with login by phone, somebody else may have verified a number in this
    browser earlier. With that number they could log in to the account of the next person who logs
    in here.
    """
    ages: list[timedelta] = [
        backend.claim_age for backend in get_backends() if hasattr(backend, "claim_age")
    ]
    return timezone.now() - min(ages) if ages else None
