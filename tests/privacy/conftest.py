"""A site with canaries in its settings, a provider that answers with them, and all log records."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.privacy import canaries
from tests.privacy.canaries import Search
from tests.provider import Play, Provider, Start, answer, says


@pytest.fixture(autouse=True)
def canary_site(settings: Any) -> None:
    settings.PLASGATE_IP_SECRET_KEY = canaries.SECRET_KEY
    settings.PLASGATE_IP_PRIVATE_KEY = canaries.PRIVATE_KEY
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [canaries.ENCRYPTION_KEY]
    settings.PLASGATE_IP_SCOPES = ["phone_verify", "mobile_id", "profile"]


@pytest.fixture
def search() -> Iterator[Search]:
    """Return a search. The test fails at its end if the search has found a canary."""
    searching = Search()
    yield searching
    assert not searching.found, "\n".join(searching.found)


@pytest.fixture
def log(caplog: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the records of all loggers, at DEBUG."""
    caplog.set_level(logging.DEBUG)
    for name, logger in logging.root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger):
            caplog.set_level(logging.DEBUG, name)
            monkeypatch.setattr(logger, "disabled", False)
            monkeypatch.setattr(logger, "propagate", True)
    return caplog


@pytest.fixture
def provider(start: Start) -> Provider:
    """Return a PlasGate that verifies every number, with all canaries in its answer."""
    return start(replies(canaries.VERIFIED))


def replies(data: dict[str, Any], status: str = "200 OK") -> Play:
    return says(answer(json.dumps(data).encode(), status))
