"""Fixtures of the doctor's tests: a PlasGate on loopback with TLS, and the lookup of its name."""

import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import certificates
from tests.provider import Provider, own_connections, providers

HOST = "cloudapi.plasgate.com"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    return certificates.self_signed(path, "localhost", HOST)


@pytest.fixture(scope="session")
def tls(certificate: Path) -> ssl.SSLContext:
    return certificates.server(certificate)


@pytest.fixture
def start(settings: Any) -> Iterator[Callable[..., Provider]]:
    """Return a function that starts a provider and makes it PlasGate."""
    with own_connections(), providers(settings) as start_one:
        yield start_one


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that gives a name this address, or none."""
    lookup = socket.getaddrinfo

    def resolve(name: str, address: tuple[str, int] | None) -> None:
        def look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
            if host != name:
                return lookup(host, *args, **kwargs)
            if address is None:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return resolve
