"""Fixtures of the doctor's tests: a PlasGate on loopback, with TLS."""

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import certificates
from tests.provider import Provider, own_connections, providers


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    return certificates.server(certificates.self_signed(path, "localhost"))


@pytest.fixture
def start(settings: Any) -> Iterator[Callable[..., Provider]]:
    """Return a function that starts a provider and makes it PlasGate."""
    with own_connections(), providers(settings) as start_one:
        yield start_one
