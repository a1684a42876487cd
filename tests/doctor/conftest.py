"""A fixture of the doctor's tests: a site that no check reports."""

from typing import Any

import pytest
from cryptography.fernet import Fernet


@pytest.fixture(autouse=True)
def live(settings: Any) -> None:
    # The sandbox of the tests needs it.
    settings.DEBUG = True
    settings.PLASGATE_IP_PUBLIC_URL = "https://testserver"
    settings.PLASGATE_IP_FALLBACK_URL = "https://testserver/help/"
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
