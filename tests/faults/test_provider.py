"""Faults of the provider on real sockets, during a visitor's whole verification.

After each, the verification ends within the deadline, with its reason and one signal. The visitor
sees a page and can start again. The code is sent once, no log has a secret, and memory stays small.
"""

import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Receivers
from tests.faults.memory import MIB, at_most
from tests.faults.plays import FAULTS, HTML
from tests.provider import (
    BODY,
    Play,
    Start,
    Wire,
    answer,
    own_connections,
    providers,
    resets,
    serve,
)
from tests.settings import PLASGATE_IP_PRIVATE_KEY, PLASGATE_IP_SECRET_KEY
from tests.visitor import CODE, DIGITS, MOBILE_ID, STATE, SUB, TYPED, Visitor, newest, outcome

pytestmark = pytest.mark.worlds

# Seconds. A call that the deadline ends takes less than `SOON`; the provider waits for 10.
DEADLINE = 0.6
SOON = 5.0
PRIVATE = (
    *(PLASGATE_IP_SECRET_KEY, PLASGATE_IP_PRIVATE_KEY, CODE, STATE),
    *(DIGITS, TYPED, SUB, MOBILE_ID),
)


@pytest.fixture
def start(settings: Any) -> Iterator[Start]:
    """Return a function that starts a provider and sets the base URL to it."""
    settings.PLASGATE_IP_TIMEOUT = settings.PLASGATE_IP_CONNECT_TIMEOUT = 10
    with own_connections(), providers(settings) as start_one:
        yield start_one


def ended(reason: str, receivers: Receivers) -> None:
    """Fail unless the verification ended with this error, one signal, and nothing of an answer."""
    row = newest()
    assert (row.status, row.reason) == ("error", reason)
    assert row.completed_at is not None
    described = "HTTP 500" if reason == "provider_error" else ""
    assert (row.sub, row.mobile_id, row.error_description) == ("", "", described)
    assert receivers.heard == [("failed", row)]
    assert receivers.failed.call_args.kwargs["verification"].reason == reason


@pytest.mark.parametrize(("play", "reason"), FAULTS)
def test_a_verification_ends_with_the_error_and_the_next_one_succeeds(
    play: Play,
    reason: str,
    visitor: Visitor,
    receivers: Receivers,
    start: Start,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider = start(play, serve)
    # A busy machine needs time for the other plays, too.
    if reason == "provider_timeout":
        settings.PLASGATE_IP_TIMEOUT = DEADLINE

    visitor.start()
    started = time.monotonic()
    with caplog.at_level(logging.DEBUG), at_most(20 * MIB):
        response = visitor.come_back()
    assert time.monotonic() - started < SOON
    settings.PLASGATE_IP_TIMEOUT = 10

    for record in caplog.records:
        seen = f"{record.getMessage()} {vars(record)}"
        assert not [value for value in PRIVATE if value in seen]
    assert response["Location"] == f"/phone/{newest().pk}/"
    page = visitor.get(response["Location"])
    assert "We could not check your number just now." in page.content.decode()
    ended(reason, receivers)
    # The buffers of two sockets hold less.
    assert provider.sent < 32 * MIB

    # SECURITY: the code may be spent. A reload does not send it again.
    visitor.come_back()
    assert provider.connections == 1
    assert len(provider.requests) == (0 if play is resets else 1)
    ended(reason, receivers)

    visitor.verify()
    assert outcome() == ("verified", "")


def test_bytes_after_an_answer_are_not_the_next_visitors_answer(
    visitor: Visitor, passer_by: Visitor, start: Start
) -> None:
    def smuggle(wire: Wire) -> None:
        wire.request()
        wire.send(answer(b"{}") + answer(BODY))
        refuse(wire)

    def refuse(wire: Wire) -> None:
        while wire.request():
            wire.send(answer(HTML))

    provider = start(smuggle, refuse)
    for browser in (visitor, passer_by):
        browser.verify()
        assert outcome() == ("error", "invalid_response")

    assert len(provider.requests) == 2
