"""Model fields: phone numbers that are masked in a ``repr``, and JSON that is encrypted at rest.

An instance holds the encrypted value (`encryption.Sealed`), never the plain one. Its pickle, its
``repr`` and an error tracker's copy of a frame therefore hold the encrypted value, too. Reading the
attribute decrypts the value. A wrong key breaks that read, but not the pages that load the row.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.lookups import Exact
from django.db.models.query_utils import DeferredAttribute
from django.db.models.signals import pre_delete
from phonenumber_field import modelfields
from phonenumber_field.phonenumber import PhoneNumber
from phonenumbers import NumberParseException

from django_plasgate_ip import phones
from django_plasgate_ip.encryption import Sealed, is_kept_sealed

if TYPE_CHECKING:
    _TextField = models.TextField[Any, Any]
    _Exact = Exact[Any]
    _PhoneNumberField = models.CharField[Any, Any]
else:
    _TextField, _Exact = models.TextField, Exact
    _PhoneNumberField = modelfields.PhoneNumberField


class NumberAttribute(modelfields.PhoneNumberDescriptor):  # type: ignore[misc]
    """The model's attribute, which converts every assigned value to a `phones.Number`."""

    def __set__(self, instance: models.Model, value: Any) -> None:
        super().__set__(instance, self.field.to_python(value))


class PhoneNumberField(_PhoneNumberField):
    """phonenumber_field's model field, with numbers that are masked in every ``repr``."""

    descriptor_class = NumberAttribute
    if TYPE_CHECKING:
        _pyi_private_set_type: Any
        _pyi_private_get_type: Any
        region: str | None

        def __init__(self, *args: Any, region: str | None = None, **kwargs: Any) -> None: ...

    def to_python(self, value: Any) -> Any:
        """Return a `phones.Number`, or an empty value unchanged."""
        if isinstance(value, phones.Number):
            return value
        if isinstance(value, str):
            with suppress(NumberParseException):
                return phones.Number.from_string(value, self.region)
        number = super().to_python(value)
        if not isinstance(number, PhoneNumber):
            return number
        masked = phones.Number()
        masked.merge_from(number)
        return masked

    def get_prep_value(self, value: Any) -> Any:
        """Return E.164. ``PHONENUMBER_DB_FORMAT`` is ignored: "NATIONAL" drops the country code."""
        number = self.to_python(value)
        if isinstance(number, phones.Number) and number.country_code is not None:
            return phones.e164(number)
        return super().get_prep_value(value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Return a `phones.Number`, which ``values()`` and ``values_list()`` return, too."""
        return self.to_python(value)

    def deconstruct(self) -> Any:
        """Return phonenumber_field's field for migrations, because the column is the same."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "phonenumber_field.modelfields.PhoneNumberField", args, kwargs


class SealedAttribute(DeferredAttribute):
    """The model's attribute, which encrypts assigned values and decrypts them when read."""

    def __get__(self, instance: models.Model | None, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        return value.decrypt() if isinstance(value, Sealed) and not is_kept_sealed() else value

    # A descriptor with __set__ takes precedence over the instance's __dict__. Without it, reading
    # the attribute would return the value in __dict__, and __get__ would not be called.
    def __set__(self, instance: models.Model, value: Any) -> None:
        sealed = value if isinstance(value, Sealed) else Sealed.seal(value)
        instance.__dict__[self.field.attname] = sealed


class _Forgotten(Sealed):
    """The empty value of an instance that was deleted, or whose deletion was rolled back."""


class EncryptedJSONField(_TextField):
    """JSON that is encrypted at rest with ``PLASGATE_IP_ENCRYPTION_KEYS``.

    Every JSON type is preserved: False, 0, None, nested dicts and lists. An empty dict is stored as
    an empty text, so ``filter(claims={})`` finds the rows without claims, even without a key. Every
    other lookup raises FieldError.

    An instance that is deleted loses its value first. An audit log that receives ``pre_delete`` or
    ``post_delete`` would otherwise read the decrypted value, and keep it. If the deletion is rolled
    back, saving the instance leaves the column as it is.
    """

    descriptor_class = SealedAttribute
    if TYPE_CHECKING:
        # django-stubs reads the attribute's type from these. The inherited type is text.
        _pyi_private_set_type: Any
        _pyi_private_get_type: Any

    def contribute_to_class(self, cls: Any, name: str, private_only: bool = False) -> None:
        """Receive the model's ``pre_delete``, before any receiver of the site does."""
        super().contribute_to_class(cls, name, private_only)
        pre_delete.connect(self._forget, sender=cls)
        # SECURITY: an app that is imported earlier may receive the deletions of all models.
        receivers: list[Any] = pre_delete.receivers
        receivers.insert(0, receivers.pop())

    def _forget(self, instance: models.Model, **kwargs: Any) -> None:
        setattr(instance, self.attname, _Forgotten(""))

    def from_db_value(self, value: str, expression: Any, connection: Any) -> Sealed:
        """Return the column's text as `Sealed`. Loading a row decrypts nothing."""
        return Sealed(value)

    def to_python(self, value: Any) -> Any:
        """Return a text as `Sealed`: fixtures hold tokens. Return other values unchanged."""
        return Sealed(value) if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Return the encrypted value, so that saving a row needs no key."""
        value = self.value_from_object(model_instance)
        return models.F(self.attname) if isinstance(value, _Forgotten) and not add else value

    def get_prep_value(self, value: Any) -> str:
        """Return the token to store."""
        return (value if isinstance(value, Sealed) else Sealed.seal(value)).token

    def value_from_object(self, obj: models.Model) -> Any:
        """Return the encrypted value. ``dumpdata`` must not write decrypted claims to a file."""
        return DeferredAttribute(self).__get__(obj)

    def value_to_string(self, obj: models.Model) -> str:
        """Return the token, which serializers write."""
        return self.get_prep_value(self.value_from_object(obj))

    def get_lookup(self, lookup_name: str) -> Any:
        """Return the lookup of ``filter(claims={})``. Raises FieldError for any other name."""
        if lookup_name != "exact":
            raise FieldError(
                f"{self.name} is encrypted and does not support the lookup {lookup_name}."
            )
        return EmptyExact


class EmptyExact(_Exact):
    """The lookup ``filter(claims={})``, which finds the rows without claims."""

    def get_prep_lookup(self) -> str:
        """Return the empty text. Raises FieldError for any value except ``{}``.

        Encrypting a value twice gives two different tokens, so comparing tokens finds nothing.
        """
        if self.rhs != {}:
            raise FieldError("An encrypted column can only be compared with {}.")
        return ""
