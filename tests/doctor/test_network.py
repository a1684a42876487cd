"""The way to the base URL, over real sockets on loopback: how far one gets, and why no further."""

import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from django_plasgate_ip.doctor import network
from django_plasgate_ip.doctor.findings import Finding, Level
from tests.doctor.conftest import HOST
from tests.provider import Provider, Wire, closed_port, drips, says, serve, silent
from tests.settings import PLASGATE_IP_PRIVATE_KEY, PLASGATE_IP_SECRET_KEY
from tests.test_transport import Authority, ends_soon, tunnel

FINE, LOOK, BROKEN = Level.FINE, Level.LOOK, Level.BROKEN
Start = Callable[..., Provider]


def findings() -> list[Finding]:
    return list(network.examine())


def levels() -> list[Level]:
    return [finding.level for finding in findings()]


@pytest.fixture(autouse=True)
def patience(settings: Any) -> None:
    settings.PLASGATE_IP_TIMEOUT = settings.PLASGATE_IP_CONNECT_TIMEOUT = 0.5


# A good way


@pytest.mark.usefixtures("trusted")
def test_a_good_way_is_fine_from_the_name_to_the_certificate(
    start: Start, tls: ssl.SSLContext
) -> None:
    provider = start(serve, tls=tls)
    found = findings()

    assert [finding.level for finding in found] == [FINE] * len(found)
    assert found[0].what.startswith("localhost is ")
    assert "127.0.0.1" in found[0].what
    assert any(f.what.startswith(f"Connected to {provider.address} (") for f in found)
    assert "TLSv1.3 (" in found[-1].what
    assert "the certificate of localhost by trusted is good for 89 days" in found[-1].what


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


def test_an_ipv6_address_is_shown_as_one(settings: Any) -> None:
    settings.PLASGATE_IP_BASE_URL = f"http://[::1]:{closed_port()}/"

    assert any("[::1]:" in finding.what for finding in findings())


# The name and the addresses


@pytest.mark.parametrize("host", ["plasgate.invalid", ".example.com", "a" * 70 + ".example"])
def test_a_name_that_is_none_is_told_and_nothing_else_tried(host: str, settings: Any) -> None:
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


def test_an_address_that_takes_no_call_costs_the_connect_timeout(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(address: Any, timeout: float) -> None:
        raise TimeoutError(f"timed out after {timeout}")

    monkeypatch.setattr(network.socket, "create_connection", hang)
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


def test_a_handshake_that_never_ends_does(start: Start, settings: Any) -> None:
    provider = start(lambda wire: wire.wait())
    settings.PLASGATE_IP_BASE_URL = f"https://{provider.address}/ip/"

    with ends_soon():
        found = findings()[-1]
    assert found.level is BROKEN
    assert "timed out" in found.what


# Through a proxy


@pytest.fixture
def proxied(settings: Any) -> Callable[[Provider], None]:
    """Return what makes a provider the proxy to a PlasGate that only it can find."""

    def through(proxy: Provider) -> None:
        settings.PLASGATE_IP_PROXY = f"http://somebody:pass%2Dword@{proxy.address}"
        settings.PLASGATE_IP_BASE_URL = f"https://{HOST}/ip/"

    return through


@pytest.mark.usefixtures("trusted")
def test_through_a_proxy_the_name_is_not_looked_up_and_tls_is_spoken(
    start: Start, tls: ssl.SSLContext, proxied: Callable[[Provider], None]
) -> None:
    proxy = start(tunnel(tls))
    proxied(proxy)
    found = findings()

    assert [finding.level for finding in found] == [FINE] * 4
    assert f"through the proxy {proxy.address}, which looks {HOST} up" in found[0].what
    assert found[1].what.startswith("127.0.0.1 is 127.0.0.1 (")
    assert f"Connected to {proxy.address}" in found[2].what
    assert "the certificate of localhost by trusted" in found[3].what
    assert "pass" not in repr(found)
    (request,) = proxy.requests
    assert request.startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n".encode())
    # somebody:pass-word
    assert b"authorization: Basic c29tZWJvZHk6cGFzcy13b3Jk\r\n" in request
    for key in (PLASGATE_IP_PRIVATE_KEY, PLASGATE_IP_SECRET_KEY):
        assert key.encode() not in request


@pytest.mark.parametrize(
    ("play", "said"),
    [
        (says(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), "the proxy answered 407"),
        (says(b"220 mail.example ESMTP\r\n\r\n"), "the proxy answered no HTTP"),
        (says(b"HTTP/1.1 200 OK\r\n"), "the proxy gave no whole answer"),
        (says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000), "the proxy gave no whole answer"),
        (drips(b"HTTP/1.1 200 OK\r\nX: "), "timed out|the deadline for the whole call has passed"),
        (silent, "timed out"),
    ],
    ids=["refused", "no HTTP", "broken off", "endless", "dripping", "silent"],
)
def test_a_proxy_that_does_not_let_us_through_is_told(
    play: Any, said: str, start: Start, proxied: Callable[[Provider], None]
) -> None:
    proxied(start(play))

    with ends_soon():
        found = findings()[-1]
    assert found.level is BROKEN
    assert re.fullmatch(rf"No TLS with {re.escape(HOST)}:443: ({said})\.", found.what)
    assert "proxy" in found.do


def test_a_proxy_without_a_login_is_told_none(start: Start, settings: Any) -> None:
    proxy = start(says(b"HTTP/1.1 403 Forbidden\r\n\r\n"))
    settings.PLASGATE_IP_PROXY = f"http://{proxy.address}"
    settings.PLASGATE_IP_BASE_URL = f"https://{HOST}/ip/"
    findings()

    assert b"authorization" not in proxy.requests[0].lower()


def test_tls_within_a_proxys_tls_is_left_to_the_exchange(start: Start, settings: Any) -> None:
    proxy = start(serve)
    settings.PLASGATE_IP_PROXY = f"https://{proxy.address}"
    settings.PLASGATE_IP_BASE_URL = f"https://{HOST}/ip/"
    found = findings()

    assert found[-1].level is FINE
    assert "left to the exchange" in found[-1].what
    assert proxy.requests == []


def test_a_proxy_that_is_not_there_is_told(settings: Any) -> None:
    settings.PLASGATE_IP_PROXY = f"http://somebody:pass-word@127.0.0.1:{closed_port()}"
    settings.PLASGATE_IP_BASE_URL = f"https://{HOST}/ip/"
    found = findings()

    assert [finding.level for finding in found] == [FINE, FINE, BROKEN]
    assert "pass-word" not in repr(found)
