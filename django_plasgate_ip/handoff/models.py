"""`PhoneHandoff`: the phone that claimed a computer's link. See `claim_and_confirm`."""

from typing import Any

from django.db import models, router
from django.utils import timezone


class PhoneHandoffQuerySet(models.QuerySet["PhoneHandoff"]):
    """Queries of hand-offs."""

    def on_primary(self) -> "PhoneHandoffQuerySet":
        """Return the rows of the database that is written to. A replica may lag behind it."""
        return self.using(router.db_for_write(self.model))


class PhoneHandoff(models.Model):
    """A link that a computer showed as a QR code. A phone that opens it creates the row.

    The verification gets the same primary key, so a link starts one verification at most. The row
    holds nothing about a person, and has no use after the link has expired.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    # The session id of the first phone that opened the link. No other phone may use it.
    opened_by = models.CharField(max_length=32, editable=False)
    # The pair on the computer, and the pairs on the phone, separated by spaces.
    # SECURITY: they are stored. If each view drew new choices, the pair that stays would be right.
    code = models.CharField(max_length=2, editable=False)
    choices = models.CharField(max_length=32, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # When the computer first showed the code.
    shown_at = models.DateTimeField(null=True, editable=False)
    used_at = models.DateTimeField(null=True, editable=False)
    was_wrong = models.BooleanField(default=False, editable=False)

    objects = PhoneHandoffQuerySet.as_manager()

    class Meta:
        # The core's app contains this package. Without a label, an import would add this model to
        # the core on sites that have not installed the hand-off.
        app_label = "plasgate_ip_handoff"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.pk)

    def change_if_unused(self, **values: Any) -> bool:
        """Set these columns if ``used_at`` is still empty. Return whether it was.

        SECURITY: one conditional UPDATE decides between simultaneous taps, so each link allows one.
        """
        unused = PhoneHandoff.objects.on_primary().filter(pk=self.pk, used_at=None)
        return bool(unused.update(**values))
