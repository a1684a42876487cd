"""Fixtures of the doctor's tests: names that resolve here, and a PlasGate on loopback."""

import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography import x509

from tests.authority import Authority
from tests.client.test_transport import LOCALHOST
from tests.provider import Provider, own_connections, providers

HOST = "cloudapi.plasgate.com"


class Trusted(Authority):
    """One whose certificates are good for a while yet."""

    days = 90


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Trusted:
    return Trusted(tmp_path_factory.mktemp("trusted"), "trusted")


@pytest.fixture(scope="session")
def tls(authority: Authority) -> ssl.SSLContext:
    return authority.server(*LOCALHOST, x509.DNSName(HOST))


@pytest.fixture
def trusted(authority: Authority, settings: Any) -> None:
    settings.PLASGATE_IP_CA_BUNDLE = str(authority.path)


@pytest.fixture
def start(settings: Any) -> Iterator[Callable[..., Provider]]:
    """Return what starts a provider and makes it PlasGate."""
    with own_connections(), providers(settings) as start_one:
        yield start_one


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what gives a name these addresses; others resolve as ever."""
    lookup = socket.getaddrinfo

    def resolve(name: str, *addresses: tuple[str, int]) -> None:
        def look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
            if host != name:
                return lookup(host, *args, **kwargs)
            kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
            return [(*kind, address) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return resolve
