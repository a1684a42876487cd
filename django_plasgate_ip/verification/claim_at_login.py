"""At a login, the account takes over the verifications of its anonymous session."""

import secrets
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.auth import get_backends
from django.db import router, transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from django_plasgate_ip import signals
from django_plasgate_ip.apps import handoff_app
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason, Status
from django_plasgate_ip.redaction import Hidden
from django_plasgate_ip.security_events import SecurityEvent, record
from django_plasgate_ip.verification import browser_session, changes, transitions


def on_login(sender: Any, request: HttpRequest | None, user: Any, **kwargs: Any) -> None:
    """Receive Django's ``user_logged_in``. Some APIs log in without a request or a session."""
    if request is None or not (old := browser_session.get_session_id(request)):
        return
    new = secrets.token_urlsafe(16)
    if handoff := handoff_app():
        # SECURITY: before the rest, which then finds the verifications of all taps until now.
        handoff.session_changed(old, new)
    since = _claimable_since()
    claim_session(request, user, since)
    # A page that shows why a verification ended stays open to its visitor.
    unverified = Q(user=None, status__in=(Status.FAILED, Status.ERROR))
    if since is not None:
        unverified &= Q(completed_at__gte=since)
    browser_session.change_session_id(request, new, Q(user_id=user.pk) | unverified)


def claim_session(request: HttpRequest, user: Any, since: datetime | None = None) -> None:
    """Assign what this anonymous session has verified to `user`, who has just logged in.

    Only verifications that ended at `since` or later are assigned; all of them if `since` is None.
    Those that failed are not, because the account's limit would count them. Live verifications end
    as ``user_changed``, because this account did not start them.
    """
    verifications = PhoneVerification.objects.on_primary()
    session = verifications.for_session(browser_session.get_session_id(request))
    anonymous = session.filter(user=None)
    for verification in anonymous.live():
        transitions.finish_if_live(verification, lambda live: Reason.USER_CHANGED, request)
    ended = anonymous.ended() if since is None else anonymous.filter(completed_at__gte=since)
    for verification in ended.verified().order_by("completed_at"):
        _claim(verification, user, request)


def _claim(verification: PhoneVerification, user: Any, request: HttpRequest) -> None:
    """Give an anonymous session's verified row to `user`, who has just logged in there.

    SECURITY: somebody else may have verified the number in this browser, so the account has to
    acknowledge it. The ``mobile_id`` is compared, too. Otherwise a stolen number could be verified
    anonymously to avoid the comparison.
    """
    number, mobile_id = verification.phone_number, Hidden(verification.mobile_id)
    verification.user = user
    found = changes.find(verification, number, mobile_id)
    columns = {"user": user, "claimed_at_login": True, **found.columns}
    rows = PhoneVerification.objects.on_primary()
    same = rows.for_user(user).trusted().filter(phone_number=number, mobile_id=mobile_id)
    if not any(found.columns.values()) and same.exists():
        # The account holds this number already, with this SIM and device.
        columns["acknowledged_at"] = timezone.now()
    if not rows.filter(pk=verification.pk, user=None).update(**columns):
        return
    for name, value in columns.items():
        setattr(verification, name, value)
    transaction.on_commit(
        partial(_report_claim, verification, found, user, request),
        using=router.db_for_write(PhoneVerification),
        robust=True,
    )


def _report_claim(
    verification: PhoneVerification, found: changes.Changes, user: Any, request: HttpRequest
) -> None:
    record(SecurityEvent.PHONE_CLAIMED, verification=verification.pk, user=user.pk)
    signals.phone_claimed.send_robust(
        PhoneVerification, verification=verification, user=user, request=request
    )
    found.report(verification, None)


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
