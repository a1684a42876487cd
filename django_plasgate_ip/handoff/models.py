"""`PhoneHandoff`: which phone took up what a computer offered. See `handoff`."""

from typing import Any

from django.db import models, router
from django.utils import timezone


class PhoneHandoff(models.Model):
    """A link that a computer showed as a QR code, from the moment that a phone opens it.

    Its key is the one that the attempt will have, so neither can be there twice. It holds nothing
    about a person, and is of no use once the link is too old.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    #: The phone's session: the first one to open the link, and the only one that may use it.
    opened_by = models.CharField(max_length=32, editable=False)
    #: What the computer shows, and what the phone offers, separated by spaces. Drawn once: of
    #: choices that are drawn anew, the one that stays is the right one.
    code = models.CharField(max_length=2, editable=False)
    choices = models.CharField(max_length=32, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    #: When the computer first showed the code.
    shown_at = models.DateTimeField(null=True, editable=False)
    used_at = models.DateTimeField(null=True, editable=False)
    was_wrong = models.BooleanField(default=False, editable=False)

    class Meta:
        default_permissions = ()
        indexes = (models.Index(fields=["created_at"], name="plasgate_ip_handoff"),)

    def __str__(self) -> str:
        return str(self.pk)

    def __repr__(self) -> str:
        return f"<PhoneHandoff {self.pk}>"

    def change(self, **values: Any) -> bool:
        """Change a row that nobody has used yet; return whether it was so. One UPDATE decides."""
        unused = handoffs().filter(pk=self.pk, used_at=None)
        return bool(unused.update(**values))


def handoffs() -> "models.QuerySet[PhoneHandoff]":
    """Return all hand-offs, from the database that is written."""
    return PhoneHandoff.objects.using(router.db_for_write(PhoneHandoff))
