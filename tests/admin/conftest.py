"""The browsers of staff with different permissions, and what a summary's tests need."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from tests.staff import staff


@pytest.fixture
def viewer() -> Client:
    return staff("view_phoneverification")


@pytest.fixture
def reader() -> Client:
    return staff("view_phoneverification", "view_claims")


@pytest.fixture
def deleter() -> Client:
    return staff("view_phoneverification", "delete_phoneverification")


@pytest.fixture
def superuser() -> Client:
    return staff(is_superuser=True)


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def not_at_midnight() -> None:
    """Wait if the day would change during a test."""
    now = timezone.localtime()
    if (now + timedelta(seconds=10)).date() != now.date():
        time.sleep(10)
