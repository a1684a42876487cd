"""Fixtures for all tests: visitors, PlasGate's answers, and receivers of the signals."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest
import responses
from django.contrib.auth.models import User
from django.utils import translation

from django_plasgate_ip import signals
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.sandbox.answers import Reply, changed, json_reply
from tests.provider import Start, own_connections, providers
from tests.visitor import VERIFIED, Visitor

# If the distribution is installed, its entry point has registered the plugin already.
pytest_plugins = ["django_plasgate_ip.pytest_plugin"]

EXCHANGE_URL = "https://cloudapi.plasgate.com/ip/ip-auth"


class Answers:
    """PlasGate's answers to the exchange. It replaces the transport, so the whole client runs.

    ``answers()`` is the API page's success, ``answers(sub=None)`` the same without its ``sub``,
    ``answers(FAILED)`` its failure, ``answers(http=500, body="…")`` any other response.
    """

    def __init__(self, transport: responses.RequestsMock) -> None:
        self._transport = transport

    def __call__(
        self,
        answer: dict[str, Any] = VERIFIED,
        *,
        http: int = 200,
        body: str | Exception | None = None,
        meanwhile: Callable[[], Any] = lambda: None,
        **changes: Any,
    ) -> "Answers":
        """Answer every call from now on. `meanwhile` runs while the site waits for the answer."""
        if body is None:
            reply: Reply | Exception = json_reply(changed(answer, changes), http)
        else:
            reply = Reply(body.encode(), http) if isinstance(body, str) else body

        def respond(sent: dict[str, Any]) -> Reply | Exception:
            meanwhile()
            return reply

        return self.by(respond)

    def by(self, respond: Callable[[dict[str, Any]], Reply | Exception]) -> "Answers":
        """Answer every call from now on with the reply that `respond` returns for its JSON body."""

        def callback(request: Any) -> Any:
            reply = respond(json.loads(request.body))
            if isinstance(reply, Exception):
                return reply  # `responses` raises it
            return reply.status, {"Content-Type": reply.content_type}, reply.content

        self._transport.remove(responses.POST, EXCHANGE_URL)
        self._transport.add_callback(responses.POST, EXCHANGE_URL, callback=callback)
        return self

    @property
    def calls(self) -> list[Any]:
        """The requests so far, each with its JSON body as ``sent``."""
        requests: list[Any] = [call.request for call in self._transport.calls]
        for request in requests:
            request.sent = json.loads(request.body)
        return requests

    def forget_calls(self) -> None:
        self._transport.calls.reset()


@pytest.fixture
def answers() -> Iterator[Answers]:
    """Return PlasGate's exchange. Until a test sets an answer, a call is a connection error."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as transport:
        yield Answers(transport)


@pytest.fixture
def start(settings: Any) -> Iterator[Start]:
    """Return a function that starts a PlasGate on loopback, and sets the base URL to it."""
    with own_connections(), providers(settings) as start_one:
        yield start_one


@pytest.fixture(autouse=True)
def default_language() -> Iterator[None]:
    """Deactivate the language that a test has activated."""
    yield
    translation.deactivate()


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("teak", "teak@example.com", "a password")


@pytest.fixture
def other_user(db: None) -> User:
    return User.objects.create_user("mallory", "mallory@example.com", "a password")


@pytest.fixture
def visitor(user: User) -> Visitor:
    """Return the browser of `user`, who is signed in."""
    browser = Visitor()
    browser.force_login(user)
    return browser


@pytest.fixture
def stranger(db: None) -> Visitor:
    """Return a browser without a signed-in user."""
    return Visitor()


@pytest.fixture
def passer_by(stranger: Visitor, settings: Any) -> Visitor:
    """Return a browser without a signed-in user, on a site where it may start."""
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    return stranger


@dataclass(frozen=True)
class Receivers:
    """Receivers of both signals; a call with a wrong signature fails the test."""

    verified: mock.Mock
    failed: mock.Mock

    @property
    def heard(self) -> list[tuple[str, PhoneVerification]]:
        """What was sent: each signal's name and verification."""
        return [
            *(("verified", call.kwargs["verification"]) for call in self.verified.call_args_list),
            *(("failed", call.kwargs["verification"]) for call in self.failed.call_args_list),
        ]


def _receiver(sender: Any, verification: Any, request: Any, *, signal: Any) -> None:
    """Have the signature of a site's receiver; Django adds ``signal``."""


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    listening = Receivers(mock.create_autospec(_receiver), mock.create_autospec(_receiver))
    signals.phone_verified.connect(listening.verified)
    signals.phone_verification_failed.connect(listening.failed)
    yield listening
    signals.phone_verified.disconnect(listening.verified)
    signals.phone_verification_failed.disconnect(listening.failed)
