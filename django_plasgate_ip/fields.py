"""The columns that hide: numbers that are masked in a ``repr``, and the encrypted JSON.

The JSON rests as a Fernet token and is opened only when read. A model instance never holds the
plain value. What sits in it, and so in a pickle, a ``repr`` or an error tracker's copy of a frame,
is the token; reading the attribute decrypts it, each time. A wrong key therefore breaks that one
read, not every page that loads the row.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import models
from django.db.models.lookups import Exact
from django.db.models.query_utils import DeferredAttribute
from django.utils.encoding import force_bytes
from phonenumber_field import modelfields

from django_plasgate_ip import phones
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import ClaimsUnreadable

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

    _TextField = models.TextField[Any, Any]
    _Exact = Exact[Any]
    _PhoneNumberField = models.CharField[Any, Any]
else:
    _TextField, _Exact = models.TextField, Exact
    _PhoneNumberField = modelfields.PhoneNumberField


class NumberAttribute(modelfields.PhoneNumberDescriptor):  # type: ignore[misc]
    """The model's attribute: a `phones.Number`, whatever was assigned."""

    def __set__(self, instance: models.Model, value: Any) -> None:
        super().__set__(instance, self.field.to_python(value))


class PhoneNumberField(_PhoneNumberField):
    """The one of phonenumber_field, whose numbers show themselves in every ``repr``."""

    descriptor_class = NumberAttribute
    if TYPE_CHECKING:
        _pyi_private_set_type: Any
        _pyi_private_get_type: Any

        def __init__(self, *args: Any, region: str | None = None, **kwargs: Any) -> None: ...

    def to_python(self, value: Any) -> Any:
        """Return a `phones.Number`, or an empty value as it is."""
        if isinstance(value, phones.Number):
            return value
        return phones.hidden(super().to_python(value))

    def get_prep_value(self, value: Any) -> Any:
        """Return E.164, whatever ``PHONENUMBER_DB_FORMAT`` says: "NATIONAL" forgets the country."""
        number = self.to_python(value)
        if isinstance(number, phones.Number) and number.is_valid():
            return phones.e164(number)
        return super().get_prep_value(value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Return the same for ``values()``."""
        return self.to_python(value)

    def deconstruct(self) -> Any:
        """Be the plain field to migrations: the column is the same."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "phonenumber_field.modelfields.PhoneNumberField", args, kwargs


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value at rest: a Fernet token, or nothing at all for an empty dict."""

    token: str

    @classmethod
    def seal(cls, value: Any) -> "Sealed":
        """Encrypt any JSON value with the first key. Raises TypeError for what JSON can't hold."""
        if value == {}:
            return cls("")
        return cls(cipher().encrypt(json.dumps(value).encode()).decode("ascii"))

    def decrypt(self) -> Any:
        """Return the value, its types as they were. Raises `ClaimsUnreadable`, never a token."""
        return json.loads(self._opened_by(cipher())) if self.token else {}

    def reencrypt(self) -> "Sealed":
        """Return the same value, sealed with the first key. Raises `ClaimsUnreadable`.

        Opens also what was sealed while ``PLASGATE_IP_ENCRYPTION_KEYS`` was not set yet.
        """
        if not self.token:
            return self
        try:
            plain = self._opened_by(cipher())
        except ClaimsUnreadable:
            plain = self._opened_by(_whole(_derived(_secrets())))
        # As it was: parsing it, only to write it again, would be a third of the work.
        return Sealed(cipher().encrypt(plain).decode("ascii"))

    def _opened_by(self, keys: "MultiFernet") -> bytes:
        from cryptography.fernet import InvalidToken

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
    """Let Django copy attributes inside the block: they are read as they rest, with no key."""
    token = _kept_sealed.set(True)
    try:
        yield
    finally:
        _kept_sealed.reset(token)


class SealedAttribute(DeferredAttribute):
    """The model's attribute: seals what is assigned, opens what is read."""

    def __get__(self, instance: models.Model | None, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        return value.decrypt() if isinstance(value, Sealed) and not _kept_sealed.get() else value

    # A data descriptor (one with __set__) is asked before the instance's own dict.
    def __set__(self, instance: models.Model, value: Any) -> None:
        sealed = value if isinstance(value, Sealed) else Sealed.seal(value)
        instance.__dict__[self.field.attname] = sealed


class EncryptedJSONField(_TextField):
    """JSON, encrypted at rest under ``PLASGATE_IP_ENCRYPTION_KEYS``.

    Every JSON type survives: False, 0, None, nested dicts and lists. An empty dict rests as an
    empty text, so that rows without claims can be told without a key: ``filter(claims={})``.
    Nothing else can be asked of the column, but for a `Sealed` that was read from it.
    """

    descriptor_class = SealedAttribute
    if TYPE_CHECKING:
        # What django-stubs says of the attribute's type; inherited, it would be text.
        _pyi_private_set_type: Any
        _pyi_private_get_type: Any

    def from_db_value(self, value: str, expression: Any, connection: Any) -> Sealed:
        """Wrap the column's text; nothing is decrypted while rows are loaded."""
        return Sealed(value)

    def to_python(self, value: Any) -> Any:
        """Take a fixture's text for the token it is; other values are sealed when assigned."""
        return Sealed(value) if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Return the sealed value as it is: to save the other columns takes no key."""
        return self.value_from_object(model_instance)

    def get_prep_value(self, value: Any) -> str:
        """Return the token to store."""
        return (value if isinstance(value, Sealed) else Sealed.seal(value)).token

    def value_from_object(self, obj: models.Model) -> Any:
        """Return the sealed value: ``dumpdata`` must not write plain claims into a file."""
        return DeferredAttribute(self).__get__(obj)

    def value_to_string(self, obj: models.Model) -> str:
        """Return the token, for serializers."""
        return self.get_prep_value(self.value_from_object(obj))

    def get_lookup(self, lookup_name: str) -> Any:
        """Allow ``filter(claims={})`` and refuse all else, which could never match a token."""
        if lookup_name != "exact":
            raise FieldError(f"{self.name} is encrypted: {lookup_name} can't search it.")
        return SealedExact


class SealedExact(_Exact):
    """``filter(claims={})``: the rows that hold nothing; with a `Sealed`, the one it is from."""

    def get_prep_lookup(self) -> str:
        """Refuse, with FieldError, any plain value but ``{}``: two tokens of one value differ."""
        if isinstance(self.rhs, Sealed):
            return self.rhs.token
        if self.rhs != {}:
            raise FieldError("An encrypted column can only be compared with {}.")
        return ""


def cipher() -> "MultiFernet":
    """Return the cipher of the keys now in the settings; the first encrypts, all decrypt.

    Raises ImproperlyConfigured for an empty list, or a key that is no Fernet key.
    """
    return _whole(_configured())


def _whole(keys: "MultiFernet | None") -> "MultiFernet":
    if keys is None:
        # SECURITY: raised out here, where no frame holds the keys that are well formed.
        raise ImproperlyConfigured(
            "PLASGATE_IP_ENCRYPTION_KEYS needs at least one key, each made by "
            "cryptography.fernet.Fernet.generate_key()."
        )
    return keys


def _configured() -> "MultiFernet | None":
    keys = conf.PLASGATE_IP_ENCRYPTION_KEYS
    return _derived(_secrets()) if keys is None else _multi(tuple(keys))


def _secrets() -> tuple[str | bytes, ...]:
    return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@lru_cache(maxsize=4)
def _derived(secrets: tuple[str | bytes, ...]) -> "MultiFernet | None":
    """Return a cipher of keys of its own for each secret: HKDF keeps the uses apart."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return _multi(
        tuple(
            base64.urlsafe_b64encode(
                HKDF(SHA256(), 32, salt=None, info=b"django_plasgate_ip.claims").derive(
                    force_bytes(secret)
                )
            )
            for secret in secrets
        )
    )


@lru_cache(maxsize=4)
def _multi(keys: tuple[str | bytes, ...]) -> "MultiFernet | None":
    """Return the cipher of these Fernet keys, or None if there is none or one is malformed."""
    from cryptography.fernet import Fernet, MultiFernet

    try:
        return MultiFernet([Fernet(key) for key in keys])
    except (TypeError, ValueError):
        return None
