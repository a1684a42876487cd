"""`PhoneVerification`: one attempt, from its start to what was learnt, and its named queries."""

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, router, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_plasgate_ip import phones
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.fields import EncryptedJSONField, PhoneNumberField, kept_sealed
from django_plasgate_ip.handoff.models import PhoneHandoff as PhoneHandoff
from django_plasgate_ip.reasons import LIVE, Reason, Status

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# After the exchange's own deadline: DNS and a second connection lie outside it (see `transport`).
EXCHANGE_GRACE = timedelta(seconds=30)


class PhoneVerificationQuerySet(models.QuerySet["PhoneVerification"]):
    """Questions about attempts; every one can follow any other."""

    def on_primary(self) -> "PhoneVerificationQuerySet":
        """Read from the database that is written: a replica may lag behind it."""
        return self.using(router.db_for_write(self.model))

    def verified(self) -> "PhoneVerificationQuerySet":
        """The attempts that were verified."""
        return self.filter(status=Status.VERIFIED)

    def live(self) -> "PhoneVerificationQuerySet":
        """The attempts that have not ended."""
        return self.filter(status__in=LIVE)

    def ended(self) -> "PhoneVerificationQuerySet":
        """The attempts that have ended, however."""
        return self.exclude(status__in=LIVE)

    def with_unacknowledged_change(self) -> "PhoneVerificationQuerySet":
        """The attempts that came with another SIM or device, which nobody has approved yet."""
        return self.filter(mobile_id_changed=True, mobile_id_acknowledged_at=None)

    def acknowledge_changes(self) -> int:
        """Approve the changes of SIM or device among these; return how many there were.

        For a site that has asked the user again, by a password or a member of its staff.
        """
        return self.with_unacknowledged_change().update(mobile_id_acknowledged_at=timezone.now())

    def for_user(self, user: Any) -> "PhoneVerificationQuerySet":
        """The attempts of `user`; none for an anonymous one."""
        return self.none() if user.pk is None else self.filter(user_id=user.pk)

    def for_session(self, session_id: str) -> "PhoneVerificationQuerySet":
        """The attempts of one session, newest first; none for an empty key."""
        if not session_id:
            return self.none()
        # The key settles ties, or two starts at once might each take the other for the newer.
        return self.filter(session_id=session_id).order_by("-created_at", "-pk")

    def latest_for(self, user: Any) -> "PhoneVerification | None":
        """The newest attempt of `user` in this queryset, whatever became of it, or None.

        ``objects.verified().latest_for(user)`` is the newest verified one.
        """
        return self.for_user(user).order_by("-created_at").first()

    def exists_for(self, user: str = "pk") -> Exists:
        """Whether a row of a list has such an attempt, to annotate the list's own query with.

        ``User.objects.annotate(has_phone=PhoneVerification.objects.verified().exists_for())``.
        `user`: where the annotated row has its user; ``"author"`` for a list of articles.
        """
        return Exists(self.filter(user=OuterRef(user)))

    def is_verified(
        self, user: Any, phone_number: Any = None, max_age: timedelta | None = None
    ) -> bool:
        """Whether `user` has a verified attempt.

        `phone_number`: for this number, in any form that `phones.parse` reads; text that is no
        number is nobody's. `max_age`: completed no longer ago than this.
        """
        try:
            return self.for_user(user).proves(phone_number, max_age)
        except InvalidPhoneNumber:
            return False

    def proves(self, phone_number: Any = None, max_age: timedelta | None = None) -> bool:
        """Whether any of these attempts is verified; arguments as for `is_verified`.

        Raises `InvalidPhoneNumber`.
        """
        found = self.verified()
        if phone_number is not None:
            found = found.filter(phone_number=phones.parse(phone_number))
        if max_age is not None:
            found = found.filter(completed_at__gte=timezone.now() - max_age)
        return found.exists()


