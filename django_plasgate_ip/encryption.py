"""Encryption of the claims: the keys, the encrypted value, and re-encryption with a new key."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction
from django.db.models import QuerySet
from django.utils.encoding import force_bytes

from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import ClaimsUnreadable


def cipher() -> MultiFernet:
    """Return the cipher of the configured keys. The first key encrypts, and every key decrypts.

    Raises ImproperlyConfigured if the list is empty or holds a value that is not a Fernet key.
    """
    found = _configured_cipher()
    if found is None:
        # SECURITY: raised in this frame, which holds no key. An error report shows the variables
        # of each frame, and `_configured_cipher` holds the valid keys of the list.
        raise ImproperlyConfigured(
            "PLASGATE_IP_ENCRYPTION_KEYS must be a list of one or more keys. Create each key with "
            "cryptography.fernet.Fernet.generate_key()."
        )
    return found


def _configured_cipher() -> MultiFernet | None:
    keys = conf.PLASGATE_IP_ENCRYPTION_KEYS
    if keys is None:
        return _secret_key_cipher()
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except (TypeError, ValueError):
        return None


def _secret_key_cipher() -> MultiFernet:
    secrets = (settings.SECRET_KEY, *(settings.SECRET_KEY_FALLBACKS or ()))
    return MultiFernet([Fernet(_derived_key(secret)) for secret in secrets])


def _derived_key(secret: str | bytes) -> bytes:
    """Return a Fernet key that is used for claims only. Django uses the secret for other jobs."""
    derivation = HKDF(SHA256(), 32, salt=None, info=b"django_plasgate_ip.claims")
    return base64.urlsafe_b64encode(derivation.derive(force_bytes(secret)))


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted value: a Fernet token, or an empty text for an empty dict."""

    token: str

    @classmethod
    def seal(cls, value: Any) -> "Sealed":
        """Encrypt a value with the first key. Raises TypeError if JSON can't represent it."""
        if value == {}:
            return cls("")
        return cls(cipher().encrypt(json.dumps(value).encode()).decode("ascii"))

    def decrypt(self) -> Any:
        """Return the decrypted value. Raises `ClaimsUnreadable`, whose text has no token."""
        return json.loads(self._decrypted_by(cipher())) if self.token else {}

    def reencrypt(self) -> "Sealed":
        """Return the same value, encrypted with the first key. Raises `ClaimsUnreadable`.

        The keys derived from ``SECRET_KEY`` are tried, too. They encrypted the values that were
        stored before ``PLASGATE_IP_ENCRYPTION_KEYS`` was set.
        """
        if not self.token:
            return self
        try:
            plain = self._decrypted_by(cipher())
        except ClaimsUnreadable:
            plain = self._decrypted_by(_secret_key_cipher())
        return Sealed(cipher().encrypt(plain).decode("ascii"))

    def _decrypted_by(self, keys: MultiFernet) -> bytes:
        try:
            return keys.decrypt(self.token.encode())
        except InvalidToken:
            raise ClaimsUnreadable(
                "These claims can't be decrypted. Add the key that encrypted them at the end of "
                "PLASGATE_IP_ENCRYPTION_KEYS or, if that setting is not set, of "
                "SECRET_KEY_FALLBACKS."
            ) from None

    def __repr__(self) -> str:
        return "<Sealed>"


_kept_sealed: ContextVar[bool] = ContextVar("django_plasgate_ip_kept_sealed", default=False)


@contextmanager
def kept_sealed() -> Iterator[None]:
    """Inside this block, encrypted attributes return `Sealed`, so copying them needs no key."""
    token = _kept_sealed.set(True)
    try:
        yield
    finally:
        _kept_sealed.reset(token)


def is_kept_sealed() -> bool:
    """Return whether the caller runs inside a `kept_sealed` block."""
    return _kept_sealed.get()


@dataclass(frozen=True)
class Reencrypted:
    """The result of one batch of `reencrypt`."""

    #: The number of rows in the batch.
    rows: int
    #: The number of these rows that no key could decrypt. They are unchanged.
    unreadable: int
    #: The batch's last primary key. A stopped run can continue after it.
    last: Any


def reencrypt(rows: QuerySet[Any], batch_size: int) -> Iterator[Reencrypted]:
    """Encrypt the claims of `rows` again with the first key. Yield the result of each batch.

    `rows` should exclude those without claims. They are read in the order of the primary key.

    Each batch is one transaction. It skips the rows that another transaction has locked. Each
    skipped row is then re-encrypted in a transaction of its own: a transaction that waits for one
    row while it holds others can deadlock. If the database can't skip locked rows (MariaDB 10.5),
    the batch waits for them.
    """
    can_skip = connections[rows.db].features.has_select_for_update_skip_locked
    page = rows
    while pks := list(page.order_by("pk").values_list("pk", flat=True)[:batch_size]):
        done, unreadable = _reencrypt(rows.filter(pk__in=pks), skip_locked=can_skip)
        for pk in set(pks) - done:
            unreadable += _reencrypt(rows.filter(pk=pk))[1]
        yield Reencrypted(len(pks), unreadable, last=pks[-1])
        page = rows.filter(pk__gt=pks[-1])


def _reencrypt(rows: QuerySet[Any], skip_locked: bool = False) -> tuple[set[Any], int]:
    """Return the primary keys of the rows that it locked, and the number of unreadable ones."""
    # SECURITY: without `kept_sealed`, frames would hold decrypted claims, and the error report of a
    # failing database would show them.
    with kept_sealed(), transaction.atomic(using=rows.db):
        locked = list(rows.select_for_update(skip_locked=skip_locked).only("claims"))
        readable = [row for row in locked if _use_first_key(row)]
        # Small statements: for each row the database evaluates a CASE with a branch per row.
        rows.bulk_update(readable, ["claims"], batch_size=100)
    return {row.pk for row in locked}, len(locked) - len(readable)


def _use_first_key(row: Any) -> bool:
    try:
        row.claims = row.claims.reencrypt()
    except ClaimsUnreadable:
        return False
    return True
