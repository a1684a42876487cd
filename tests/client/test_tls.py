"""TLS with real certificates: the trusted authorities, and the deadline."""

import os
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from django_plasgate_ip.exceptions import ExchangeError, ProviderTimeout, ProviderUnreachable
from tests import certificates
from tests.client.conftest import ends_soon, exchange
from tests.provider import Start, Wire, says, serve


@pytest.mark.parametrize("host", ["localhost", "other.example"])
def test_a_certificate_of_another_authority_or_host_is_refused_and_gets_no_request(
    host: str, start: Start, tls: ssl.SSLContext, tmp_path: Path, settings: Any
) -> None:
    bundle = certificates.self_signed(tmp_path / "bundle.pem", host)
    settings.PLASGATE_IP_CA_BUNDLE = str(bundle)
    provider = start(serve, tls=tls if host == "localhost" else certificates.server(bundle))

    with pytest.raises(ProviderUnreachable, match="SSLCertVerificationError"):
        exchange()
    assert provider.requests == []
    # A second try would get the same certificate.
    assert provider.connections == 1


def test_a_bundle_of_the_environment_is_ignored(
    start: Start, tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(certificate))
    provider = start(serve, tls=tls)

    with pytest.raises(ProviderUnreachable):
        exchange()
    assert provider.requests == []


@pytest.mark.parametrize("through_proxy", [False, True], ids=["direct", "through a proxy"])
@pytest.mark.usefixtures("trusted", "swept")
def test_session_keys_are_not_written_to_a_file_of_the_environment(
    through_proxy: bool,
    start: Start,
    tls: ssl.SSLContext,
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
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
def test_the_deadline_holds_while_the_tls_handshake_drips(start: Start, settings: Any) -> None:
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
def test_the_deadline_holds_when_a_tls_record_never_ends(start: Start, tls: ssl.SSLContext) -> None:
    def play(wire: Wire) -> None:
        wire.request()
        # Below the TLS layer: the head of a record of application data that never ends.
        with socket.socket(fileno=os.dup(wire.sock.fileno())) as wire.sock:
            wire.drip(b"\x17\x03\x03\x40\x00")

    start(play, tls=tls)

    with ends_soon(), pytest.raises(ProviderTimeout):
        exchange()
