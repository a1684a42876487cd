"""The form on the phone's page."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.conf import conf
from django_plasgate_ip.forms import PhoneNumberField

_TAP = _("Tap the two characters that your computer shows.")


class HandoffForm(forms.Form):
    """Takes the pair of characters that was tapped, and the number if the scopes need one.

    `choices`: the pairs that the page offers; none if the phone starts again.
    """

    phone_number = PhoneNumberField(label=_("Phone number"))
    code = forms.ChoiceField(error_messages={"required": _TAP, "invalid_choice": _TAP})

    def __init__(self, *args: Any, choices: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].choices = [(choice, choice) for choice in choices]  # type: ignore[attr-defined]
        if not choices:
            del self.fields["code"]
        if not scope_sets.needs_number(conf.PLASGATE_IP_SCOPES):
            del self.fields["phone_number"]
