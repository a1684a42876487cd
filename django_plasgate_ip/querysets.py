"""The named queries of verifications, which a site may use, too."""

from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import models, router
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from django_plasgate_ip import phones
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.reasons import LIVE, Status

if TYPE_CHECKING:
    from django_plasgate_ip.models import PhoneVerification

#: The method of PlasGate's verifications. Any other is one of the site's own (see `flow.confirm`).
NETWORK = "network"
_IS_UNACKNOWLEDGED = Q(acknowledged_at=None) & (
    Q(mobile_id_changed=True) | Q(number_changed=True) | Q(claimed_at_login=True)
)
_IS_NOT_HANDED_OVER = Q(callback_session_id="") | Q(callback_session_id=F("session_id"))


class PhoneVerificationQuerySet(models.QuerySet["PhoneVerification"]):
    """Named queries of verifications. They can be chained in any order."""

    def on_primary(self) -> "PhoneVerificationQuerySet":
        """Read from the database that the router writes to: a replica may lag behind it."""
        return self.using(router.db_for_write(self.model))

    def verified(self) -> "PhoneVerificationQuerySet":
        """Return the verifications that ended as verified."""
        return self.filter(status=Status.VERIFIED)

    def live(self) -> "PhoneVerificationQuerySet":
        """Return the verifications that have not ended."""
        return self.filter(status__in=LIVE)

    def ended(self) -> "PhoneVerificationQuerySet":
        """Return the verifications that have ended with any result."""
        return self.exclude(status__in=LIVE)

    def with_confirmed_number(self) -> "PhoneVerificationQuerySet":
        """Return the verified verifications with a number.

        One of the scope ``mobile_id`` alone has none: it verifies a device, and no phone number.
        """
        return self.verified().exclude(phone_number="")

    def by_network(self) -> "PhoneVerificationQuerySet":
        """Return the verifications by PlasGate, without those that ``flow.confirm`` recorded."""
        return self.filter(method=NETWORK)

    def trusted(self) -> "PhoneVerificationQuerySet":
        """Return the verifications that prove who holds a number, with which SIM and device.

        They are verified by the network, had the scopes ``phone_verify`` and ``mobile_id``, were
        not handed over to a phone, and nothing about them waits for an acknowledgement.
        """
        # SECURITY: a code by SMS can be passed on, and says nothing about the SIM card.
        # In no other scope's name. "ip:phone_verify" requests the same.
        scoped = self.filter(scopes__contains="phone_verify").filter(scopes__contains="mobile_id")
        proven = scoped.by_network().with_confirmed_number().exclude(mobile_id="")
        return proven.filter(_IS_NOT_HANDED_OVER, ~_IS_UNACKNOWLEDGED)

    def with_unacknowledged_change(self) -> "PhoneVerificationQuerySet":
        """Return the verifications that the account has to acknowledge, and has not.

        They have another SIM or device, or another number, than the account's last one, or a login
        claimed them.
        """
        return self.filter(_IS_UNACKNOWLEDGED)

    def acknowledge_changes(self) -> int:
        """Acknowledge all of `with_unacknowledged_change` in this queryset. Return their number.

        Call it after the user has confirmed the change, for example with a password.
        """
        return self.with_unacknowledged_change().update(acknowledged_at=timezone.now())

    def for_user(self, user: Any) -> "PhoneVerificationQuerySet":
        """Return the verifications of `user`. An anonymous user has no verifications."""
        return self.none() if user.pk is None else self.filter(user_id=user.pk)

    def for_session(self, session_id: str) -> "PhoneVerificationQuerySet":
        """Return the verifications of one session, newest first. An empty id matches nothing."""
        return self._newest_first(session_id=session_id) if session_id else self.none()

    def for_callback(self, session_id: str, nonce: str = "") -> "PhoneVerification | None":
        """Return the verification that a callback in this session belongs to, or None.

        Of those that this session started or took over from another session, it is the one with
        `nonce`, the callback's, and otherwise the newest.
        """
        if not session_id:
            return None
        found = self._newest_first(callback_session_id=session_id)
        return (found.filter(nonce=nonce).first() if nonce else None) or found.first()

    def _newest_first(self, **values: Any) -> "PhoneVerificationQuerySet":
        # The primary key breaks ties. Without it, two concurrent starts could each regard the
        # other as the newer one.
        return self.filter(**values).order_by("-created_at", "-pk")

    def latest_for(self, user: Any) -> "PhoneVerification | None":
        """Return the newest verification of `user` in this queryset, or None.

        ``objects.verified().latest_for(user)`` returns the newest verified one.
        """
        return self.for_user(user).order_by("-created_at").first()

    def exists_for(self, user: str = "pk") -> Exists:
        """Return an expression for another query: whether its user is in this queryset.

        ``User.objects.annotate(has_phone=verifications.with_confirmed_number().exists_for())``.
        `user` is the field of the other model that holds the user, for example ``"author"``.
        """
        return Exists(self.filter(user=OuterRef(user)))

    def is_verified(
        self,
        user: Any,
        phone_number: Any = None,
        max_age: timedelta | None = None,
        methods: Collection[str] | None = None,
    ) -> bool:
        """Return whether this queryset has a confirmed number of `user`.

        `phone_number` limits it to this number, in any format that `phones.parse` reads. Text that
        is not a phone number matches nothing. `max_age` limits it to verifications that were
        completed at most that long ago. `methods` limits it to these methods: ``("network",)`` is
        PlasGate alone, without what ``flow.confirm`` recorded. None: any method.
        """
        try:
            return self.for_user(user).proves(phone_number, max_age, methods)
        except InvalidPhoneNumber:
            return False

    def proves(
        self,
        phone_number: Any = None,
        max_age: timedelta | None = None,
        methods: Collection[str] | None = None,
    ) -> bool:
        """Return whether this queryset has a confirmed number of any user.

        The arguments are those of `is_verified`. Raises `InvalidPhoneNumber` for text that is not
        a phone number.
        """
        found = self.with_confirmed_number()
        if phone_number is not None:
            found = found.filter(phone_number=phones.parse(phone_number))
        if max_age is not None:
            found = found.filter(completed_at__gte=timezone.now() - max_age)
        if methods is not None:
            # A tuple without its comma is a text.
            found = found.filter(method__in=[methods] if isinstance(methods, str) else methods)
        return found.exists()


def in_batches(
    queryset: "models.QuerySet[PhoneVerification]", size: int
) -> Iterator[list["PhoneVerification"]]:
    """Yield the verifications in lists of at most `size`, newest first.

    Each list is a query that begins after the last row of the previous list, so memory does not
    grow with the number of rows. A server-side cursor would fail behind PgBouncer in transaction
    mode, and MariaDB's driver fetches all rows.
    """
    newest_first = queryset.order_by("-created_at", "-pk")
    batch = list(newest_first[:size])
    while batch:
        yield batch
        if len(batch) < size:
            return
        last = batch[-1]
        # The redundant condition on created_at allows the database to use an index.
        is_later = Q(created_at__lt=last.created_at) | Q(pk__lt=last.pk)
        batch = list(newest_first.filter(is_later, created_at__lte=last.created_at)[:size])
