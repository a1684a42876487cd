"""The sandbox's Django app."""

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from django_plasgate_ip.sandbox.checks import check_debug


class SandboxConfig(AppConfig):
    """A virtual operator, for development and tests only."""

    name = "django_plasgate_ip.sandbox"
    label = "plasgate_ip_sandbox"
    verbose_name = "PlasGate IP sandbox"

    def ready(self) -> None:
        """Register the check that keeps the sandbox off live sites."""
        # Django's test runner turns DEBUG off and only then runs the checks. What counts is how
        # the site was started, or the tests of every site with the sandbox would not begin.
        if not settings.DEBUG:
            checks.register(check_debug, checks.Tags.security)
