"""The way to the base URL, over real sockets on loopback: how far one gets, and why no further."""

import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from cryptography import x509

from django_plasgate_ip.doctor import network
from django_plasgate_ip.doctor.findings import Finding, Level
from tests.authority import Authority
from tests.client.test_transport import ends_soon
from tests.provider import Provider, Wire, closed_port, serve

FINE, LOOK, BROKEN = Level.FINE, Level.LOOK, Level.BROKEN
Start = Callable[..., Provider]


def findings() -> list[Finding]:
    return list(network.examine())


def levels() -> list[Level]:
    return [finding.level for finding in findings()]


@pytest.fixture(autouse=True)
def patience(settings: Any) -> None:
    settings.PLASGATE_IP_TIMEOUT = settings.PLASGATE_IP_CONNECT_TIMEOUT = 10


@pytest.fixture
def short(settings: Any) -> None:
    """Let what never ends be cut off soon."""
    settings.PLASGATE_IP_TIMEOUT = settings.PLASGATE_IP_CONNECT_TIMEOUT = 0.5


# A good way


@pytest.mark.usefixtures("trusted")
def test_a_good_way_is_fine_from_the_name_to_the_certificate(
    start: Start, tls: ssl.SSLContext, resolve: Callable[..., None]
) -> None:
    provider = start(serve, tls=tls)
    resolve("localhost", ("127.0.0.1", provider.port))
    found = findings()

    assert [finding.level for finding in found] == [FINE] * 3
    assert found[0].what.startswith("localhost is 127.0.0.1 (")
    assert found[1].what.startswith(f"Connected to {provider.address} (")
    assert "TLSv1.3 (" in found[2].what
    assert "the certificate of localhost by trusted is good for 89 days" in found[2].what


@pytest.mark.usefixtures("trusted")
def test_nothing_secret_is_sent_nor_anything_at_all(start: Start, tls: ssl.SSLContext) -> None:
    provider = start(serve, tls=tls)
    findings()

    assert provider.connections >= 2
    assert provider.requests == []


def test_plain_http_to_this_machine_is_fine(start: Start) -> None:
    start(serve)
    found = findings()

    assert [finding.level for finding in found] == [FINE] * 3
    assert "this machine" in found[-1].what


def test_plain_http_to_another_machine_is_not(
    start: Start, settings: Any, resolve: Callable[..., None]
) -> None:
    provider = start(serve)
    settings.PLASGATE_IP_BASE_URL = "http://plasgate.example/ip/"
    resolve("plasgate.example", ("127.0.0.1", provider.port))
    found = findings()

    assert found[-1].level is LOOK
    assert "https" in found[-1].do


def test_an_ipv6_address_is_shown_as_one(settings: Any, resolve: Callable[..., None]) -> None:
    settings.PLASGATE_IP_BASE_URL = "http://plasgate.example/ip/"
    resolve("plasgate.example", ("::1", closed_port()))

    assert "No connection to [::1]:" in findings()[-1].what


# The name and the addresses


