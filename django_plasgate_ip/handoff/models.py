"""`PhoneHandoff`: which phone claimed the link that a computer showed. See `claim_and_confirm`."""

from typing import Any

from django.db import models, router
from django.utils import timezone


class PhoneHandoffQuerySet(models.QuerySet["PhoneHandoff"]):
    """Named queries of hand-offs."""

    def on_primary(self) -> "PhoneHandoffQuerySet":
        """Read from the database that is written: a replica may lag behind it."""
        return self.using(router.db_for_write(self.model))


class PhoneHandoff(models.Model):
    """A link that a computer showed as a QR code, from the moment that a phone opens it.

    Its primary key is the one that the verification will have, so neither can exist twice. It
    holds nothing about a person, and is useless once the link has expired.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    # The session id of the phone: the first one to open the link, and the only one that may use it.
    opened_by = models.CharField(max_length=32, editable=False)
    # What the computer shows, and what the phone offers, separated by spaces. They are stored:
    # if each page drew new choices, the one that stays would be the right one.
    code = models.CharField(max_length=2, editable=False)
    choices = models.CharField(max_length=32, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # When the computer first showed the code.
    shown_at = models.DateTimeField(null=True, editable=False)
    used_at = models.DateTimeField(null=True, editable=False)
    was_wrong = models.BooleanField(default=False, editable=False)

    objects = PhoneHandoffQuerySet.as_manager()

    class Meta:
        # Without it, an import on a site that has not installed the app would add this model to
        # the core's app, which contains this package.
        app_label = "plasgate_ip_handoff"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.pk)

    def change_if_unused(self, **values: Any) -> bool:
        """Change a row that nobody has used yet; return whether it was unused.

        One conditional UPDATE decides between any number of requests.
        """
        unused = PhoneHandoff.objects.on_primary().filter(pk=self.pk, used_at=None)
        return bool(unused.update(**values))
