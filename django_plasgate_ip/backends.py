"""Login by a verified number, for sites that name the backend in ``AUTHENTICATION_BACKENDS``.

It needs the scopes ``phone_verify`` and ``mobile_id``. Anonymous visitors must be allowed to start:
set ``PLASGATE_IP_LOGIN_REQUIRED = False``. ``next`` of the start is the site's view that logs in::

    verification = VerifiedPhoneBackend().fresh_verification(request)
    user = authenticate(request, verification=verification) if verification else None
    if user is not None:
        login(request, user)
"""

import secrets
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_backends, get_user_model
from django.contrib.auth.backends import BaseBackend
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.querysets import NETWORK
from django_plasgate_ip.verification import browser_session

#: The session's entry for its login: the primary key of the verification that it verified.
LOGIN_KEY = "plasgate_ip_login"


class VerifiedPhoneBackend(BaseBackend):
    """Finds the account whose number this session has just verified, with the same SIM and phone.

    A number is not a password: operators give numbers to new owners, and thieves have SIM cards
    replaced. Both change the ``mobile_id``, and so does a new phone of the owner. Owners log in as
    before, and the site calls ``acknowledge_changes`` after it has asked for the password, say.

    The backend grants no permissions.
    """

    #: For how long after its end a verification may log in.
    max_age = timedelta(minutes=5)
    #: For how long after its end a login takes over an anonymous verification of its session.
    claim_age = timedelta(minutes=30)
    #: Whether staff and superusers may log in, too.
    allow_staff = False

    def fresh_verification(self, request: HttpRequest | None) -> PhoneVerification | None:
        """Return the verification that this anonymous visitor may try to log in with, or None.

        The visitor's session verified it within `max_age`, and has not tried it. Call Django's
        ``authenticate`` only with one: Django reports every other call as a failed login, and sites
        that count those lock out an address.
        """
        if request is None or not hasattr(request, "session") or request.user.is_authenticated:
            return None
        # SECURITY: a careless view may pass another session's verification. Or a thief starts one
        # for somebody's number, and talks them into completing it on their phone. The session's
        # entry rules out both.
        since = timezone.now() - self.max_age
        fresh = PhoneVerification.objects.on_primary().trusted().filter(completed_at__gte=since)
        pk = request.session.get(LOGIN_KEY)
        return fresh.filter(pk=pk, user=None).first() if pk else None

    def authenticate(  # type: ignore[override]
        self, request: HttpRequest | None, verification: PhoneVerification | None
    ) -> Any:
        """Return the one account that the number belongs to, or None.

        `verification`: the `fresh_verification` of this request. It is good for one try. If it
        finds an account, it belongs to it. None gives no reason: a reason would show which numbers
        have accounts.
        """
        # The instance may be made up, so only the stored row counts.
        row = self.fresh_verification(request)
        if request is None or row is None or row != verification:
            return None
        del request.session[LOGIN_KEY]
        user = self._owner(row)
        return user if user is not None and _assign(row, user) else None

    def get_user(self, user_id: Any) -> Any:
        """Return the active user with this primary key, or None, as Django's own backend does."""
        user = get_user_model()._default_manager.filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

    def user_can_authenticate(self, user: Any) -> bool:
        """Whether `user` may log in: if active, and no staff unless `allow_staff` is True.

        Without a field ``is_active``, every user is active.
        """
        # SECURITY: an unlocked phone must not open the admin.
        is_staff = getattr(user, "is_staff", False) or getattr(user, "is_superuser", False)
        return bool(getattr(user, "is_active", True)) and (self.allow_staff or not is_staff)

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
    # old key or id, the attacker must not find what the visitor has verified.
    request.session.cycle_key()
    new = secrets.token_urlsafe(16)
    browser_session.change_session_id(request, new, Q(pk=verification.pk, user=None))
    verification.session_id = verification.callback_session_id = new
    request.session[LOGIN_KEY] = str(verification.pk)


def _is_unchanged(row: PhoneVerification, user: Any) -> bool:
    """Whether the last number, SIM and device of `user` are those of `row`."""
    verifications = PhoneVerification.objects.on_primary().for_user(user)
    # SECURITY: a SIM swap, or a number that somebody else brought in. Until it is acknowledged, a
    # second verification with the new SIM or number does not count either.
    if verifications.with_unacknowledged_change().exists():
        return False
    # SECURITY: only the last number counts. An earlier phone may have been lost or stolen. It must
    # be trusted, as `row` is. With the `phone` scope alone, the operator reports which number is in
    # use. And somebody at an unlocked computer could hand over to their own phone, and log in with
    # its number from then on.
    confirmed = verifications.with_confirmed_number()
    # A code by SMS for this same number says nothing about the SIM card. For another number, it
    # says that this one is not the last.
    compared = confirmed.exclude(~Q(method=NETWORK), phone_number=row.phone_number)
    last = compared.order_by("-completed_at").values("pk")[:1]
    same = verifications.trusted().filter(phone_number=row.phone_number, mobile_id=row.mobile_id)
    return same.filter(pk=last).exists()


def _assign(row: PhoneVerification, user: Any) -> bool:
    """Give the verification to `user`. Return False if another request did so first."""
    anonymous = PhoneVerification.objects.on_primary().filter(pk=row.pk, user=None)
    return bool(anonymous.update(user=user))
