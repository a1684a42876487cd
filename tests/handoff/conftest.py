"""These tests need the hand-off: ``pytest --ds=tests.handoff.settings tests/handoff``."""

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
def link(visitor: Visitor) -> str:
    """Return where the QR code on the start page of `visitor`, the computer, leads."""
    return offered(visitor.get("/phone/"))
