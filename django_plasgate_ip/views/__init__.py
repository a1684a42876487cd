"""The pages: each view reads the request, calls `flow` and chooses a response."""

from django_plasgate_ip.views.callback import callback
from django_plasgate_ip.views.detail import detail
from django_plasgate_ip.views.start import start

__all__ = ["callback", "detail", "start"]