class PhoneVerification(models.Model):
    """One attempt to verify a phone number (or to learn what the scopes ask for).

    It moves ``pending`` -> ``exchanging`` -> ``verified``, ``failed`` or ``error``, may end from
    either of the first two, and ends once; `flow` is what moves it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # CASCADE: whoever goes takes the data along.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        db_index=False,
        related_name="plasgate_ip_verifications",
        verbose_name=_("user"),
    )
    phone_number = PhoneNumberField(_("phone number"), blank=True, region=None)
    scopes = models.CharField(_("scopes"), max_length=255, help_text=_("As on the wire."))
    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, default=Status.PENDING.value
    )
    reason = models.CharField(_("reason"), max_length=32, choices=Reason.choices, blank=True)
    error_description = models.CharField(_("error description"), max_length=500, blank=True)
    # The operator's ids are empty unless verified: a failed answer carries a mobile_id too, and
    # trusting it would enrol a phone that nobody confirmed.
    sub = models.CharField(_("sub"), max_length=255, blank=True)
    mobile_id = models.CharField(_("mobile ID"), max_length=255, blank=True)
    claims = EncryptedJSONField(_("claims"), default=dict, blank=True, editable=False)
    mobile_id_changed = models.BooleanField(_("SIM or device changed"), default=False)
    mobile_id_acknowledged_at = models.DateTimeField(
        _("change acknowledged at"), null=True, blank=True
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)

    # What the exchange needs. `session_id` is the one small id that the session holds.
    session_id = models.CharField(max_length=32, editable=False)
    # The one that goes to PlasGate and comes back: `session_id` itself, or the phone that it handed
    # the attempt over to. A column that always has a value, so that the callback's look-up is one
    # index: an OR over two columns is not.
    callback_session_id = models.CharField(max_length=32, blank=True, editable=False)
    redirect_uri = models.TextField(editable=False)
    nonce = models.CharField(max_length=64, blank=True, editable=False)
    # Of the keys that it was started with, where a site's tenants have their own.
    key_fingerprint = models.CharField(max_length=32, blank=True, editable=False)
    next_url = models.TextField(blank=True, editable=False)
    language = models.CharField(max_length=16, blank=True, editable=False)
    # A keyed hash, and only where starts per address are limited (see `limits`).
    address = models.CharField(max_length=32, blank=True, editable=False)
    exchanging_at = models.DateTimeField(null=True, editable=False)

    objects = PhoneVerificationQuerySet.as_manager()

    class Meta:
        verbose_name = _("phone verification")
        verbose_name_plural = _("phone verifications")
        permissions = (("view_claims", _("Can view the claims of phone verifications")),)
        indexes = (
            models.Index(fields=["user", "status", "completed_at"], name="plasgate_ip_verified"),
            models.Index(fields=["user", "created_at"], name="plasgate_ip_user"),
            models.Index(fields=["phone_number", "created_at"], name="plasgate_ip_number"),
            models.Index(fields=["session_id", "created_at"], name="plasgate_ip_session"),
            models.Index(fields=["callback_session_id", "created_at"], name="plasgate_ip_callback"),
            models.Index(fields=["address", "created_at"], name="plasgate_ip_address"),
            models.Index(fields=["mobile_id_changed", "created_at"], name="plasgate_ip_changed"),
            models.Index(fields=["status", "created_at"], name="plasgate_ip_status"),
            models.Index(fields=["reason", "created_at"], name="plasgate_ip_reason"),
            models.Index(fields=["created_at"], name="plasgate_ip_created"),
            models.Index(fields=["sub"], name="plasgate_ip_sub"),
            models.Index(fields=["mobile_id"], name="plasgate_ip_mobile_id"),
            # All that `statistics` reads, in the order in which it samples: no row is visited.
            models.Index(
                fields=[
                    "id",
                    "created_at",
                    "status",
                    "reason",
                    "mobile_id_changed",
                    "completed_at",
                ],
                name="plasgate_ip_summary",
            ),
        )
        constraints = (
            models.CheckConstraint(
                name="plasgate_ip_reason_iff_not_verified",
                condition=Q(status__in=(*LIVE, Status.VERIFIED), reason="")
                | (Q(status__in=(Status.FAILED, Status.ERROR)) & ~Q(reason="")),
            ),
            models.CheckConstraint(
                name="plasgate_ip_ids_only_if_verified",
                condition=Q(status=Status.VERIFIED) | Q(sub="", mobile_id=""),
            ),
            models.CheckConstraint(
                name="plasgate_ip_completed_iff_ended",
                condition=Q(status__in=LIVE, completed_at__isnull=True)
                | (~Q(status__in=LIVE) & Q(completed_at__isnull=False)),
            ),
        )

    def __str__(self) -> str:
        return f"{self.masked_number or self.pk} ({self.get_status_display()})"

    def __repr__(self) -> str:
        return f"<PhoneVerification {self.pk} {self.status} {self.reason}".rstrip() + ">"

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        """Reload as any model; claims stay sealed, so a wrong key is no obstacle."""
        with kept_sealed():
            super().refresh_from_db(*args, **kwargs)

    @property
    def masked_number(self) -> str:
        """The number as people and logs may see it, ``+855 77 *** *18``; empty without one."""
        return phones.mask(self.phone_number)

    @property
    def is_live(self) -> bool:
        """Whether it has not ended."""
        return self.status in LIVE

    @property
    def is_handed_over(self) -> bool:
        """Whether another browser than the one that it belongs to, a phone, carries it."""
        return self.callback_session_id not in ("", self.session_id)

    @property
    def duration(self) -> timedelta | None:
        """From its start to its end; None while it lives."""
        return self.completed_at - self.created_at if self.completed_at else None

    @property
    def visitor_message(self) -> "str | _StrPromise":
        """What to tell the visitor, in one sentence."""
        if self.reason:
            return Reason(self.reason).visitor_message
        if self.status == Status.VERIFIED:
            return _("Your mobile network has confirmed your number.")
        return _("We are waiting for your mobile network.")

    @property
    def staff_message(self) -> "str | _StrPromise":
        """What to tell the site's staff, and where to look; empty unless it failed."""
        return Reason(self.reason).staff_message if self.reason else ""

    @property
    def stale_reason(self) -> Reason | None:
        """Why a live attempt can't go on: too late to come back, or its exchange was cut off."""
        now = timezone.now()
        if self.status == Status.PENDING:
            late = self.created_at + conf.PLASGATE_IP_ATTEMPT_LIFETIME < now
            return Reason.EXPIRED if late else None
        if self.status == Status.EXCHANGING and self.exchanging_at:
            timeout = timedelta(seconds=conf.PLASGATE_IP_TIMEOUT)
            return (
                Reason.INTERRUPTED if self.exchanging_at + timeout + EXCHANGE_GRACE < now else None
            )
        return None

    def if_unmoved(self) -> PhoneVerificationQuerySet:
        """Return the row if it still has this instance's status, else nothing."""
        # Not "status = ...": PostgreSQL, which thinks that few rows are live, would take the index
        # of the status, and go through all that were abandoned since the last purge.
        others = [status for status in Status.values if status != self.status]
        return PhoneVerification.objects.on_primary().filter(~Q(status__in=others), pk=self.pk)

    def transition(self, **values: Any) -> bool:
        """Change a row that still has this instance's status; return whether it had.

        One conditional UPDATE: of any number of processes that try, one wins. On success this
        instance has the values, otherwise it is as it was.
        """
        if not self.if_unmoved().update(**values):
            return False
        for name, value in values.items():
            setattr(self, name, value)
        return True

    def commit(self, **values: Any) -> bool:
        """Do a `transition` that is committed. Raises RuntimeError inside a transaction."""
        using = router.db_for_write(type(self))
        if not transaction.get_connection(using).in_atomic_block:
            # A statement alone commits itself, with a third of the round trips.
            return self.transition(**values)
        with transaction.atomic(using=using, durable=True):
            return self.transition(**values)
