"""What keeps a played PlasGate apart from the site's keys and from the network."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from requests import PreparedRequest
from requests.adapters import HTTPAdapter

from django_plasgate_ip.conf import Settings

# With dollar signs, as a real one has.
_KEYS = (
    ("PLASGATE_IP_PRIVATE_KEY", "test-private-key"),
    ("PLASGATE_IP_SECRET_KEY", "$5$rounds=535000$test$secret-key"),
)


@contextmanager
def keys() -> Iterator[None]:
    """Give the app test keys wherever it would find none.

    Not ``override_settings``, which has to end before whatever else changes settings: pytest gives
    no such promise about two fixtures of one test.
    """
    with ExitStack() as stack:
        for name, test_key in _KEYS:
            stack.enter_context(mock.patch.object(Settings, name, _or(name, test_key)))
        yield


def _or(name: str, test_key: str) -> property:
    configured: property = vars(Settings)[name]
    return property(lambda conf: configured.__get__(conf) or test_key)


def no_other_calls() -> Any:
    """Return a context in which requests calls nobody.

    Empty where somebody (`responses`, a recorder) stands in for the network already.
    """
    if HTTPAdapter.send.__module__ != HTTPAdapter.__module__:
        return nullcontext()
    return mock.patch.object(HTTPAdapter, "send", _refuse)


def _refuse(adapter: HTTPAdapter, request: PreparedRequest, **kwargs: Any) -> None:
    # Without the query: it may hold a key.
    url = urlsplit(str(request.url))._replace(query="").geturl()
    raise AssertionError(
        f"{request.method} {url}: no call leaves the process while PlasGate is played. Fake this "
        "one, too (with responses.activate, say)."
    )
