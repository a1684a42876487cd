"""`PhoneVerification`: one verification, from its start to its result, and its named queries."""

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, router
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_plasgate_ip import phones
from django_plasgate_ip.conf import conf
from django_plasgate_ip.encryption import kept_sealed
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.fields import EncryptedJSONField, PhoneNumberField
from django_plasgate_ip.reasons import LIVE, Reason, Status

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# After the exchange's own deadline: DNS and a second connection lie outside it (see `transport`).
EXCHANGE_GRACE = timedelta(seconds=30)


class PhoneVerificationQuerySet(models.QuerySet["PhoneVerification"]):
    """Named queries of verifications. Each can follow any other."""

    def on_primary(self) -> "PhoneVerificationQuerySet":
        """Read from the database that is written: a replica may lag behind it."""
        return self.using(router.db_for_write(self.model))

    def verified(self) -> "PhoneVerificationQuerySet":
        """Return those that ended as verified."""
        return self.filter(status=Status.VERIFIED)

    def live(self) -> "PhoneVerificationQuerySet":
        """Return those that have not ended."""
        return self.filter(status__in=LIVE)

    def ended(self) -> "PhoneVerificationQuerySet":
        """Return those that have ended, however."""
        return self.exclude(status__in=LIVE)

    def with_unacknowledged_change(self) -> "PhoneVerificationQuerySet":
        """Return those with a changed SIM or device that nobody has acknowledged."""
        return self.filter(mobile_id_changed=True, mobile_id_acknowledged_at=None)

    def acknowledge_changes(self) -> int:
        """Acknowledge the changes of SIM or device among these; return how many there were.

        Call it after your site has asked the user for a password, say.
        """
        return self.with_unacknowledged_change().update(mobile_id_acknowledged_at=timezone.now())

    def for_user(self, user: Any) -> "PhoneVerificationQuerySet":
        """Return those of `user`; an anonymous user has none."""
        return self.none() if user.pk is None else self.filter(user_id=user.pk)

    def for_session(self, session_id: str) -> "PhoneVerificationQuerySet":
        """Return those of one session, newest first; an empty id has none."""
        return self._newest_first(session_id=session_id) if session_id else self.none()

    def for_callback(self, session_id: str) -> "PhoneVerification | None":
        """Return the verification that a callback in this session is for, or None.

        It is the session's newest one, or the newest one that another session handed over to it.
        """
        if not session_id:
            return None
        return self._newest_first(callback_session_id=session_id).first()

    def _newest_first(self, **values: Any) -> "PhoneVerificationQuerySet":
        # The key settles ties. Without it, each of two starts at once could take the other for
        # the newer one.
        return self.filter(**values).order_by("-created_at", "-pk")

    def latest_for(self, user: Any) -> "PhoneVerification | None":
        """Return the newest verification of `user` in this queryset, or None.

        ``objects.verified().latest_for(user)`` is the newest one that ended as verified.
        """
        return self.for_user(user).order_by("-created_at").first()

    def exists_for(self, user: str = "pk") -> Exists:
        """Return an expression for another query: whether its user has one of these.

        ``User.objects.annotate(has_phone=PhoneVerification.objects.verified().exists_for())``.
        `user`: the field of the annotated model that holds the user; ``"author"`` for articles.
        """
        return Exists(self.filter(user=OuterRef(user)))

    def is_verified(
        self, user: Any, phone_number: Any = None, max_age: timedelta | None = None
    ) -> bool:
        """Whether one of these verified `user`.

        `phone_number`: this number, in any form that `phones.parse` reads. Text that is not a
        phone number matches nothing. `max_age`: completed no longer ago than this.
        """
        try:
            return self.for_user(user).proves(phone_number, max_age)
        except InvalidPhoneNumber:
            return False

    def proves(self, phone_number: Any = None, max_age: timedelta | None = None) -> bool:
        """Whether any of these ended as verified; arguments as for `is_verified`.

        Raises `InvalidPhoneNumber`.
        """
        found = self.verified()
        if phone_number is not None:
            found = found.filter(phone_number=phones.parse(phone_number))
        if max_age is not None:
            found = found.filter(completed_at__gte=timezone.now() - max_age)
        return found.exists()


