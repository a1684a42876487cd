"""The form on the start page."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from django_plasgate_ip import phones
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import InvalidPhoneNumber, RegionNotAccepted


class _EncodableField(forms.Field):
    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return the text to show again, with "?" for each character that UTF-8 can't encode.

        A multipart body names its own charset, so it may decode to lone surrogates.
        """
        return data.encode(errors="replace").decode() if isinstance(data, str) else data


class PhoneNumberField(_EncodableField, forms.CharField):
    """A form field for a phone number in any form that people write, in the digits of any script.

    Its cleaned value is phonenumber_field's ``PhoneNumber``, with a masked ``repr``.
    """

    # With tel, a phone shows its number pad, and the browser offers the visitor's own number.
    widget = forms.TextInput(attrs={"type": "tel", "inputmode": "tel", "autocomplete": "tel"})
    default_error_messages = {
        "required": _("Type your phone number."),
        "invalid": _("This is not a phone number. Type it like this: %(example)s"),
        "region_not_accepted": _(
            "Phone numbers of this country can't be verified here. Type one like this: %(example)s"
        ),
        "not_text": _("Send the phone number as text, in quotes."),
    }

    def to_python(self, value: Any) -> Any:
        """Return the number, or an empty text. Raises ValidationError for any other text."""
        # A JSON number has lost the zeros and the plus sign before its digits.
        if not isinstance(value, (str, type(None))):
            raise forms.ValidationError(self.error_messages["not_text"], code="not_text")
        text = super().to_python(value)
        if not text:
            return ""
        try:
            return phones.accept(text)
        except RegionNotAccepted:
            code = "region_not_accepted"
        except InvalidPhoneNumber:
            code = "invalid"
        params = {"example": phones.example()}
        raise forms.ValidationError(self.error_messages[code], code=code, params=params)


class StartForm(forms.Form):
    """Has ``phone_number``, if the site's scopes need a number, and the hidden ``next``."""

    phone_number = PhoneNumberField(label=_("Phone number"))
    # A plain Field accepts any text: a visitor can't correct the ``next`` of a link.
    next = _EncodableField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not scope_sets.needs_number(conf.PLASGATE_IP_SCOPES):
            del self.fields["phone_number"]

    def add_error(self, field: str | None, error: Any) -> None:
        """Add the error, and give its field the focus: the visitor continues there.

        The page without an error focuses nothing. A phone's keyboard would cover the tip.
        """
        super().add_error(field, error)
        if field in self.fields:
            self.fields[field].widget.attrs["autofocus"] = True

    def clean_next(self) -> str:
        """Return ``next`` unchanged: `flow.begin` drops a URL that is not on this site."""
        return str(self.cleaned_data["next"] or "")
