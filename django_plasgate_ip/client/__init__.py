"""PlasGate's two endpoints. Nothing in this package knows a model or a view."""

from django_plasgate_ip.client.api import PlasGateClient
from django_plasgate_ip.client.credentials import Credentials
from django_plasgate_ip.client.parsing import Answer

__all__ = ["Answer", "Credentials", "PlasGateClient"]
