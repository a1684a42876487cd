"""The encrypted column: JSON that rests as a Fernet token and is opened only when read.

A model instance never holds the plain value. What sits in it, and so in a pickle, a ``repr`` or an
error tracker's copy of a frame, is the token; reading the attribute decrypts it, each time. A wrong
key therefore breaks that one read, not every page that loads the row.
"""

import base64
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import models
from django.db.models.lookups import Exact
from django.db.models.query_utils import DeferredAttribute
from django.utils.encoding import force_bytes

from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import ClaimsUnreadable

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

    _TextField = models.TextField[Any, Any]
    _Exact = Exact[Any]
else:
    _TextField, _Exact = models.TextField, Exact


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

    def open(self) -> Any:
        """Return the value, its types as they were. Raises `ClaimsUnreadable`, never a token."""
        from cryptography.fernet import InvalidToken

        if not self.token:
            return {}
        try:
            plain = cipher().decrypt(self.token.encode())
        except InvalidToken:
            raise ClaimsUnreadable(
                "These claims were encrypted with a key that is not in "
                "PLASGATE_IP_ENCRYPTION_KEYS (or, where that is not set, in SECRET_KEY and "
                "SECRET_KEY_FALLBACKS). Add the old key at the end of the list."
            ) from None
        return json.loads(plain)

    def __repr__(self) -> str:
        return "<Sealed>"


class SealedAttribute(DeferredAttribute):
    """The model's attribute: seals what is assigned, opens what is read."""

    def __get__(self, instance: models.Model | None, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        return value.open() if isinstance(value, Sealed) else value

    # A data descriptor (one with __set__) is asked before the instance's own dict.
    def __set__(self, instance: models.Model, value: Any) -> None:
        sealed = value if isinstance(value, Sealed) else Sealed.seal(value)
        instance.__dict__[self.field.attname] = sealed


class EncryptedJSONField(_TextField):
    """JSON, encrypted at rest under ``PLASGATE_IP_ENCRYPTION_KEYS``.

    Every JSON type survives: False, 0, None, nested dicts and lists. An empty dict rests as an
    empty text, so that rows without claims can be told without a key: ``filter(claims={})``.
    Nothing else can be asked of the column.
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
        return IsEmpty


class IsEmpty(_Exact):
    """``filter(claims={})``: the rows that hold nothing."""

    def get_prep_lookup(self) -> str:
        """Refuse, with FieldError, any value but ``{}``: two tokens of one value differ."""
        if self.rhs != {}:
            raise FieldError("An encrypted column can only be compared with {}.")
        return ""


def cipher() -> "MultiFernet":
    """Return the cipher of the keys now in the settings; the first encrypts, all decrypt.

    Raises ImproperlyConfigured for an empty list, or a key that is no Fernet key.
    """
    configured = _configured()
    if configured is None:
        # SECURITY: raised out here, where no frame holds the keys that are well formed.
        raise ImproperlyConfigured(
            "PLASGATE_IP_ENCRYPTION_KEYS needs at least one key, each made by "
            "cryptography.fernet.Fernet.generate_key()."
        )
    return configured


def _configured() -> "MultiFernet | None":
    keys = conf.PLASGATE_IP_ENCRYPTION_KEYS
    if keys is None:
        return _derived((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))
    return _multi(tuple(keys))


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
