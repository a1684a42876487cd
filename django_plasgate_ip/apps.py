"""The app's configuration, and the only place where the core looks for the hand-off."""

from typing import TYPE_CHECKING

from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in
from django.core import checks as django_checks
from django.db.models.signals import pre_delete
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_plasgate_ip.handoff.apps import HandoffConfig


class PlasGateIPConfig(AppConfig):
    """The configuration of the app ``django_plasgate_ip``."""

    name = "django_plasgate_ip"
    verbose_name = _("Phone verification")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks and connect the receivers."""
        from django_plasgate_ip import backends, checks, personal_data, signals
        from django_plasgate_ip.verification import claim_at_login

        django_checks.register(checks.check_settings)
        django_checks.register(checks.check_project)
        django_checks.register(checks.check_deployment, deploy=True)
        django_checks.register(checks.check_sending, deploy=True)
        user_logged_in.connect(
            claim_at_login.on_login, dispatch_uid="django_plasgate_ip.claim_at_login"
        )
        # If an account is deleted through a proxy model, that model is the sender. A receiver
        # without a sender would make the deletions of every model slower.
        user_model = get_user_model()
        for sender in (model for model in apps.get_models() if issubclass(model, user_model)):
            pre_delete.connect(
                personal_data.on_account_deletion,
                sender=sender,
                dispatch_uid="django_plasgate_ip.account_deletion",
            )
        signals.phone_verified.connect(
            backends.on_phone_verified, dispatch_uid="django_plasgate_ip.login_by_phone"
        )


def handoff_app() -> "HandoffConfig | None":
    """Return the app config of the hand-off, or None if the site has not installed it."""
    if not apps.is_installed("django_plasgate_ip.handoff"):
        return None
    config: HandoffConfig = apps.get_app_config("plasgate_ip_handoff")  # type: ignore[assignment]
    return config
