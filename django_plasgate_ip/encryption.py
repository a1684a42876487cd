"""Encryption of the claims: the keys, a value at rest, and a new key for every row."""

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
    """Return the cipher of the keys in the settings: the first key encrypts, every key decrypts.

    Raises ImproperlyConfigured for an empty list and for a value that is not a Fernet key.
    """
    found = _configured_cipher()
    if found is None:
        # SECURITY: raised here, because an error report shows the variables of each frame, and
        # this frame holds none of the keys that are valid.
        raise ImproperlyConfigured(
            "PLASGATE_IP_ENCRYPTION_KEYS needs at least one key, each made by "
            "cryptography.fernet.Fernet.generate_key()."
        )
    return found


def _configured_cipher() -> MultiFernet | None:
    """Return the cipher, or None if a key is invalid or the list is empty."""
    keys = conf.PLASGATE_IP_ENCRYPTION_KEYS
    if keys is None:
        return _secret_key_cipher()
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except (TypeError, ValueError):
        return None


def _secret_key_cipher() -> MultiFernet:
    """Return the cipher of keys derived from ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS``."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([Fernet(_derived_key(secret)) for secret in secrets])


def _derived_key(secret: str | bytes) -> bytes:
    """Return a Fernet key for the claims only; Django signs other things with the same secret."""
    derivation = HKDF(SHA256(), 32, salt=None, info=b"django_plasgate_ip.claims")
    return base64.urlsafe_b64encode(derivation.derive(force_bytes(secret)))


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value at rest: a Fernet token, or an empty text for an empty dict."""

    token: str

    @classmethod
    def seal(cls, value: Any) -> "Sealed":
        """Encrypt a JSON value with the first key. Raises TypeError if JSON can't hold it."""
        if value == {}:
            return cls("")
        return cls(cipher().encrypt(json.dumps(value).encode()).decode("ascii"))

    def decrypt(self) -> Any:
        """Return the value. Raises `ClaimsUnreadable`, whose text does not show the token."""
        return json.loads(self._decrypted_by(cipher())) if self.token else {}

    def reencrypt(self) -> "Sealed":
        """Return the same value, encrypted with the first key. Raises `ClaimsUnreadable`.

        Values that were encrypted before ``PLASGATE_IP_ENCRYPTION_KEYS`` was set are read with the
        keys derived from ``SECRET_KEY``.
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
                "These claims were encrypted with a key that is not in "
                "PLASGATE_IP_ENCRYPTION_KEYS (or, where that is not set, in SECRET_KEY and "
                "SECRET_KEY_FALLBACKS). Add the old key at the end of the list."
            ) from None

    def __repr__(self) -> str:
        return "<Sealed>"


_kept_sealed: ContextVar[bool] = ContextVar("django_plasgate_ip_kept_sealed", default=False)


@contextmanager
def kept_sealed() -> Iterator[None]:
    """Read encrypted attributes as `Sealed` inside the block: they are copied without a key."""
    token = _kept_sealed.set(True)
    try:
        yield
    finally:
        _kept_sealed.reset(token)


def is_kept_sealed() -> bool:
    """Return whether the code that runs is inside `kept_sealed`."""
    return _kept_sealed.get()


@dataclass(frozen=True)
class Reencrypted:
    """One batch of `reencrypt`."""

    #: How many rows the batch had.
    rows: int
    #: How many of them no key could decrypt. They are left as they are.
    unreadable: int
    #: The batch's last primary key. A run that is stopped can go on behind it.
    last: Any


def reencrypt(rows: QuerySet[Any], batch_size: int) -> Iterator[Reencrypted]:
    """Encrypt the claims of these rows with the first key, in the order of the primary key.

    `rows`: those that have claims.

    Each batch is a transaction. It skips rows that another transaction has locked. Those follow
    one by one: a transaction that waits for a row must not hold others, or two could wait for each
    other. A database that can't skip locked rows (MariaDB 10.5) waits for them in the batch.
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
    """Do so in one transaction. Return the locked rows' keys, and how many are unreadable."""
    # SECURITY: without `kept_sealed`, the error report of a failing database would show the claims.
    with kept_sealed(), transaction.atomic(using=rows.db):
        locked = list(rows.select_for_update(skip_locked=skip_locked).only("claims"))
        readable = [row for row in locked if _use_first_key(row)]
        # Small statements: the database compares each row with every other one of its statement.
        rows.bulk_update(readable, ["claims"], batch_size=100)
    return {row.pk for row in locked}, len(locked) - len(readable)


def _use_first_key(row: Any) -> bool:
    """Encrypt the instance's claims again; return whether a key could decrypt them."""
    try:
        row.claims = row.claims.reencrypt()
    except ClaimsUnreadable:
        return False
    return True
