"""The sandbox's keys and address, for ``PLASGATE_IP_CREDENTIALS``."""

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.urls import reverse

from django_plasgate_ip.client import Credentials
from django_plasgate_ip.sandbox.conf import setting

# A site that no longer has the sandbox, but still this setting, must fail its checks. Otherwise its
# visitors would notice it first.
if not apps.is_installed(__package__):
    raise ImproperlyConfigured(
        f"{__package__} is not in INSTALLED_APPS. Remove PLASGATE_IP_CREDENTIALS."
    )


def for_request(request: HttpRequest) -> Credentials:
    """Return the sandbox's keys, and its address on the host and port that this visitor uses.

    The server calls itself there. Raises NoReverseMatch if the site does not include the sandbox's
    URLs.
    """
    path = reverse("plasgate_ip_sandbox:authenticate")
    base_url = request.build_absolute_uri(path.removesuffix("authenticate"))
    return Credentials(
        setting("PLASGATE_IP_SANDBOX_PRIVATE_KEY"),
        setting("PLASGATE_IP_SANDBOX_SECRET_KEY"),
        # SECURITY: a visitor may forge the host. A site that is live by mistake must not let its
        # visitors name who verifies their numbers. It calls PlasGate, which refuses these keys.
        base_url if settings.DEBUG else None,
    )
