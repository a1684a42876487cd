"""The model `PhoneVerification`, which stores one verification."""

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_plasgate_ip import phones
from django_plasgate_ip.conf import conf
from django_plasgate_ip.encryption import kept_sealed
from django_plasgate_ip.fields import EncryptedJSONField, PhoneNumberField
from django_plasgate_ip.querysets import NETWORK, PhoneVerificationQuerySet
from django_plasgate_ip.reasons import LIVE, Reason, Status

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# How long an exchange may take beyond PLASGATE_IP_TIMEOUT. DNS and the attempts to connect to
# further addresses are outside that deadline (see `transport`).
EXCHANGE_GRACE = timedelta(seconds=30)


class PhoneVerification(models.Model):
    """One verification of a phone number, or of the data that its scopes request.

    Its status changes from ``pending`` to ``exchanging``, and then to ``verified``, ``failed`` or
    ``error``. A pending verification may also end directly. Each ends once. `flow` changes the
    status.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # CASCADE: deleting an account deletes its personal data.
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
    # The operator whose prefix the number has, such as "Smart".
    operator = models.CharField(_("operator"), max_length=phones.MAX_OPERATOR, blank=True)
    # How the number was verified: "network" by PlasGate, otherwise what the site names it.
    method = models.CharField(_("method"), max_length=32, default=NETWORK)
    scopes = models.CharField(
        _("scopes"), max_length=255, help_text=_("Separated by spaces, as PlasGate receives them.")
    )
    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, default=Status.PENDING.value
    )
    reason = models.CharField(_("reason"), max_length=32, choices=Reason.choices, blank=True)
    error_description = models.CharField(_("error description"), max_length=500, blank=True)
    # SECURITY: the operator's ids are empty unless the status is "verified". A failed answer has a
    # mobile_id, too. Storing it would enrol a phone that the operator did not confirm.
    sub = models.CharField(_("sub"), max_length=255, blank=True)
    mobile_id = models.CharField(_("mobile ID"), max_length=255, blank=True)
    claims = EncryptedJSONField(_("claims"), default=dict, blank=True, editable=False)
    mobile_id_changed = models.BooleanField(_("SIM or device changed"), default=False)
    number_changed = models.BooleanField(_("number changed"), default=False)
    # SECURITY: somebody else may have verified the number in this browser before the login.
    claimed_at_login = models.BooleanField(_("claimed at a login"), default=False)
    acknowledged_at = models.DateTimeField(_("acknowledged at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)

    # The columns below are for the exchange. The visitor's session holds the same id (see
    # `browser_session`). An app has a handle instead, of which this is a hash (see `app_handle`).
    session_id = models.CharField(max_length=32, editable=False)
    # The session that visits PlasGate and gets the callback. After a hand-off it is the phone's.
    # It is empty for an app.
    callback_session_id = models.CharField(max_length=32, blank=True, editable=False)
    redirect_uri = models.TextField(editable=False)
    nonce = models.CharField(max_length=64, blank=True, editable=False)
    # Identifies the keys that it was started with, because each tenant may have its own.
    key_fingerprint = models.CharField(max_length=32, blank=True, editable=False)
    next_url = models.TextField(blank=True, editable=False)
    # A site may give its languages codes of any length.
    language = models.TextField(blank=True, editable=False)
    # A keyed hash. It is stored only if the site limits the starts per address (see `limits`).
    address = models.CharField(max_length=32, blank=True, editable=False)
    exchanging_at = models.DateTimeField(null=True, editable=False)

    #: Whether `flow.complete` has just ended this verification. It is not stored.
    just_ended = False

    objects = PhoneVerificationQuerySet.as_manager()

    class Meta:
        verbose_name = _("phone verification")
        verbose_name_plural = _("phone verifications")
        permissions = (("view_claims", _("Can view the claims of phone verifications")),)
        # The documentation lists the queries that use each index.
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
        """Reload the row. The claims are not decrypted, so this works without their key."""
        with kept_sealed():
            super().refresh_from_db(*args, **kwargs)

    @property
    def masked_number(self) -> str:
        """The number for pages and logs, such as ``+855 77 *** *18``, or an empty text."""
        return phones.mask(self.phone_number)

    @property
    def reference(self) -> str:
        """The first eight digits of the id: a visitor names it, and the admin's search finds it."""
        return self.pk.hex[:8]

    @property
    def is_live(self) -> bool:
        """Whether the verification has not ended."""
        return self.status in LIVE

    @property
    def is_handed_over(self) -> bool:
        """Whether a session other than the one that started it, a phone's, continues it."""
        return self.callback_session_id not in ("", self.session_id)

    @property
    def duration(self) -> timedelta | None:
        """The time from the start to the end; None while the verification is live."""
        return self.completed_at - self.created_at if self.completed_at else None

    @property
    def visitor_message(self) -> "str | _StrPromise":
        """One sentence for the visitor."""
        if self.reason:
            return Reason(self.reason).visitor_message
        if self.status == Status.VERIFIED and self.method != NETWORK:
            return _("Your number is verified.")
        if self.status == Status.VERIFIED:
            return _("Your mobile network has confirmed your number.")
        return _("We are waiting for your mobile network.")

    @property
    def staff_message(self) -> "str | _StrPromise":
        """What happened and where to look, for staff; empty if there is no reason."""
        return Reason(self.reason).staff_message if self.reason else ""

    @property
    def stale_reason(self) -> Reason | None:
        """Why a live verification can't continue, or None.

        A pending one expires when the visitor returns too late. An exchanging one is interrupted
        when the exchange takes longer than its deadline.
        """
        now = timezone.now()
        if self.status == Status.PENDING:
            late = self.created_at + conf.PLASGATE_IP_ATTEMPT_LIFETIME < now
            return Reason.EXPIRED if late else None
        ends_at = self.exchange_ends_at
        if self.status == Status.EXCHANGING and ends_at:
            return Reason.INTERRUPTED if ends_at < now else None
        return None

    @property
    def exchange_ends_at(self) -> datetime | None:
        """When the exchange counts as interrupted; None before the code is claimed."""
        if self.exchanging_at is None:
            return None
        return self.exchanging_at + timedelta(seconds=conf.PLASGATE_IP_TIMEOUT) + EXCHANGE_GRACE

    def if_unmoved(self) -> PhoneVerificationQuerySet:
        """Return a queryset of this row. It is empty if the row's status has changed."""
        # Not "status = ...": if PostgreSQL expects few live rows, it uses the index of the status,
        # and reads every verification that visitors have abandoned since the last purge.
        others = [status for status in Status.values if status != self.status]
        return PhoneVerification.objects.on_primary().filter(~Q(status__in=others), pk=self.pk)

    def transition(self, **values: Any) -> bool:
        """Update the row if it still has this instance's status. Return whether it was updated.

        This is one conditional UPDATE, so exactly one of several concurrent callers succeeds. On
        success this instance gets the values. Otherwise it is unchanged.
        """
        if not self.if_unmoved().update(**values):
            return False
        for name, value in values.items():
            setattr(self, name, value)
        return True
