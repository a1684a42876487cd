"""Logging in by a number that was verified a moment ago, for sites that want it.

Off unless ``AUTHENTICATION_BACKENDS`` names it. Anonymous visitors must be allowed to start
(``PLASGATE_IP_LOGIN_REQUIRED`` False), and the scopes need ``phone_verify`` and ``mobile_id``. A
view of the site's own, where ``next`` of the start leads, does the rest::

    user = authenticate(request, verification=flow.latest(request))
    if user is not None:
        login(request, user)
"""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_backends, get_user_model
from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest
from django.utils import timezone

from django_plasgate_ip import phones
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import browser_session

#: The session's note of the one verification that may log it in: its primary key.
LOGIN_KEY = "plasgate_ip_login"


class VerifiedPhoneBackend(BaseBackend):
    """Finds the account whose number this session has just verified, with the same SIM and phone.

    A number is not a password: operators give numbers to new owners, and thieves have SIMs
    replaced. Both come with another ``mobile_id`` than the last time. So do people with a new
    phone: they log in as before, and the site calls ``acknowledge_changes`` once it has asked them.

    It grants no permissions; that is for the other backends.
    """

    #: How long after its end a verification is good for a login.
    max_age = timedelta(minutes=5)
    #: How long after its end an account takes over what its session verified while anonymous.
    claim_age = timedelta(minutes=30)

    def authenticate(  # type: ignore[override]
        self, request: HttpRequest | None, verification: PhoneVerification | None
    ) -> Any:
        """Return the one account that the number belongs to, or None.

        `verification`: verified by this very session within `max_age`, while it was anonymous, with
        a number that the operator confirmed. It then belongs to the account, so it works once. The
        caller does not learn why the result is None, and so not which numbers have accounts.
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
        """Whether `user` may log in at all. A user model without ``is_active`` has active users."""
        return bool(getattr(user, "is_active", True))

    def _noted(
        self, request: HttpRequest, verification: PhoneVerification
    ) -> PhoneVerification | None:
        """Return the row as it is stored now, if this very session verified it."""
        # SECURITY: a caller can make up an instance, and a session may have begun a verification
        # that another device finished, whose owner was talked into it. The note rules out both.
        if request.session.get(LOGIN_KEY) != str(verification.pk):
            return None
        return PhoneVerification.objects.on_primary().filter(pk=verification.pk).first()

    def _is_good(self, row: PhoneVerification) -> bool:
        # SECURITY: the `phone` scope alone reports which line is in use; nobody typed that number.
        confirmed = scope_sets.needs_number(row.scopes.split())
        # Only verified rows have a mobile_id. Without one, any SIM would do.
        if not confirmed or not row.mobile_id:
            return False
        return row.completed_at is not None and row.completed_at >= timezone.now() - self.max_age

    def _owner(self, row: PhoneVerification) -> Any:
        """Return the one user who has verified this number, and with this SIM and phone last."""
        verified = PhoneVerification.objects.on_primary().verified()
        same = verified.filter(phone_number=row.phone_number).exclude(user=None)
        owners = list(same.order_by().values_list("user_id", flat=True).distinct()[:2])
        # SECURITY: of two accounts with one number, either choice may let the holder of the phone
        # into the account of whoever had the number before.
        user = self.get_user(owners[0]) if len(owners) == 1 else None
        return user if user is not None and _is_unchanged(row, user) else None


def on_phone_verified(
    sender: Any, verification: PhoneVerification, request: HttpRequest | None, **kwargs: Any
) -> None:
    """Receive ``phone_verified``: an anonymous session may log in by it, where the site allows it.

    Does nothing where the site does not use the backend, or for another session's verification.
    """
    if request is None or verification.user_id is not None:
        return
    if browser_session.get_session_id(request) != verification.session_id or not _is_in_use():
        return
    # SECURITY: session fixation. An attacker who put a session of theirs into this browser must
    # not find in it what its visitor has verified.
    request.session.cycle_key()
    request.session[LOGIN_KEY] = str(verification.pk)


def _is_in_use() -> bool:
    return any(isinstance(backend, VerifiedPhoneBackend) for backend in get_backends())


def _is_unchanged(row: PhoneVerification, user: Any) -> bool:
    """Whether the last number, SIM and device of `user` were these."""
    verifications = PhoneVerification.objects.on_primary().for_user(user)
    # SECURITY: a SIM swap. A change that nobody has acknowledged does not get better by a second
    # verification.
    if verifications.with_unacknowledged_change().exists():
        return False
    # SECURITY: not any earlier number. The old phone may have been stolen.
    numbered = verifications.verified().exclude(phone_number="")
    last = numbered.order_by("-completed_at").first()
    # SECURITY: no hand-off. Somebody who used an unlocked computer for a moment could verify a
    # number of their own for its account, and log in by it from then on.
    return (
        last is not None
        and not last.is_handed_over
        and last.mobile_id == row.mobile_id
        and phones.e164(last.phone_number) == phones.e164(row.phone_number)
    )


def _use(request: HttpRequest, row: PhoneVerification, user: Any) -> bool:
    """Give the verification to its owner; return whether it was still anonymous."""
    del request.session[LOGIN_KEY]
    anonymous = PhoneVerification.objects.on_primary().filter(pk=row.pk, user=None)
    return bool(anonymous.update(user=user))
