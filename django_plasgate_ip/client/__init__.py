"""The provider's two endpoints. Nothing in here knows a model or a view."""

from django_plasgate_ip.client.api import Answer, PlasGateClient
from django_plasgate_ip.client.credentials import Credentials

__all__ = ["Answer", "Credentials", "PlasGateClient"]
