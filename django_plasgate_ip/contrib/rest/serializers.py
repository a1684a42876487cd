"""What the endpoints read. The repr of each text that they return hides it."""

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers

from django_plasgate_ip import forms
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.conf import conf
from django_plasgate_ip.redaction import Hidden
from django_plasgate_ip.verification.callback import MAX_LENGTH

_FORM_MESSAGES = forms.PhoneNumberField.default_error_messages


class PhoneNumberField(serializers.Field):  # type: ignore[misc]
    """Reads a number as the start page's form does, with its messages and codes."""

    default_error_messages = {
        "required": _FORM_MESSAGES["required"],
        "null": _FORM_MESSAGES["required"],
    }

    def to_internal_value(self, data: Any) -> Any:
        """Return what `phones.parse` returns."""
        try:
            return forms.PhoneNumberField().clean(data)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages, code=error.code) from None


class TextField(serializers.CharField):  # type: ignore[misc]
    """A text of PlasGate's or of this app's, unchanged."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, max_length=MAX_LENGTH, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Return the text. Its repr hides it."""
        return Hidden(super().to_internal_value(data))


class _Body(serializers.Serializer):  # type: ignore[misc]
    def __repr__(self) -> str:
        # SECURITY: an error tracker stores the repr of local variables. By default, this one has
        # the whole body.
        return f"<{type(self).__name__}>"


class StartSerializer(_Body):
    """The number to verify, if the site's scopes need one; otherwise it is ignored."""

    phone_number = PhoneNumberField()

    def get_fields(self) -> Any:
        """Return the field only if it is needed."""
        needs_number = scope_sets.needs_number(conf.PLASGATE_IP_SCOPES)
        return super().get_fields() if needs_number else {}


class CompleteSerializer(_Body):
    """The handle, and what the app has caught: a code and a state, or an error."""

    handle = TextField()
    code = TextField(required=False, allow_blank=True)
    state = TextField(required=False, allow_blank=True)
    error = TextField(required=False, allow_blank=True)
    error_description = TextField(required=False, allow_blank=True)

    def validate(self, attrs: dict[str, str]) -> dict[str, str]:
        """Require a code and a state unless there is an error."""
        names = [] if attrs.get("error") else ["code", "state"]
        required = self.fields["handle"].error_messages["required"]
        if missing := {name: [required] for name in names if not attrs.get(name)}:
            raise serializers.ValidationError(missing, code="required")
        return attrs