@pytest.mark.parametrize("host", ["plasgate.invalid", ".example.com", "a" * 70 + ".example"])
def test_a_name_that_is_none_is_told_and_nothing_else_tried(
    host: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if host == "plasgate.invalid":
        # Some networks answer for every name.
        gone = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        monkeypatch.setattr(socket, "getaddrinfo", mock.Mock(side_effect=gone))
    settings.PLASGATE_IP_BASE_URL = f"https://{host}/ip/"
    (found,) = findings()

    assert found.level is BROKEN
    assert host in found.what
    assert "DNS" in found.do


def test_where_nobody_listens_the_firewall_is_named(settings: Any) -> None:
    port = closed_port()
    settings.PLASGATE_IP_BASE_URL = f"https://127.0.0.1:{port}/ip/"
    found = findings()

    assert [finding.level for finding in found] == [FINE, BROKEN]
    assert f"No connection to 127.0.0.1:{port}: Connection refused (" in found[-1].what
    assert "firewall" in found[-1].do


def test_an_address_that_does_not_answer_beside_one_that_does_is_worth_a_look(
    start: Start, settings: Any, resolve: Callable[..., None]
) -> None:
    provider = start(serve)
    settings.PLASGATE_IP_BASE_URL = "http://plasgate.example/ip/"
    resolve("plasgate.example", ("127.0.0.1", closed_port()), ("127.0.0.1", provider.port))
    found = findings()

    assert [finding.level for finding in found[:3]] == [FINE, LOOK, FINE]
    assert "127.0.0.1, 127.0.0.1" in found[0].what
    assert "each call may lose that time" in found[1].do


@pytest.mark.usefixtures("short")
def test_an_address_that_takes_no_call_costs_the_connect_timeout(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(address: Any, timeout: float) -> None:
        raise TimeoutError(f"timed out after {timeout}")

    monkeypatch.setattr(socket, "create_connection", hang)
    settings.PLASGATE_IP_BASE_URL = "https://192.0.2.1/ip/"

    assert "No connection to 192.0.2.1:443: timed out after 0.5" in findings()[-1].what


def test_of_many_addresses_some_are_called(settings: Any, resolve: Callable[..., None]) -> None:
    port = closed_port()
    settings.PLASGATE_IP_BASE_URL = "http://plasgate.example/ip/"
    resolve("plasgate.example", *[("127.0.0.1", port)] * 30)

    assert levels() == [FINE, *[BROKEN] * network.MAX_ADDRESSES]


# TLS


def test_an_authority_that_is_not_trusted_is_told(start: Start, tls: ssl.SSLContext) -> None:
    start(serve, tls=tls)
    found = findings()[-1]

    assert found.level is BROKEN
    assert "is refused: unable to get local issuer certificate." in found.what
    assert "PLASGATE_IP_CA_BUNDLE" in found.do


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another_host_is_told(start: Start, authority: Authority) -> None:
    start(serve, tls=authority.server(x509.DNSName("other.example")))
    found = findings()[-1]

    assert found.level is BROKEN
    assert "localhost" in found.what
    assert "mismatch" in found.what


def test_a_certificate_about_to_end_is_worth_a_look(
    start: Start, tmp_path: Path, settings: Any
) -> None:
    short = Authority(tmp_path, "short")
    settings.PLASGATE_IP_CA_BUNDLE = str(short.path)
    start(serve, tls=short.server(x509.DNSName("localhost")))
    found = findings()[-1]

    assert found.level is LOOK
    assert "good for 0 days" in found.what
    assert "renewed" in found.do


def test_a_certificate_shows_its_organisation_and_cannot_command_the_terminal() -> None:
    issuer = ((("commonName", "R3"),), (("organizationName", "Let's\x1b[2J Encrypt"),))

    assert network._name(issuer, "organizationName", "commonName") == "Let's [2J Encrypt"
    assert network._name((), "commonName") == "no name"


def test_a_bundle_that_is_none_is_told(start: Start, tls: ssl.SSLContext, settings: Any) -> None:
    start(serve, tls=tls)
    settings.PLASGATE_IP_CA_BUNDLE = __file__
    found = findings()[-1]

    assert found.level is BROKEN
    assert "no certificate or crl found" in found.what
    assert "PEM" in found.do


def test_a_port_that_speaks_no_tls_is_told(start: Start, settings: Any) -> None:
    def play(wire: Wire) -> None:
        wire.sock.recv(1)
        wire.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    provider = start(play)
    settings.PLASGATE_IP_BASE_URL = f"https://{provider.address}/ip/"
    found = findings()[-1]

    assert found.level is BROKEN
    assert f"No TLS with {provider.address}: " in found.what
    assert "scheme and the port" in found.do


@pytest.mark.usefixtures("short")
def test_a_handshake_that_never_ends_does(start: Start, settings: Any) -> None:
    provider = start(lambda wire: wire.wait())
    settings.PLASGATE_IP_BASE_URL = f"https://{provider.address}/ip/"

    with ends_soon():
        found = findings()[-1]
    assert found.level is BROKEN
    assert "timed out" in found.what
