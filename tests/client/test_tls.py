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
from tests.provider import Wire, drips, floods, says, serve
from tests.settings import PLASGATE_IP_SECRET_KEY as SECRET_KEY

CONNECTED = b"HTTP/1.1 200 Connection established\r\n"


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


@pytest.mark.parametrize("is_proxy", [False, True])
@pytest.mark.usefixtures("trusted", "swept")
def test_session_keys_are_not_written_to_a_file_of_the_environment(
    is_proxy, start, tls, tmp_path, settings, monkeypatch
):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    provider = start(says(), tls=tls)
    if is_proxy:
        settings.PLASGATE_IP_PROXY = f"https://localhost:{provider.port}"

    with pytest.raises(ExchangeError):
        exchange(base_url="https://plasgate.invalid/ip/" if is_proxy else None)
    assert len(provider.requests) == 1
    assert not (tmp_path / "keys").exists()


def drip_a_handshake(wire: Wire) -> None:
    wire.sock.recv(65536)
    # The head of a record that never ends.
    wire.drip(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\x03")


def drip_a_record(wire: Wire) -> None:
    wire.request()
    # Below the TLS layer: the head of a record of application data that never ends.
    with socket.socket(fileno=os.dup(wire.sock.fileno())) as wire.sock:
        wire.drip(b"\x17\x03\x03\x40\x00")


def drip_an_inner_handshake(wire: Wire) -> None:
    wire.request()
    wire.send(CONNECTED + b"\r\n")
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    outer: Any = wire.sock
    inner = outer.context.wrap_bio(received, sent, server_side=True)
    received.write(wire.sock.recv(65536))
    with suppress(ssl.SSLWantReadError):
        inner.do_handshake()
    flight = sent.read()
    wire.drip(flight[:1], flight[1:2])


@pytest.mark.parametrize(
    ("play", "is_secure", "is_proxy"),
    [
        (drip_a_handshake, False, False),
        (drip_a_record, True, False),
        (drips(CONNECTED + b"X: "), False, True),
        (drip_an_inner_handshake, True, True),
    ],
)
@pytest.mark.usefixtures("short", "swept", "trusted")
def test_the_deadline_holds_in_each_layer_of_tls(play, is_secure, is_proxy, start, tls, settings):
    provider = start(play, tls=tls if is_secure else None)
    here = f"localhost:{provider.port}"
    if is_proxy:
        settings.PLASGATE_IP_PROXY = f"{'https' if is_secure else 'http'}://{here}"

    with ends_soon(), pytest.raises(ProviderTimeout):
        exchange(base_url=f"https://{'localhost' if is_proxy else here}/ip/")
    assert provider.connections == 1


@pytest.mark.usefixtures("swept")
def test_the_limit_holds_while_a_proxy_connects(start, settings):
    proxy = start(floods(CONNECTED, b"X: %s\r\n" % (b"x" * 999)))
    settings.PLASGATE_IP_PROXY = f"http://{proxy.address}"

    with ends_soon(), pytest.raises(InvalidResponse):
        exchange(base_url="https://plasgate.invalid/ip/")
    assert len(proxy.requests) == 1


@pytest.mark.usefixtures("trusted")
def test_tls_is_used_and_its_host_checked_inside_of_a_proxys_tunnel(start, tls, settings):
    def tunnel(wire: Wire) -> None:
        wire.request()
        wire.send(CONNECTED + b"\r\n")
        wire.secure(tls)
        serve(wire)

    proxy = start(tunnel)
    settings.PLASGATE_IP_PROXY = f"http://{proxy.address}"
    for _each in range(2):
        assert exchange(base_url="https://localhost/ip/").succeeded
    assert proxy.connections == 1
    with pytest.raises(ProviderUnreachable):
        exchange(base_url="https://plasgate.invalid/ip/")

    connect, *requests, refused = proxy.requests
    assert [request[:19] for request in requests] == [b"POST /ip/ip-auth?pr"] * 2
    for head, host in ((connect, b"localhost"), (refused, b"plasgate.invalid")):
        # SECURITY: the proxy does not see the secret, which is sent inside of the tunnel.
        assert head.startswith(b"CONNECT %s:443 " % host)
        assert SECRET_KEY.encode() not in head
