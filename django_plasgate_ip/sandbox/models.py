"""What the sandbox remembers between its two endpoints: codes, for five minutes."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from datetime import timedelta

from django.db import models
from django.utils import timezone

LIFETIME = timedelta(minutes=5)

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_CODE = re.compile(rf"{_UUID}\.{_UUID}\.{_UUID}")


def new_code() -> str:
    """Return three dotted UUIDs, a code as on the API page."""
    return ".".join(str(uuid.uuid4()) for _ in range(3))


class AuthorizationCodeQuerySet(models.QuerySet["AuthorizationCode"]):
    """The named queries of `AuthorizationCode`."""

    def live(self) -> AuthorizationCodeQuerySet:
        """Return the codes that can still be spent."""
        return self.filter(spent_at=None, created_at__gt=timezone.now() - LIFETIME)

    def issue(
        self, *, phone_number: str, redirect_uri: str, granted: Iterable[str]
    ) -> AuthorizationCode:
        """Return a new code, and delete the expired ones: the table holds five minutes of them."""
        self.filter(created_at__lte=timezone.now() - LIFETIME).delete()
        return self.create(
            phone_number=phone_number, redirect_uri=redirect_uri, scope=" ".join(sorted(granted))
        )

    def spend(self, code: str) -> AuthorizationCode:
        """Return the row of a live code that from now on is spent.

        One conditional UPDATE decides, so of two requests at once one gets the row. Raises
        `AuthorizationCode.DoesNotExist` for a code that is unknown, spent or expired.
        """
        # No query for text that is no code: databases raise for NUL, and MariaDB ignores case.
        if not _CODE.fullmatch(code):
            raise self.model.DoesNotExist
        if not self.live().filter(code=code).update(spent_at=timezone.now()):
            raise self.model.DoesNotExist
        return self.get(code=code)


class AuthorizationCode(models.Model):
    """One visitor who was sent back with a code. `phone_number` is empty where none was sent."""

    code = models.CharField(primary_key=True, max_length=110, default=new_code, editable=False)
    state = models.UUIDField(default=uuid.uuid4, editable=False)
    phone_number = models.CharField(max_length=15, blank=True)
    redirect_uri = models.TextField()
    scope = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    spent_at = models.DateTimeField(null=True, blank=True)

    objects = AuthorizationCodeQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.state)

    @property
    def session_state(self) -> str:
        """The code's middle part, which the callback also carries on its own."""
        return self.code.split(".")[1]

    @property
    def granted(self) -> frozenset[str]:
        """The custom scopes that the visitor was sent here with."""
        return frozenset(self.scope.split())
