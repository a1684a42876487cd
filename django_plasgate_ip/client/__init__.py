"""Calls PlasGate's two endpoints. The package imports no model and no view."""

from django_plasgate_ip.client.api import PlasGateClient
from django_plasgate_ip.client.credentials import Credentials
from django_plasgate_ip.client.parsing import Answer

__all__ = ["Answer", "Credentials", "PlasGateClient"]
