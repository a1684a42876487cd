"""Model fields: phone numbers that are masked in a ``repr``, and JSON that is encrypted at rest.

An instance holds the encrypted value (`encryption.Sealed`), never the plain one, and so do its
pickle, its ``repr`` and an error tracker's copy of a frame. Each read of the attribute decrypts it.
A wrong key therefore breaks that read, not every page that loads the row.
"""

from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.lookups import Exact
from django.db.models.query_utils import DeferredAttribute
from phonenumber_field import modelfields

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
    """The model's attribute: converts every assigned value to a `phones.Number`."""

    def __set__(self, instance: models.Model, value: Any) -> None:
        super().__set__(instance, self.field.to_python(value))


class PhoneNumberField(_PhoneNumberField):
    """The field of phonenumber_field, with numbers that are masked in every ``repr``."""

    descriptor_class = NumberAttribute
    if TYPE_CHECKING:
        _pyi_private_set_type: Any
        _pyi_private_get_type: Any

        def __init__(self, *args: Any, region: str | None = None, **kwargs: Any) -> None: ...

    def to_python(self, value: Any) -> Any:
        """Return a `phones.Number`, or an empty value unchanged."""
        if isinstance(value, phones.Number):
            return value
        return phones.hidden(super().to_python(value))

    def get_prep_value(self, value: Any) -> Any:
        """Return E.164, whatever ``PHONENUMBER_DB_FORMAT`` says: "NATIONAL" loses the country."""
        number = self.to_python(value)
        if isinstance(number, phones.Number) and number.is_valid():
            return phones.e164(number)
        return super().get_prep_value(value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Return a `phones.Number` from ``values()`` and ``values_list()``, too."""
        return self.to_python(value)

    def deconstruct(self) -> Any:
        """Return phonenumber_field's own field to migrations, because the column is the same."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "phonenumber_field.modelfields.PhoneNumberField", args, kwargs


class SealedAttribute(DeferredAttribute):
    """The model's attribute: encrypts what is assigned and decrypts what is read."""

    def __get__(self, instance: models.Model | None, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        return value.decrypt() if isinstance(value, Sealed) and not is_kept_sealed() else value

    # Python asks a descriptor with __set__ before the instance's own dict.
    def __set__(self, instance: models.Model, value: Any) -> None:
        sealed = value if isinstance(value, Sealed) else Sealed.seal(value)
        instance.__dict__[self.field.attname] = sealed


class EncryptedJSONField(_TextField):
    """JSON, encrypted at rest under ``PLASGATE_IP_ENCRYPTION_KEYS``.

    Every JSON type survives: False, 0, None, nested dicts and lists. An empty dict is stored as an
    empty text, so that ``filter(claims={})`` finds the rows without claims, even without a key. No
    other lookup is allowed.
    """

    descriptor_class = SealedAttribute
    if TYPE_CHECKING:
        # django-stubs' names for the attribute's type; the inherited type is text.
        _pyi_private_set_type: Any
        _pyi_private_get_type: Any

    def from_db_value(self, value: str, expression: Any, connection: Any) -> Sealed:
        """Wrap the column's text. Loading rows decrypts nothing."""
        return Sealed(value)

    def to_python(self, value: Any) -> Any:
        """Treat a text as a token, which is what fixtures hold. Return other values unchanged."""
        return Sealed(value) if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Return the encrypted value: saving the other columns needs no key."""
        return self.value_from_object(model_instance)

    def get_prep_value(self, value: Any) -> str:
        """Return the token to store."""
        return (value if isinstance(value, Sealed) else Sealed.seal(value)).token

    def value_from_object(self, obj: models.Model) -> Any:
        """Return the encrypted value: ``dumpdata`` must not write plain claims into a file."""
        return DeferredAttribute(self).__get__(obj)

    def value_to_string(self, obj: models.Model) -> str:
        """Return the token, for serializers."""
        return self.get_prep_value(self.value_from_object(obj))

    def get_lookup(self, lookup_name: str) -> Any:
        """Allow ``filter(claims={})``. Raises FieldError for lookups that can't match a token."""
        if lookup_name != "exact":
            raise FieldError(f"{self.name} is encrypted: {lookup_name} can't search it.")
        return EmptyExact


class EmptyExact(_Exact):
    """``filter(claims={})``: finds the rows without claims."""

    def get_prep_lookup(self) -> str:
        """Return the empty text. Raises FieldError for any other value than ``{}``.

        Two tokens of one value differ, so a comparison could not find it.
        """
        if self.rhs != {}:
            raise FieldError("An encrypted column can only be compared with {}.")
        return ""
