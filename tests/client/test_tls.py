"""TLS with real certificates, directly and through a proxy: the authorities, and the deadline."""

import os
import socket
import ssl
from contextlib import suppress
from typing import Any

import pytest

from django_plasgate_ip.exceptions import (
    ExchangeError,
    InvalidResponse,
    ProviderTimeout,
    ProviderUnreachable,
)
from tests import certificates
from tests.client.conftest import ends_soon, exchange
from tests.provider import Provider, Start, Wire, drips, floods, says, serve
from tests.settings import PLASGATE_IP_SECRET_KEY as SECRET_KEY


@pytest.mark.parametrize("host", ["localhost", "other.example"])
def test_a_certificate_of_another_authority_or_host_is_refused_and_gets_no_request(
    host, start, tls, tmp_path, settings
):
    bundle = certificates.self_signed(tmp_path / "bundle.pem", host)
    settings.PLASGATE_IP_CA_BUNDLE = str(bundle)
    provider = start(serve, tls=tls if host == "localhost" else certificates.server(bundle))

    with pytest.raises(ProviderUnreachable, match="SSLCertVerificationError"):
        exchange()
    assert provider.requests == []
    # A second try would get the same certificate.
    assert provider.connections == 1


def test_a_bundle_of_the_environment_is_ignored(start, tls, certificate, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(certificate))
    provider = start(serve, tls=tls)

    with pytest.raises(ProviderUnreachable):
        exchange()
    assert provider.requests == []


@pytest.mark.parametrize("through_proxy", [False, True], ids=["direct", "through a proxy"])
@pytest.mark.usefixtures("trusted", "swept")
def test_session_keys_are_not_written_to_a_file_of_the_environment(
    through_proxy, start, tls, tmp_path, settings, monkeypatch
):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    provider = start(says() if through_proxy else serve, tls=tls)
    if through_proxy:
        settings.PLASGATE_IP_PROXY = f"https://localhost:{provider.port}"
        with pytest.raises(ExchangeError):
            exchange(base_url="https://plasgate.invalid/ip/")
    else:
        assert exchange().succeeded

    assert len(provider.requests) == 1
    assert not (tmp_path / "keys").exists()


@pytest.mark.usefixtures("trusted", "short")
def test_the_deadline_holds_while_the_tls_handshake_drips(start, settings):
    def play(wire: Wire) -> None:
        wire.sock.recv(65536)
        # The head of a record that never ends.
        wire.drip(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\x03")

    provider = start(play)
    settings.PLASGATE_IP_BASE_URL = f"https://127.0.0.1:{provider.port}/ip/"

    with ends_soon(), pytest.raises(ProviderTimeout):
        exchange()
    assert provider.connections == 1


@pytest.mark.usefixtures("trusted", "short")
def test_the_deadline_holds_when_a_tls_record_never_ends(start, tls):
    def play(wire: Wire) -> None:
        wire.request()
        # Below the TLS layer: the head of a record of application data that never ends.
        with socket.socket(fileno=os.dup(wire.sock.fileno())) as wire.sock:
            wire.drip(b"\x17\x03\x03\x40\x00")

    start(play, tls=tls)

    with ends_soon(), pytest.raises(ProviderTimeout):
        exchange()


@pytest.mark.usefixtures("short", "swept")
def test_the_deadline_holds_while_a_proxy_connects(start, settings):
    proxy = start(drips(b"HTTP/1.1 200 Connection established\r\nX: "))
    settings.PLASGATE_IP_PROXY = f"http://{proxy.address}"

    with ends_soon(), pytest.raises(ProviderTimeout):
        exchange(base_url="https://plasgate.invalid/ip/")
    # SECURITY: the proxy does not see the secret, which is sent inside of the tunnel.
    assert proxy.requests[0].startswith(b"CONNECT plasgate.invalid:443 ")
    assert SECRET_KEY.encode() not in proxy.requests[0]


@pytest.mark.usefixtures("swept")
def test_the_limit_holds_while_a_proxy_connects(start, settings):
    proxy = start(floods(b"HTTP/1.1 200 Connection established\r\n", b"X: %s\r\n" % (b"x" * 999)))
    settings.PLASGATE_IP_PROXY = f"http://{proxy.address}"

    with ends_soon(), pytest.raises(InvalidResponse):
        exchange(base_url="https://plasgate.invalid/ip/")
    assert len(proxy.requests) == 1


@pytest.mark.usefixtures("short", "swept", "trusted")
def test_the_deadline_holds_for_tls_inside_of_a_proxys_tls(start, tls, settings):
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


def test_tls_is_used_inside_of_the_proxys_tunnel(proxy):
    assert exchange(base_url="https://localhost/ip/").succeeded
    assert exchange(base_url="https://localhost/ip/").succeeded
    connect, *requests = proxy.requests
    assert connect.startswith(b"CONNECT localhost:443 ")
    assert [request[:19] for request in requests] == [b"POST /ip/ip-auth?pr"] * 2
    assert proxy.connections == 1


def test_a_certificate_of_another_host_is_refused_inside_of_a_tunnel(proxy):
    with pytest.raises(ProviderUnreachable):
        exchange(base_url="https://plasgate.invalid/ip/")
    assert len(proxy.requests) == 1
