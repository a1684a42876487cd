"""What django-allauth asks about phones, answered from what was verified.

There is no copy of the number to keep in step: one that is erased, purged or replaced by a newer
one is not the account's any more, here as there.
"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth import get_user_model

from django_plasgate_ip import phones
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.forms import PhoneNumberField
from django_plasgate_ip.models import PhoneVerification


class PhoneAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Knows an account by the number that it verified last.

    allauth asks for the password, too: a number alone is no proof of who types it.
    """

    def phone_form_field(self, **kwargs: Any) -> PhoneNumberField:
        """Return what tells a number from a name: it takes ``077 696 118`` as we do."""
        return PhoneNumberField(**kwargs)

    def get_phone(self, user: Any) -> tuple[str, bool] | None:
        """Return the number that `user` verified last, as E.164, and that it is verified."""
        with_number = PhoneVerification.objects.verified().exclude(phone_number="")
        newest = with_number.latest_for(user)
        return (phones.e164(newest.phone_number), True) if newest else None

    def get_user_by_phone(self, phone: str) -> Any:
        """Return the one user whose number this is; of two, nobody is the right one."""
        try:
            number = phones.parse(phone)
        except InvalidPhoneNumber:
            return None
        rows = PhoneVerification.objects.verified().filter(phone_number=number)
        users = get_user_model()._default_manager.filter(rows.exists_for())[:2]
        owners = [user for user in users if self.get_phone(user) == (phones.e164(number), True)]
        return owners[0] if len(users) == len(owners) == 1 else None
