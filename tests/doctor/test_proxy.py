"""The way through a proxy: TLS is spoken with PlasGate itself, and the proxy is told no secret."""

import re
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from django_plasgate_ip.doctor.findings import Level
from tests.client.test_transport import ends_soon, tunnel
from tests.doctor.conftest import HOST
from tests.doctor.test_network import findings
from tests.provider import Provider, closed_port, drips, says, serve, silent
from tests.settings import PLASGATE_IP_PRIVATE_KEY, PLASGATE_IP_SECRET_KEY

FINE, BROKEN = Level.FINE, Level.BROKEN
Start = Callable[..., Provider]


@pytest.fixture(autouse=True)
def patience(settings: Any) -> None:
    settings.PLASGATE_IP_TIMEOUT = settings.PLASGATE_IP_CONNECT_TIMEOUT = 10


@pytest.fixture
def short(settings: Any) -> None:
    """Let what never ends be cut off soon."""
    settings.PLASGATE_IP_TIMEOUT = settings.PLASGATE_IP_CONNECT_TIMEOUT = 0.5


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
    play: Any,
    said: str,
    start: Start,
    proxied: Callable[[Provider], None],
    request: pytest.FixtureRequest,
) -> None:
    if "timed out" in said:
        request.getfixturevalue("short")
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
