"""The sandbox's Django app, and the system check that keeps it off live sites."""

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks


class SandboxConfig(AppConfig):
    """A virtual operator, for development and tests only."""

    name = "django_plasgate_ip.sandbox"
    label = "plasgate_ip_sandbox"
    verbose_name = "PlasGate IP sandbox"

    def ready(self) -> None:
        """Register the check, unless the site was started with ``DEBUG``.

        Django's test runner turns ``DEBUG`` off before it runs the checks. A check that is always
        registered would stop the tests of every site that has the sandbox.
        """
        if not settings.DEBUG:
            checks.register(check_debug, checks.Tags.security)


def check_debug(**kwargs: Any) -> list[checks.CheckMessage]:
    """``plasgate_ip_sandbox.E001``: the sandbox is installed where ``DEBUG`` is off."""
    if settings.DEBUG:
        return []
    text = "The PlasGate sandbox is installed, and DEBUG is False."
    hint = (
        "The sandbox verifies any number for anybody. Add 'django_plasgate_ip.sandbox' to "
        "INSTALLED_APPS and to the URLs, and set PLASGATE_IP_CREDENTIALS to its function, only "
        "where DEBUG is True."
    )
    return [checks.Error(text, hint=hint, id="plasgate_ip_sandbox.E001")]
