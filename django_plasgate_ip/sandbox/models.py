"""What the sandbox remembers between its two endpoints: codes, for five minutes."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

from django.db import models
from django.utils import timezone

from django_plasgate_ip.sandbox.answers import new_code

LIFETIME = timedelta(minutes=5)

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_CODE = re.compile(rf"{_UUID}\.{_UUID}\.{_UUID}")


class AuthorizationCodeQuerySet(models.QuerySet["AuthorizationCode"]):
    """The two things that happen to a code."""

    def issue(
        self, *, phone_number: str, redirect_uri: str, scopes: list[str]
    ) -> AuthorizationCode:
        """Return a new code, and delete the expired ones."""
        self.filter(created_at__lte=timezone.now() - LIFETIME).delete()
        return self.create(
            phone_number=phone_number, redirect_uri=redirect_uri, scope=" ".join(scopes)
        )

    def spend(self, code: str) -> AuthorizationCode:
        """Delete the row of a code, and return it.

        Raises `AuthorizationCode.DoesNotExist` for a code that is unknown, spent or expired.
        """
        # Other text gets no query: databases raise for NUL, and MariaDB ignores case.
        if not _CODE.fullmatch(code):
            raise self.model.DoesNotExist
        row = self.get(code=code, created_at__gt=timezone.now() - LIFETIME)
        # Of two requests at once, one deletes the row.
        deleted, _by_model = self.filter(code=code).delete()
        if not deleted:
            raise self.model.DoesNotExist
        return row


class AuthorizationCode(models.Model):
    """A code that a browser was sent back with, and what it was asked for."""

    code = models.CharField(primary_key=True, max_length=110, default=new_code, editable=False)
    state = models.UUIDField(default=uuid.uuid4, editable=False)
    #: In digits; empty if none was sent.
    phone_number = models.CharField(max_length=15, blank=True)
    redirect_uri = models.TextField()
    scope = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    objects = AuthorizationCodeQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.state)
