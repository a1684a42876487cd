"""The app's table with plain columns, for the hand-written views.

Both use the same table, so that only their code differs.
"""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification


class PlainVerification(models.Model):
    """A verification, as a site would write its own model."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True)
    phone_number = models.CharField(max_length=128)
    operator = models.CharField(max_length=64)
    method = models.CharField(max_length=32, default="network")
    scopes = models.CharField(max_length=255, default="mobile_id phone_verify")
    status = models.CharField(max_length=16, default="pending")
    reason = models.CharField(max_length=32)
    error_description = models.CharField(max_length=500)
    sub = models.CharField(max_length=255)
    mobile_id = models.CharField(max_length=255)
    claims = models.TextField()
    mobile_id_changed = models.BooleanField(default=False)
    number_changed = models.BooleanField(default=False)
    claimed_at_login = models.BooleanField(default=False)
    acknowledged_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True)
    session_id = models.CharField(max_length=32)
    callback_session_id = models.CharField(max_length=32)
    redirect_uri = models.TextField()
    nonce = models.CharField(max_length=64)
    key_fingerprint = models.CharField(max_length=32)
    next_url = models.TextField()
    language = models.CharField(max_length=16)
    address = models.CharField(max_length=32)
    exchanging_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "load"
        managed = False
        db_table = PhoneVerification._meta.db_table

    def __str__(self) -> str:
        return str(self.pk)
