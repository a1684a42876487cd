"""`PhoneHandoff`: the phone that claimed a computer's link. See `claim_and_confirm`."""

from datetime import timedelta
from typing import Any

from django.db import models, router
from django.utils import timezone

# Rows are kept for longer than links are valid, so that a late or a second phone gets the reason.
KEPT = timedelta(hours=1)


class PhoneHandoffQuerySet(models.QuerySet["PhoneHandoff"]):
    """Queries of hand-offs."""

    def on_primary(self) -> "PhoneHandoffQuerySet":
        """Return the rows of the database that is written to. A replica may lag behind it."""
        return self.using(router.db_for_write(self.model))

    def old(self) -> "PhoneHandoffQuerySet":
        """Return the rows that nobody needs any more."""
        return self.filter(created_at__lt=timezone.now() - KEPT)


class PhoneHandoff(models.Model):
    """A link that a computer showed as a QR code. A phone that opens it creates the row.

    The verification gets the same primary key, so a tap starts one verification at most. The row
    is kept for an hour, in which its wrong tap counts (see `claim_and_confirm`).
    """

    id = models.UUIDField(primary_key=True, editable=False)
    # The id of the computer's session. A login or a logout there empties it, and ends the hand-off.
    session_id = models.CharField(max_length=32, editable=False, db_index=True)
    # A keyed hash of the computer's account (see `tokens.Token.owner`).
    owner = models.CharField(max_length=32, editable=False)
    # The session id of the first phone that opened the link. No other phone may use it.
    opened_by = models.CharField(max_length=32, editable=False)
    # The pair on the computer, and the pairs on the phone, separated by spaces.
    # SECURITY: they are stored. If each view drew new choices, the pair that stays would be right.
    code = models.CharField(max_length=2, editable=False)
    choices = models.CharField(max_length=32, editable=False)
    # When the computer showed the link.
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # When the computer last showed the code.
    shown_at = models.DateTimeField(null=True, editable=False)
    used_at = models.DateTimeField(null=True, editable=False)
    # Without ``used_at``: a tap is being compared.
    was_wrong = models.BooleanField(default=False, editable=False)

    objects = PhoneHandoffQuerySet.as_manager()

    class Meta:
        # The core's app contains this package. Without a label, an import would add this model to
        # the core on sites that have not installed the hand-off.
        app_label = "plasgate_ip_handoff"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.pk)

    def was_shown_within(self, age: timedelta) -> bool:
        """Whether the computer has shown the code at most that long ago."""
        return self.shown_at is not None and timezone.now() - self.shown_at <= age

    def change(self, **values: Any) -> bool:
        """Set these columns. Return False if a login or a logout has ended the hand-off.

        SECURITY: the UPDATE waits for a logout whose transaction is open. A SELECT would not.
        """
        return bool(self._unended().update(**values))

    def change_if_open(self, **values: Any) -> bool:
        """Set these columns if there was no tap, login or logout. Return whether they were set.

        SECURITY: one conditional UPDATE decides between simultaneous taps, so each link allows one.
        """
        return bool(self._unended().filter(used_at=None, was_wrong=False).update(**values))

    def use_again(self) -> bool:
        """Let the phone start again. Return False if a login, a logout or another start was first.

        SECURITY: one conditional UPDATE decides, so of simultaneous requests one starts.
        """
        same = self._unended().filter(used_at=self.used_at, was_wrong=False)
        return bool(same.update(used_at=timezone.now()))

    def _unended(self) -> PhoneHandoffQuerySet:
        return PhoneHandoff.objects.on_primary().filter(pk=self.pk, session_id=self.session_id)
