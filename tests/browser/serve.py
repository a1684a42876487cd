"""``python -m tests.browser.serve FD``: a site on 127.0.0.1, its operator on localhost.

To the browser the operator is another site, as PlasGate is, so that cookies, referrers and policies
work as they do there. FD: the socket that listens.
"""

import os
import sys
from collections.abc import Callable
from socket import socket

import django
from django.conf import settings
from django.core.management import call_command
from django.http import HttpRequest, HttpResponseBase

from django_plasgate_ip.sandbox.conf import DEFAULTS


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Be a middleware that adds the policy of the environment's ``SITE_POLICY``."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response["Content-Security-Policy"] = os.environ["SITE_POLICY"]
        return response

    return middleware


def main() -> None:
    """Serve the site of ``DJANGO_SETTINGS_MODULE``, with an account for the staff."""
    django.setup()
    from example.management.server import Server

    from tests.browser.history import write_history

    call_command("migrate", verbosity=0, interactive=False)
    write_history()
    server = Server(port=0)
    server.socket = socket(fileno=int(sys.argv[1]))
    settings.PLASGATE_IP_CREDENTIALS = None
    settings.PLASGATE_IP_PRIVATE_KEY = DEFAULTS["PLASGATE_IP_SANDBOX_PRIVATE_KEY"]
    settings.PLASGATE_IP_SECRET_KEY = DEFAULTS["PLASGATE_IP_SANDBOX_SECRET_KEY"]
    port = server.socket.getsockname()[1]
    settings.PLASGATE_IP_BASE_URL = f"http://localhost:{port}/sandbox/"
    server.serve_forever()


if __name__ == "__main__":
    main()
