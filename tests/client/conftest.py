"""Fixtures of the client's tests: a PlasGate on loopback, and calls of its exchange."""

import gc
import ssl
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import urllib3

from django_plasgate_ip.client import Answer, PlasGateClient
from tests import certificates
from tests.provider import PATIENCE, own_connections
from tests.visitor import CODE, STATE

# Seconds. A call that the deadline ends takes less than `SOON`; the provider waits for longer.
DEADLINE = 1.0
SOON = 5
CALLBACK = "https://shop.example/phone/callback/"


@contextmanager
def ends_soon() -> Iterator[None]:
    """Fail where the block takes much longer than the deadline."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < SOON


def exchange(**keys: Any) -> Answer:
    return PlasGateClient(**keys).exchange(CODE, STATE, CALLBACK)


@pytest.fixture(autouse=True)
def connections(settings: Any) -> Iterator[None]:
    """Start without connections, and with timeouts that a busy machine does not reach."""
    settings.PLASGATE_IP_TIMEOUT = settings.PLASGATE_IP_CONNECT_TIMEOUT = PATIENCE
    with own_connections():
        yield


@pytest.fixture
def swept() -> Iterator[None]:
    """Collect the files of broken tunnels, which http.client leaves open before Python 3.12."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def short(settings: Any) -> None:
    """Set a short deadline for the whole call, and none for the connection alone."""
    settings.PLASGATE_IP_TIMEOUT = DEADLINE


@pytest.fixture
def dialling(monkeypatch: pytest.MonkeyPatch) -> Mock:
    watched = Mock(wraps=urllib3.util.connection.create_connection)
    monkeypatch.setattr(urllib3.util.connection, "create_connection", watched)
    return watched


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    return certificates.self_signed(path, "localhost")


@pytest.fixture(scope="session")
def tls(certificate: Path) -> ssl.SSLContext:
    return certificates.server(certificate)


@pytest.fixture
def trusted(certificate: Path, settings: Any) -> None:
    settings.PLASGATE_IP_CA_BUNDLE = str(certificate)
