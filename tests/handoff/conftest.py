"""These tests need the hand-off: ``pytest --ds=tests.handoff.settings tests/handoff``."""

import time
from collections.abc import Callable

import pytest
from django.apps import apps

from tests.handoff.devices import Phone, offered
from tests.visitor import Visitor

collect_ignore_glob = [] if apps.is_installed("django_plasgate_ip.handoff") else ["test_*.py"]


@pytest.fixture
def phone(db: None) -> Visitor:
    """Return the phone of the person at the computer; nobody is signed in there."""
    return Phone()


@pytest.fixture
def photographer(db: None) -> Visitor:
    """Return the phone of somebody who has a photograph of the screen."""
    return Phone()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Stop the clock of signatures; return a function that sets it to so many seconds later."""
    now = int(time.time())
    monkeypatch.setattr(time, "time", lambda: now)
    return lambda seconds: monkeypatch.setattr(time, "time", lambda: now + seconds)


@pytest.fixture
def link(visitor: Visitor) -> str:
    """Return the path in the QR code on the start page of `visitor`, the computer."""
    return offered(visitor.get("/phone/"))
