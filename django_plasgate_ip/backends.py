"""Logging in by a number that was verified a moment ago, for sites that want it.

Off unless ``AUTHENTICATION_BACKENDS`` names it. Anonymous visitors must be let start
(``PLASGATE_IP_LOGIN_REQUIRED`` False), and the scopes need ``phone_verify`` and ``mobile_id``. A
view of the site's own, where ``next`` of the start leads, does the rest::

    user = authenticate(request, verification=flow.latest(request))
    if user is not None:
        login(request, user)
"""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_backends, get_user_model
from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest
from django.utils import timezone

from django_plasgate_ip import flow, phones
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.models import PhoneVerification

#: The session's note of the one attempt that may log it in: its key.
LOGIN_KEY = "plasgate_ip_login"
#: How long after its end an account takes over what its session verified while anonymous.
CLAIM_AGE = timedelta(minutes=30)


class VerifiedPhoneBackend(BaseBackend):
    """Knows the account whose number this session has just verified, with the same SIM and phone.

    A number is no password: operators give numbers to new owners, and thieves have SIMs replaced.
    Both come with another ``mobile_id`` than the last time, and so does who has a new phone: they
    log in as ever, and the site calls ``acknowledge_changes`` once it has asked them.

    It grants no permissions; that is for the other backends.
    """

    #: How long after its end an attempt is good for a login.
    max_age = timedelta(minutes=5)

    def authenticate(  # type: ignore[override]
        self, request: HttpRequest | None, verification: PhoneVerification | None
    ) -> Any:
        """Return the one account that the number belongs to, or None.

        `verification`: verified by this very session within `max_age`, while it was anonymous, with
        a number that the operator confirmed. It goes to the account, so it is good once. Why it is
        None is not said: nobody learns by it which numbers have accounts.
        """
        if request is None or not hasattr(request, "session") or verification is None:
            return None
        if request.user.is_authenticated:
            return None
        row = self._noted(request, verification)
        if row is None or not self._is_good(row):
            return None
        user = self._owner(row)
        return user if user is not None and _use(request, row, user) else None

    def get_user(self, user_id: Any) -> Any:
        """Return the user of a session, as Django's own backend does: None if inactive or gone."""
        user = get_user_model()._default_manager.filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

    def user_can_authenticate(self, user: Any) -> bool:
        """Whether `user` may log in at all; a user model without ``is_active`` has no others."""
        return bool(getattr(user, "is_active", True))

    def _noted(
        self, request: HttpRequest, verification: PhoneVerification
    ) -> PhoneVerification | None:
        """Return the attempt as it is stored now, if it was this session that verified it."""
        # SECURITY: not what the instance says, which can be made up, and not what the session once
        # began: another device may have finished that, of somebody who was talked into it.
        if request.session.get(LOGIN_KEY) != str(verification.pk):
            return None
        return PhoneVerification.objects.on_primary().filter(pk=verification.pk).first()

    def _is_good(self, row: PhoneVerification) -> bool:
        # SECURITY: the `phone` scope alone learns which line is in use; nobody typed that number.
        confirmed = scope_sets.needs_number(row.scopes.split())
        # Only what is verified has a mobile_id; without one, any SIM would do.
        if not confirmed or not row.mobile_id:
            return False
        return row.completed_at is not None and row.completed_at >= timezone.now() - self.max_age

    def _owner(self, row: PhoneVerification) -> Any:
        """Return the one user who has verified this number, and last of all just like this."""
        same = (
            PhoneVerification.objects.on_primary()
            .verified()
            .filter(phone_number=row.phone_number)
            .exclude(user=None)
        )
        owners = list(same.order_by().values_list("user_id", flat=True).distinct()[:2])
        # SECURITY: of two accounts with one number, either choice lets the holder of the phone
        # into an account of whoever had the number before.
        user = self.get_user(owners[0]) if len(owners) == 1 else None
        return user if user is not None and _is_unchanged(row, user) else None


def claimable_since() -> datetime | None:
    """Return the earliest end of an anonymous attempt that a login takes over; None for any.

    SECURITY: where numbers log in, one that somebody else left in this browser, or in a session
    that they have put into it, would let them into the account of whoever logs in here next.
    """
    return timezone.now() - CLAIM_AGE if _is_in_use() else None


def note_for_login(request: HttpRequest, verification: PhoneVerification) -> None:
    """Let this session, which has just verified `verification` anonymously, log in by it.

    Does nothing where no backend of ours is used, or where the attempt is another session's.
    """
    session = getattr(request, "session", None)
    if session is None or session.get(flow.SESSION_KEY) != verification.session_id:
        return
    if _is_in_use():
        # SECURITY: session fixation. Whoever has put a session of theirs into this browser must
        # not find in it what its visitor has verified.
        session.cycle_key()
        session[LOGIN_KEY] = str(verification.pk)


def _is_in_use() -> bool:
    return any(isinstance(backend, VerifiedPhoneBackend) for backend in get_backends())


def _is_unchanged(row: PhoneVerification, user: Any) -> bool:
    """Whether `user` came last with this number, SIM and device."""
    mine = PhoneVerification.objects.on_primary().for_user(user)
    # SECURITY: a SIM swap. A change that nobody has approved gets no better by coming twice.
    if mine.with_unacknowledged_change().exists():
        return False
    # SECURITY: not any number that they ever had. The old phone may have been stolen.
    last = mine.verified().exclude(phone_number="").order_by("-completed_at").first()
    # SECURITY: nor what a phone did for a computer. Whoever looked over a shoulder, or sat down at
    # an unlocked computer for a moment, would keep a way in with a number of their own.
    return (
        last is not None
        and not last.is_handed_over
        and last.mobile_id == row.mobile_id
        and phones.e164(last.phone_number) == phones.e164(row.phone_number)
    )


def _use(request: HttpRequest, row: PhoneVerification, user: Any) -> bool:
    """Give the attempt to its owner; return whether it was still nobody's."""
    del request.session[LOGIN_KEY]
    return bool(
        PhoneVerification.objects.on_primary().filter(pk=row.pk, user=None).update(user=user)
    )
