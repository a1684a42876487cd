"""The system check that keeps the sandbox off live sites."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error


def check_debug(**kwargs: Any) -> list[CheckMessage]:
    """``plasgate_ip_sandbox.E001``: the sandbox is installed where ``DEBUG`` is off."""
    if settings.DEBUG:
        return []
    return [
        Error(
            "The PlasGate sandbox is installed, and DEBUG is False.",
            hint=(
                "The sandbox verifies any number for anybody. Add"
                " 'django_plasgate_ip.sandbox' to INSTALLED_APPS and to the URLs only where"
                " DEBUG is True."
            ),
            id="plasgate_ip_sandbox.E001",
        )
    ]
