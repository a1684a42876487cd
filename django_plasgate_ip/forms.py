"""The form on the start page."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from django_plasgate_ip import phones
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import InvalidPhoneNumber


class _Echoed(forms.Field):
    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return what the form shows again.

        A multipart body names its own charset, by which a text may come to hold what no page can.
        """
        return data.encode(errors="replace").decode() if isinstance(data, str) else data


class PhoneNumberField(_Echoed, forms.CharField):
    """A typed number; cleans to what `phones.parse` returns."""

    # tel: the phone's number pad, and the browser offers the visitor's own number.
    widget = forms.TextInput(
        attrs={"type": "tel", "inputmode": "tel", "autocomplete": "tel", "autofocus": True}
    )
    default_error_messages = {
        "required": _("Type your phone number."),
        "invalid": _("This is not a phone number. Type it like this: 077 696 118"),
    }

    def to_python(self, value: Any) -> Any:
        """Return the number, or an empty text for an empty value."""
        text = super().to_python(value)
        if not text:
            return ""
        try:
            return phones.parse(text)
        except InvalidPhoneNumber:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from None


class StartForm(forms.Form):
    """Asks for the number, where the site's scopes need one, and keeps ``next``."""

    phone_number = PhoneNumberField(label=_("Phone number"))
    # A plain Field takes any text: what is wrong with a link's next is not the visitor's to mend.
    next = _Echoed(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not scope_sets.needs_number(conf.PLASGATE_IP_SCOPES):
            del self.fields["phone_number"]

    def clean_next(self) -> str:
        """Return ``next`` as it came: `flow.begin` drops what is not on this site."""
        return str(self.cleaned_data["next"] or "")


_TAP = _("Tap the two characters that your computer shows.")


class HandoffForm(forms.Form):
    """What a phone that goes on for a computer sends: the characters tapped, and perhaps a number.

    `choices`: what it may tap. `asks_number`: whether the number is still to be typed.
    """

    phone_number = PhoneNumberField(label=_("Phone number"))
    code = forms.ChoiceField(error_messages={"required": _TAP, "invalid_choice": _TAP})

    def __init__(
        self, *args: Any, choices: Iterable[str], asks_number: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].choices = [(choice, choice) for choice in choices]  # type: ignore[attr-defined]
        # The keyboard would cover whose number it is about.
        self.fields["phone_number"].widget.attrs.pop("autofocus")
        if not asks_number:
            del self.fields["phone_number"]
