"""Login by a verified number, for sites that name the backend in ``AUTHENTICATION_BACKENDS``.

It needs the scopes ``phone_verify`` and ``mobile_id``. Anonymous visitors must be allowed to start:
set ``PLASGATE_IP_LOGIN_REQUIRED = False``. ``next`` of the start is the site's view that logs in::

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

#: The session's entry for its login: the primary key of the verification that it verified.
LOGIN_KEY = "plasgate_ip_login"


class VerifiedPhoneBackend(BaseBackend):
    """Finds the account whose number this session has just verified, with the same SIM and phone.

    A number is not a password: operators give numbers to new owners, and thieves have SIM cards
    replaced. Both change the ``mobile_id``, and so does a new phone of the owner. They log in as
    before, and the site calls ``acknowledge_changes`` after it has asked for the password, say.

    The backend grants no permissions.
    """

    #: For how long after its end a verification may log in.
    max_age = timedelta(minutes=5)
    #: For how long after its end a login takes over an anonymous verification of its session.
    claim_age = timedelta(minutes=30)

    def authenticate(  # type: ignore[override]
        self, request: HttpRequest | None, verification: PhoneVerification | None
    ) -> Any:
        """Return the one account that the number belongs to, or None.

        `verification`: this session verified it within `max_age`, while anonymous, and the operator
        confirmed its number. It then belongs to the account, so it works once. None gives no
        reason: a reason would show which numbers have accounts.
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
        """Return the active user with this primary key, or None, as Django's own backend does."""
        user = get_user_model()._default_manager.filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

    def user_can_authenticate(self, user: Any) -> bool:
        """Whether `user` may log in. Without a field ``is_active``, every user may."""
        return bool(getattr(user, "is_active", True))

    def _noted(
        self, request: HttpRequest, verification: PhoneVerification
    ) -> PhoneVerification | None:
        """Return the stored row, if this session verified it, or None."""
        # SECURITY: a careless view may pass another session's verification. Or a thief starts one
        # for somebody's number, and talks them into completing it on their phone. The session's
        # entry rules out both. The instance may be made up, so only the stored row counts.
        if request.session.get(LOGIN_KEY) != str(verification.pk):
            return None
        return PhoneVerification.objects.on_primary().filter(pk=verification.pk).first()

    def _is_good(self, row: PhoneVerification) -> bool:
        # SECURITY: with the `phone` scope alone, the operator reports which number is in use. It
        # confirms no number that the visitor typed.
        confirmed = scope_sets.needs_number(row.scopes.split())
        # Only verified rows have a mobile_id. Without one, any SIM card would match.
        if not confirmed or not row.mobile_id:
            return False
        return row.completed_at is not None and row.completed_at >= timezone.now() - self.max_age

    def _owner(self, row: PhoneVerification) -> Any:
        """Return the only user with this number, if their last SIM was this one, or None."""
        verified = PhoneVerification.objects.on_primary().verified()
        same = verified.filter(phone_number=row.phone_number).exclude(user=None)
        owners = list(same.order_by().values_list("user_id", flat=True).distinct()[:2])
        # SECURITY: two accounts with one number. One of them may belong to an earlier owner of the
        # number, and the holder of the phone must not be logged in to it.
        user = self.get_user(owners[0]) if len(owners) == 1 else None
        return user if user is not None and _is_unchanged(row, user) else None


def on_phone_verified(
    sender: Any, verification: PhoneVerification, request: HttpRequest | None, **kwargs: Any
) -> None:
    """Receive ``phone_verified``: note in an anonymous session which verification may log it in.

    Does nothing on a site that does not use the backend, or for another session's verification.
    """
    if request is None or verification.user_id is not None:
        return
    if browser_session.get_session_id(request) != verification.session_id:
        return
    if not any(isinstance(backend, VerifiedPhoneBackend) for backend in get_backends()):
        return
    # SECURITY: session fixation. An attacker may have planted a session in this browser. Under its
    # old key, the attacker must not be able to log in with what the visitor has verified.
    request.session.cycle_key()
    request.session[LOGIN_KEY] = str(verification.pk)


def _is_unchanged(row: PhoneVerification, user: Any) -> bool:
    """Whether the last number, SIM and device of `user` are those of `row`."""
    verifications = PhoneVerification.objects.on_primary().for_user(user)
    # SECURITY: a SIM swap. Until the change is acknowledged, a second verification with the new SIM
    # does not count either.
    if verifications.with_unacknowledged_change().exists():
        return False
    # SECURITY: only the last number counts. An earlier phone may have been lost or stolen.
    numbered = verifications.verified().exclude(phone_number="")
    last = numbered.order_by("-completed_at").first()
    # SECURITY: a hand-off does not count. Somebody at an unlocked computer could use their phone to
    # add their number to its account, and log in with that number from then on.
    return (
        last is not None
        and not last.is_handed_over
        and last.mobile_id == row.mobile_id
        and phones.e164(last.phone_number) == phones.e164(row.phone_number)
    )


def _use(request: HttpRequest, row: PhoneVerification, user: Any) -> bool:
    """Give the verification to `user`. Return False if another request did so first."""
    del request.session[LOGIN_KEY]
    anonymous = PhoneVerification.objects.on_primary().filter(pk=row.pk, user=None)
    return bool(anonymous.update(user=user))