class PhoneVerification(models.Model):
    """One verification of a phone number, or of what the scopes ask for instead.

    Its status moves from ``pending`` to ``exchanging`` to ``verified``, ``failed`` or ``error``.
    It may end in either of the first two, and it ends once. `flow` moves it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # CASCADE: an account that is deleted takes its personal data along.
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
    # The operator's ids are empty unless verified. A failed answer has a mobile_id too, and
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

    # What the exchange needs. Django's session holds the same id (see `browser_session`).
    session_id = models.CharField(max_length=32, editable=False)
    # The session that goes to PlasGate and comes back: the same one, or the phone's in a hand-off.
    callback_session_id = models.CharField(max_length=32, blank=True, editable=False)
    redirect_uri = models.TextField(editable=False)
    nonce = models.CharField(max_length=64, blank=True, editable=False)
    # Which keys started it: a site's tenants may each have their own.
    key_fingerprint = models.CharField(max_length=32, blank=True, editable=False)
    next_url = models.TextField(blank=True, editable=False)
    language = models.CharField(max_length=16, blank=True, editable=False)
    # A keyed hash, stored only where starts per address are limited (see `limits`).
    address = models.CharField(max_length=32, blank=True, editable=False)
    exchanging_at = models.DateTimeField(null=True, editable=False)

    objects = PhoneVerificationQuerySet.as_manager()

    class Meta:
        verbose_name = _("phone verification")
        verbose_name_plural = _("phone verifications")
        permissions = (("view_claims", _("Can view the claims of phone verifications")),)
        # The documentation lists the query that each index serves.
        indexes = (
            models.Index(fields=["user", "status", "completed_at"], name="plasgate_ip_verified"),
            models.Index(fields=["phone_number", "created_at"], name="plasgate_ip_number"),
            models.Index(fields=["session_id", "created_at"], name="plasgate_ip_session"),
            models.Index(fields=["callback_session_id", "created_at"], name="plasgate_ip_callback"),
            models.Index(fields=["mobile_id_changed", "created_at"], name="plasgate_ip_changed"),
            models.Index(fields=["status", "created_at"], name="plasgate_ip_status"),
            models.Index(fields=["reason", "created_at"], name="plasgate_ip_reason"),
            models.Index(fields=["created_at", "address"], name="plasgate_ip_created"),
            models.Index(fields=["sub"], name="plasgate_ip_sub"),
            models.Index(fields=["mobile_id"], name="plasgate_ip_mobile_id"),
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
        """Reload like any model. Claims stay encrypted, so this works with a wrong key, too."""
        with kept_sealed():
            super().refresh_from_db(*args, **kwargs)

    @property
    def masked_number(self) -> str:
        """The number as people and logs may see it: ``+855 77 *** *18`` or an empty text."""
        return phones.mask(self.phone_number)

    @property
    def is_live(self) -> bool:
        """Whether it has not ended."""
        return self.status in LIVE

    @property
    def is_handed_over(self) -> bool:
        """Whether another session than its own, a phone's, takes it to PlasGate and back."""
        return self.callback_session_id not in ("", self.session_id)

    @property
    def duration(self) -> timedelta | None:
        """The time from its start to its end; None while it is live."""
        return self.completed_at - self.created_at if self.completed_at else None

    @property
    def visitor_message(self) -> "str | _StrPromise":
        """One sentence for the visitor."""
        if self.reason:
            return Reason(self.reason).visitor_message
        if self.status == Status.VERIFIED:
            return _("Your mobile network has confirmed your number.")
        return _("We are waiting for your mobile network.")

    @property
    def staff_message(self) -> "str | _StrPromise":
        """What happened and where to look, for staff; empty unless it failed."""
        return Reason(self.reason).staff_message if self.reason else ""

    @property
    def stale_reason(self) -> Reason | None:
        """Why a live verification can't continue: it came back too late or was cut off; or None."""
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
        # Not "status = ...". Where PostgreSQL expects few live rows, it would use the index of the
        # status, and read all verifications that visitors have abandoned since the last purge.
        others = [status for status in Status.values if status != self.status]
        return PhoneVerification.objects.on_primary().filter(~Q(status__in=others), pk=self.pk)

    def transition(self, **values: Any) -> bool:
        """Change a row that still has this instance's status; return whether it had.

        One conditional UPDATE: of any number of processes that try, one wins. On success this
        instance gets the values; otherwise it stays as it was.
        """
        if not self.if_unmoved().update(**values):
            return False
        for name, value in values.items():
            setattr(self, name, value)
        return True
