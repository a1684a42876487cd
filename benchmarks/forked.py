"""The site for a server that forks after loading it. The parent has called the provider."""

from contextlib import suppress

from django.core.wsgi import get_wsgi_application

from django_plasgate_ip.client.api import PlasGateClient
from django_plasgate_ip.exceptions import ExchangeError

application = get_wsgi_application()
with suppress(ExchangeError):
    PlasGateClient().exchange("a code", "85512345678", "https://bench.example/phone/callback/")
