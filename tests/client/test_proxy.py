"""Calls through the proxy in `PLASGATE_IP_PROXY`."""

import ssl
from typing import Any

import pytest

from django_plasgate_ip.exceptions import (
    ProviderTimeout,
    ProviderUnreachable,
)
from tests.client.conftest import ends_soon, exchange
from tests.provider import Play, Start, Wire, drips, serve
from tests.settings import PLASGATE_IP_SECRET_KEY as SECRET_KEY

pytestmark = pytest.mark.usefixtures("connections")


def test_the_proxy_is_a_setting(start: Start, settings: Any) -> None:
    proxy = start(serve)
    settings.PLASGATE_IP_PROXY = f"http://somebody:else@{proxy.address}"
    settings.PLASGATE_IP_BASE_URL = "http://plasgate.invalid/ip/"

    assert exchange().succeeded
    (request,) = proxy.requests
    assert request.startswith(b"POST http://plasgate.invalid/ip/ip-auth?private_key=")
    assert b"Proxy-Authorization: Basic " in request


@pytest.mark.usefixtures("short", "swept")
def test_the_deadline_holds_while_a_proxy_connects(start: Start, settings: Any) -> None:
    proxy = start(drips(b"HTTP/1.1 200 Connection established\r\nX: "))
    settings.PLASGATE_IP_PROXY = f"http://{proxy.address}"
    settings.PLASGATE_IP_BASE_URL = "https://plasgate.invalid/ip/"

    with ends_soon(), pytest.raises(ProviderTimeout):
        exchange()
    # SECURITY: the proxy does not see the secret, which is sent inside of the tunnel.
    assert proxy.requests[0].startswith(b"CONNECT plasgate.invalid:443 ")
    assert SECRET_KEY.encode() not in proxy.requests[0]


def tunnel(tls: ssl.SSLContext) -> Play:
    """Return the play of a proxy that answers in place of the host behind it."""

    def play(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        wire.secure(tls)
        serve(wire)

    return play


@pytest.mark.usefixtures("trusted")
def test_tls_is_used_inside_of_the_proxys_tunnel(
    start: Start, tls: ssl.SSLContext, settings: Any
) -> None:
    proxy = start(tunnel(tls))
    settings.PLASGATE_IP_PROXY = f"http://{proxy.address}"
    settings.PLASGATE_IP_BASE_URL = "https://localhost/ip/"

    assert exchange().succeeded
    assert exchange().succeeded
    connect, *requests = proxy.requests
    assert connect.startswith(b"CONNECT localhost:443 ")
    assert [request[:19] for request in requests] == [b"POST /ip/ip-auth?pr"] * 2
    assert proxy.connections == 1


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another_host_is_refused_inside_of_a_tunnel(
    start: Start, tls: ssl.SSLContext, settings: Any
) -> None:
    proxy = start(tunnel(tls))
    settings.PLASGATE_IP_PROXY = f"http://{proxy.address}"
    settings.PLASGATE_IP_BASE_URL = "https://plasgate.invalid/ip/"

    with pytest.raises(ProviderUnreachable):
        exchange()
    assert len(proxy.requests) == 1
