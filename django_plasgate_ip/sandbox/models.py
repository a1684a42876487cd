"""The codes that the sandbox issued in the last five minutes."""

import uuid
from datetime import timedelta

from django.db import models
from django.utils import timezone

from django_plasgate_ip.sandbox.answers import new_code

LIFETIME = timedelta(minutes=5)


class AuthorizationCode(models.Model):
    """A code, and the start that it was issued for."""

    code = models.CharField(primary_key=True, max_length=110, default=new_code, editable=False)
    state = models.UUIDField(default=uuid.uuid4, editable=False)
    #: In digits; empty if none was sent.
    phone_number = models.CharField(max_length=15, blank=True)
    redirect_uri = models.TextField()
    scope = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return str(self.state)

    @classmethod
    def delete_expired(cls) -> None:
        """Delete the codes that were issued `LIFETIME` ago or earlier."""
        cls.objects.filter(created_at__lte=timezone.now() - LIFETIME).delete()
