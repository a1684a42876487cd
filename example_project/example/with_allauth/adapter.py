"""django-allauth's questions about phones, answered from the stored verifications.

The site keeps no copy of the number. When a verification is erased, purged or replaced by a newer
one, allauth no longer finds the account by its number.
"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth import get_user_model

from django_plasgate_ip import phones
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.forms import PhoneNumberField
from django_plasgate_ip.models import PhoneVerification


class PhoneAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Finds an account by the number that it verified last.

    allauth asks for the password, too: a typed number alone proves nothing.
    """

    def phone_form_field(self, **kwargs: Any) -> PhoneNumberField:
        """Return the field that reads numbers such as ``077 696 118``; other texts are names."""
        return PhoneNumberField(**kwargs)

    def get_phone(self, user: Any) -> tuple[str, bool] | None:
        """Return the number that `user` verified last, as E.164, and True; or None."""
        newest = PhoneVerification.objects.with_confirmed_number().latest_for(user)
        return (phones.e164(newest.phone_number), True) if newest else None

    def get_user_by_phone(self, phone: str) -> Any:
        """Return the only user with this number, or None if there are several or none."""
        try:
            number = phones.parse(phone)
        except InvalidPhoneNumber:
            return None
        rows = PhoneVerification.objects.verified().filter(phone_number=number)
        users = get_user_model()._default_manager.filter(rows.exists_for())[:2]
        owners = [user for user in users if self.get_phone(user) == (phones.e164(number), True)]
        return owners[0] if len(users) == len(owners) == 1 else None
