"""Fixtures of the doctor's tests: a site that no check reports, and a PlasGate on loopback."""

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.provider import Start, own_connections, providers


@pytest.fixture(autouse=True)
def live(settings: Any) -> None:
    # The sandbox of the tests needs it.
    settings.DEBUG = True
    settings.PLASGATE_IP_PUBLIC_URL = "https://testserver"
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]


@pytest.fixture
def start(settings: Any) -> Iterator[Start]:
    """Return a function that starts a provider and makes it PlasGate."""
    with own_connections(), providers(settings) as start_one:
        yield start_one
