"""The form on the phone's page."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from django_plasgate_ip.forms import PhoneNumberField

_TAP = _("Tap the two characters that your computer shows.")


class HandoffForm(forms.Form):
    """The characters that were tapped, and the number where the scopes need one.

    `choices`: the characters to choose from.
    """

    phone_number = PhoneNumberField(label=_("Phone number"))
    code = forms.ChoiceField(error_messages={"required": _TAP, "invalid_choice": _TAP})

    def __init__(
        self, *args: Any, choices: Iterable[str], asks_number: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].choices = [(choice, choice) for choice in choices]  # type: ignore[attr-defined]
        # The keyboard would cover the site's name and the account.
        self.fields["phone_number"].widget.attrs.pop("autofocus")
        if not asks_number:
            del self.fields["phone_number"]
