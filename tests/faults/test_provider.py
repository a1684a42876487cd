"""The provider misbehaves, on real sockets, while a visitor walks through start and callback.

Whatever it does, the attempt ends within the deadline, with its reason, told once; the visitor sees
a page and can try again; the code was sent once, the secret nowhere else, and memory stays small.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import urllib3

from tests import figures
from tests.conftest import Receivers
from tests.faults import plays
from tests.faults.memory import MIB, at_most
from tests.faults.plays import HTML
from tests.provider import (
    BODY,
    Dialling,
    Play,
    Provider,
    Wire,
    answer,
    closed_port,
    own_connections,
    providers,
    resets,
    says,
    serve,
)
from tests.settings import PLASGATE_IP_PRIVATE_KEY, PLASGATE_IP_SECRET_KEY
from tests.visitor import CODE, DIGITS, MOBILE_ID, STATE, SUB, TYPED, Visitor, attempt, outcome

pytestmark = pytest.mark.worlds

# Seconds. What ends with the deadline ends long before what does not, which goes on for 10.
DEADLINE = 0.6
SOON = 5.0
SECRETS = (PLASGATE_IP_SECRET_KEY, PLASGATE_IP_PRIVATE_KEY, CODE, STATE, DIGITS, TYPED)
CLAIMS = (SUB, MOBILE_ID)


@pytest.fixture(autouse=True)
def connections(settings: Any) -> Iterator[None]:
    settings.PLASGATE_IP_TIMEOUT = settings.PLASGATE_IP_CONNECT_TIMEOUT = 10
    with own_connections():
        yield


@pytest.fixture
def start(settings: Any) -> Iterator[Callable[..., Provider]]:
    """Return what starts a provider and makes it PlasGate."""
    with providers(settings) as start_one:
        yield start_one


@pytest.fixture
def dialling(monkeypatch: pytest.MonkeyPatch) -> Dialling:
    watched = Dialling(urllib3.util.connection.create_connection)
    monkeypatch.setattr(urllib3.util.connection, "create_connection", watched)
    return watched


@pytest.fixture(scope="module")
def played() -> Iterator[Counter[str]]:
    """Return what counts for the figures at the end of the run."""
    counted: Counter[str] = Counter()
    yield counted
    for name, value in counted.items():
        figures.record(name, value)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail where the block takes longer."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def come_back(visitor: Visitor, caplog: pytest.LogCaptureFixture, played: Counter[str]) -> Any:
    """Start, and come back to the provider that is up to something; return the page shown."""
    visitor.start()
    with caplog.at_level(logging.DEBUG), within(SOON), at_most(20 * MIB):
        response = visitor.come_back()
    played["Faults played by the provider"] += 1
    assert response.status_code == 302
    assert response["Location"] == f"/phone/{attempt().pk}/"
    page = visitor.get(response["Location"])
    assert page.status_code == 200
    return page


def told_nothing_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Fail where a log record, at any level, holds what it must not."""
    for record in caplog.records:
        seen = f"{record.getMessage()} {vars(record)}"
        assert not [secret for secret in (*SECRETS, *CLAIMS) if secret in seen]


def ended(reason: str, receivers: Receivers) -> None:
    """Fail unless the attempt has ended as this error, once, with nothing learnt."""
    row = attempt()
    assert (row.status, row.reason) == ("error", reason)
    assert row.completed_at is not None
    assert (row.sub, row.mobile_id, row.error_description) == ("", "", "")
    assert receivers.heard == [("failed", row)]
    assert receivers.failed.call_args.kwargs["verification"].reason == reason


@pytest.mark.parametrize(
    ("play", "reason"),
    [
        *plays.BROKEN_CONNECTIONS,
        *plays.SLOW,
        *plays.BIG,
        *plays.NOT_HTTP,
        *plays.STATUSES,
        *plays.NO_ANSWERS,
    ],
)
def test_whatever_the_provider_does_the_attempt_ends_as_an_error_and_nothing_else_does(
    play: Play,
    reason: str,
    visitor: Visitor,
    receivers: Receivers,
    start: Callable[..., Provider],
    caplog: pytest.LogCaptureFixture,
    played: Counter[str],
    settings: Any,
) -> None:
    provider = start(play, serve)
    # On a busy machine an answer takes its time, too: only what never ends is cut off soon.
    if reason == "provider_timeout":
        settings.PLASGATE_IP_TIMEOUT = DEADLINE

    page = come_back(visitor, caplog, played)
    settings.PLASGATE_IP_TIMEOUT = 10

    assert "We could not check your number just now." in page.content.decode()
    ended(reason, receivers)
    told_nothing_secret(caplog)
    # What lies in the buffers of two sockets, not more.
    assert provider.sent < 32 * MIB

    # SECURITY: the code is spent, or may be; no reload sends it again.
    visitor.come_back()
    assert provider.connections == 1
    assert len(provider.requests) == (0 if play is resets else 1)
    ended(reason, receivers)

    # Nothing of it is left for the next one, on a connection or elsewhere.
    visitor.verify()
    assert outcome() == ("verified", "")


