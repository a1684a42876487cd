"""Calls through the proxy in `PLASGATE_IP_PROXY`."""

import ssl
from contextlib import suppress
from typing import Any

import pytest

from django_plasgate_ip.exceptions import InvalidResponse, ProviderTimeout, ProviderUnreachable
from tests.client.conftest import ends_soon, exchange
from tests.provider import Provider, Start, Wire, drips, floods, serve
from tests.settings import PLASGATE_IP_SECRET_KEY as SECRET_KEY


def test_the_proxy_is_a_setting(start: Start, settings: Any) -> None:
    proxy = start(serve)
    settings.PLASGATE_IP_PROXY = f"http://somebody:else@{proxy.address}"

    assert exchange(base_url="http://plasgate.invalid/ip/").succeeded
    (request,) = proxy.requests
    assert request.startswith(b"POST http://plasgate.invalid/ip/ip-auth?private_key=")
    assert b"Proxy-Authorization: Basic " in request


@pytest.mark.usefixtures("short", "swept")
def test_the_deadline_holds_while_a_proxy_connects(start: Start, settings: Any) -> None:
    proxy = start(drips(b"HTTP/1.1 200 Connection established\r\nX: "))
    settings.PLASGATE_IP_PROXY = f"http://{proxy.address}"

    with ends_soon(), pytest.raises(ProviderTimeout):
        exchange(base_url="https://plasgate.invalid/ip/")
    # SECURITY: the proxy does not see the secret, which is sent inside of the tunnel.
    assert proxy.requests[0].startswith(b"CONNECT plasgate.invalid:443 ")
    assert SECRET_KEY.encode() not in proxy.requests[0]


@pytest.mark.usefixtures("swept")
def test_the_limit_holds_while_a_proxy_connects(start: Start, settings: Any) -> None:
    proxy = start(floods(b"HTTP/1.1 200 Connection established\r\n", b"X: %s\r\n" % (b"x" * 999)))
    settings.PLASGATE_IP_PROXY = f"http://{proxy.address}"

    with ends_soon(), pytest.raises(InvalidResponse):
        exchange(base_url="https://plasgate.invalid/ip/")
    assert len(proxy.requests) == 1


@pytest.mark.usefixtures("short", "swept", "trusted")
def test_the_deadline_holds_for_tls_inside_of_a_proxys_tls(
    start: Start, tls: ssl.SSLContext, settings: Any
) -> None:
    def drip_the_inner_handshake(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        inner = tls.wrap_bio(received, sent, server_side=True)
        received.write(wire.sock.recv(65536))
        with suppress(ssl.SSLWantReadError):
            inner.do_handshake()
        flight = sent.read()
        wire.drip(flight[:1], flight[1:2])

    proxy = start(drip_the_inner_handshake, tls=tls)
    settings.PLASGATE_IP_PROXY = f"https://localhost:{proxy.port}"

    with ends_soon(), pytest.raises(ProviderTimeout):
        exchange(base_url="https://localhost/ip/")


@pytest.fixture
def proxy(start: Start, tls: ssl.SSLContext, trusted: None, settings: Any) -> Provider:
    """Start a proxy that answers in place of the host behind it."""

    def tunnel(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        wire.secure(tls)
        serve(wire)

    proxy = start(tunnel)
    settings.PLASGATE_IP_PROXY = f"http://{proxy.address}"
    return proxy


def test_tls_is_used_inside_of_the_proxys_tunnel(proxy: Provider) -> None:
    assert exchange(base_url="https://localhost/ip/").succeeded
    assert exchange(base_url="https://localhost/ip/").succeeded
    connect, *requests = proxy.requests
    assert connect.startswith(b"CONNECT localhost:443 ")
    assert [request[:19] for request in requests] == [b"POST /ip/ip-auth?pr"] * 2
    assert proxy.connections == 1


def test_a_certificate_of_another_host_is_refused_inside_of_a_tunnel(proxy: Provider) -> None:
    with pytest.raises(ProviderUnreachable):
        exchange(base_url="https://plasgate.invalid/ip/")
    assert len(proxy.requests) == 1
