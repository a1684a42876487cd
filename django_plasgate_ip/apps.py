"""The app's configuration."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.core import checks as django_checks
from django.utils.translation import gettext_lazy as _


class PlasGateIPConfig(AppConfig):
    """Connects what runs without being called: the checks and the receivers."""

    name = "django_plasgate_ip"
    verbose_name = _("Phone verification")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks and connect the receivers."""
        from django_plasgate_ip import checks, receivers, signals

        django_checks.register(checks.check_settings)
        django_checks.register(checks.check_project)
        django_checks.register(checks.check_deployment, deploy=True)
        user_logged_in.connect(receivers.claim_session, dispatch_uid="django_plasgate_ip.claim")
        signals.phone_verified.connect(
            receivers.note_for_login, dispatch_uid="django_plasgate_ip.note_for_login"
        )