@pytest.mark.parametrize(("body", "ends_as"), plays.ODD)
def test_what_is_merely_odd_is_judged_like_any_answer(
    body: bytes,
    ends_as: tuple[str, str],
    visitor: Visitor,
    receivers: Receivers,
    start: Callable[..., Provider],
    caplog: pytest.LogCaptureFixture,
    played: Counter[str],
) -> None:
    provider = start(says(answer(body)))

    page = come_back(visitor, caplog, played)

    assert outcome() == ends_as
    assert "<script>" not in page.content.decode()
    assert len(receivers.heard) == 1
    told_nothing_secret(caplog)
    assert len(provider.requests) == 1


def test_where_nobody_listens_a_connection_is_tried_twice(
    visitor: Visitor,
    receivers: Receivers,
    dialling: Dialling,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    played: Counter[str],
) -> None:
    settings.PLASGATE_IP_BASE_URL = f"http://127.0.0.1:{closed_port()}/ip/"

    come_back(visitor, caplog, played)

    assert dialling.attempts == 2
    ended("provider_unreachable", receivers)
    told_nothing_secret(caplog)

    visitor.come_back()
    assert dialling.attempts == 2


def test_a_connection_that_was_refused_once_brings_the_code_after_all_and_once(
    visitor: Visitor,
    receivers: Receivers,
    start: Callable[..., Provider],
    dialling: Dialling,
    caplog: pytest.LogCaptureFixture,
    played: Counter[str],
) -> None:
    provider = start(serve)
    dialling.refuses_first = True

    come_back(visitor, caplog, played)

    assert outcome() == ("verified", "")
    assert [name for name, _row in receivers.heard] == ["verified"]
    assert (dialling.attempts, len(provider.requests)) == (2, 1)
    assert CODE.encode() in provider.requests[0]
    told_nothing_secret(caplog)


@pytest.mark.parametrize("location", ["http://{}/ip/ip-auth", "//{}/", "http://{}@{}/"])
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temp", "308 Perm"])
def test_a_redirect_takes_neither_the_secret_nor_the_code_anywhere(
    status: str,
    location: str,
    visitor: Visitor,
    receivers: Receivers,
    start: Callable[..., Provider],
    caplog: pytest.LogCaptureFixture,
    played: Counter[str],
) -> None:
    elsewhere = start(serve)
    target = location.format(elsewhere.address, elsewhere.address)
    provider = start(says(answer(BODY, status, f"Location: {target}", f"Refresh: 0; url={target}")))

    come_back(visitor, caplog, played)

    ended("invalid_response", receivers)
    told_nothing_secret(caplog)
    assert (elsewhere.connections, elsewhere.requests) == (0, [])
    assert len(provider.requests) == 1


@pytest.mark.parametrize("status", ["307 Temp", "308 Perm"])
def test_a_redirect_to_the_provider_itself_does_not_send_the_code_again(
    status: str,
    visitor: Visitor,
    receivers: Receivers,
    start: Callable[..., Provider],
    caplog: pytest.LogCaptureFixture,
    played: Counter[str],
) -> None:
    def play(wire: Wire) -> None:
        while wire.request():
            wire.send(answer(b"", status, "Location: /ip/ip-auth"))

    provider = start(play)

    come_back(visitor, caplog, played)

    ended("invalid_response", receivers)
    assert (provider.connections, len(provider.requests)) == (1, 1)


def test_what_a_broken_answer_left_behind_is_not_the_next_visitors_answer(
    visitor: Visitor,
    passer_by: Visitor,
    start: Callable[..., Provider],
    caplog: pytest.LogCaptureFixture,
    played: Counter[str],
) -> None:
    def smuggle(wire: Wire) -> None:
        # Shorter than it is, and a whole answer behind it that nobody has asked for.
        wire.request()
        wire.send(answer(b"{}") + answer(BODY))
        serve_nobody(wire)

    def serve_nobody(wire: Wire) -> None:
        while wire.request():
            wire.send(answer(HTML))

    provider = start(smuggle)
    come_back(visitor, caplog, played)
    assert outcome() == ("error", "invalid_response")

    passer_by.verify()

    assert outcome() == ("error", "invalid_response")
    assert len(provider.requests) == 2
