"""What the example does once a phone is verified."""

from typing import Any

from django.contrib import messages
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.translation import gettext as _

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.signals import phone_verified


@receiver(phone_verified)
def greet(
    sender: Any, verification: PhoneVerification, request: HttpRequest | None, **kwargs: Any
) -> None:
    """Greet on the visitor's next page; `request` is None where no visitor is waiting."""
    if request is not None:
        text = _("Welcome, %(name)s! Your number is verified.")
        messages.success(request, text % {"name": request.user.get_username()})
