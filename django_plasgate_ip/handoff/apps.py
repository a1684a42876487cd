"""The hand-off's Django app, and what it offers to the core."""

from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

if TYPE_CHECKING:
    from django_plasgate_ip.handoff.invitation import Invitation


class HandoffConfig(AppConfig):
    """Lets a visitor at a computer continue on a phone.

    The core calls `invite` and `forget`, and includes `urls` in its own URLs. It uses nothing else
    of this app.
    """

    name = "django_plasgate_ip.handoff"
    label = "plasgate_ip_handoff"
    verbose_name = "PlasGate IP hand-off"
    urls = "django_plasgate_ip.handoff.urls"

    def ready(self) -> None:
        """Connect the receiver. Raise ImproperlyConfigured if the extra is not installed."""
        try:
            import segno  # noqa: F401
        except ModuleNotFoundError:
            raise ImproperlyConfigured(
                "django_plasgate_ip.handoff draws QR codes with segno: "
                "python -m pip install 'django-plasgate-ip[handoff]'"
            ) from None
        from django_plasgate_ip.handoff.logout import on_logout

        user_logged_out.connect(on_logout, dispatch_uid="plasgate_ip_handoff.logout")

    def invite(self, request: HttpRequest, next_url: str, again_url: str) -> "Invitation | None":
        """Return the QR code for one of the core's pages, or None; see `invitation.invite`."""
        from django_plasgate_ip.handoff.invitation import invite

        return invite(request, next_url, again_url)

    def forget(self, verification_ids: list[Any]) -> None:
        """Delete the hand-offs that led to these verifications."""
        from django_plasgate_ip.handoff.models import PhoneHandoff

        PhoneHandoff.objects.on_primary().filter(pk__in=verification_ids).delete()
