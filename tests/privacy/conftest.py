"""A site with canaries in its settings, a provider that answers with them, and all log records."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from tests.privacy import canaries
from tests.privacy.canaries import Search
from tests.provider import Play, Provider, answer, own_connections, providers, says
from tests.visitor import Visitor


class Log(logging.Handler):
    """Keeps every record."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


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
    searching.end()


@pytest.fixture
def log() -> Iterator[Log]:
    """Return the records of all loggers, at DEBUG."""
    handler = Log()
    named = logging.root.manager.loggerDict.values()
    loggers = [each for each in named if isinstance(each, logging.Logger)]
    # The root does not receive the records of a logger that does not propagate.
    handling = [logging.root, *(each for each in loggers if not each.propagate)]
    levels = [(each, each.level, each.disabled) for each in [logging.root, *loggers]]
    for each, _level, _disabled in levels:
        each.setLevel(logging.DEBUG)
        each.disabled = False
    for each in handling:
        each.addHandler(handler)
    yield handler
    for each in handling:
        each.removeHandler(handler)
    for each, level, disabled in levels:
        each.setLevel(level)
        each.disabled = disabled


@pytest.fixture
def start_provider(settings: Any) -> Iterator[Callable[..., Provider]]:
    with own_connections(), providers(settings) as start:
        yield start


@pytest.fixture
def provider(start_provider: Callable[..., Provider]) -> Provider:
    """Return a PlasGate that verifies every number, with all canaries in its answer."""
    return start_provider(replies(canaries.VERIFIED))


def replies(data: dict[str, Any], status: str = "200 OK") -> Play:
    return says(answer(json.dumps(data).encode(), status))


@pytest.fixture
def staff(db: None) -> Visitor:
    """Return the browser of staff with the permissions to view and delete, but not for claims."""
    user = User.objects.create_user("staff", is_staff=True)
    names = ("view_phoneverification", "delete_phoneverification", "view_user", "view_logentry")
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    browser = Visitor()
    browser.force_login(user)
    return browser
