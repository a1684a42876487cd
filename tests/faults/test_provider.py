"""Faults of the provider on real sockets, during a visitor's whole verification.

After each, the verification ends within the deadline, with its reason and one signal. The visitor
sees a page and can start again. The code is sent once, no log has a secret, and memory stays small.
"""

import gzip
import logging
from itertools import repeat

import pytest

from django_plasgate_ip.sandbox.answers import NOT_JSON
from tests.client.conftest import ends_soon
from tests.faults.memory import MIB, at_most
from tests.provider import BODY, CHUNKED, HEAD, Play, Wire, answer, drips, resets, says, serves
from tests.settings import PLASGATE_IP_PRIVATE_KEY, PLASGATE_IP_SECRET_KEY
from tests.visitor import CODE, DIGITS, MOBILE_ID, STATE, SUB, TYPED, newest, outcome

pytestmark = pytest.mark.worlds

# Seconds, of the 5 of `ends_soon`; the provider waits for 10.
DEADLINE = 0.6
PRIVATE = (
    *(PLASGATE_IP_SECRET_KEY, PLASGATE_IP_PRIVATE_KEY, CODE, STATE),
    *(DIGITS, TYPED, SUB, MOBILE_ID),
)
HUGE = 512 * MIB
# Less than the client's limit, and inflated more than the process may grow by.
BOMB = gzip.compress(BODY + b" " * 48 * MIB)
assert len(BOMB) < 65536


def floods(head: bytes, piece: bytes = b" " * 65536) -> Play:
    """Return a play that sends `head`, and then 512 MiB of `piece`."""
    return says(head, *repeat(piece, HUGE // len(piece)))


# `tests.client` has the other faults: here is one of each kind, and those that need much memory.
FAULTS = {
    "reset before the request was read": resets,
    "truncated body": says(answer()[:-9]),
    "headers that drip": drips(b"X: ", at_once=HEAD),
    "512 MiB": floods(HEAD + b"Content-Length: %d\r\n\r\n" % HUGE),
    "512 MiB of headers": floods(HEAD, b"X: %s\r\n" % (b"x" * 60_000)),
    "512 MiB of a header": floods(HEAD + b"X: "),
    "512 MiB of interim headers": floods(b"HTTP/1.1 100 Go\r\n", b"X: y\r\n" * 10_000),
    "512 MiB in small chunks": floods(CHUNKED, b"20\r\n%s\r\n" % (b" " * 32) * 1000),
    "512 MiB of a chunk's extension": floods(CHUNKED + b"1;"),
    "512 MiB of an error page": floods(b"HTTP/1.1 500 Oops\r\n\r\n"),
    "48 MiB in gzip": says(answer(BOMB, "200 OK", "Content-Encoding: identity, GZIP")),
    "48 MiB as a transfer coding": says(
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n%x\r\n" % len(BOMB) + BOMB
    ),
    "32,000 lists": says(answer(b"[" * 32_000 + b"]" * 32_000)),
    "many names": says(answer(b"{%s}" % b",".join(b'"%x":1' % each for each in range(8000)))),
}
# The others end with ``invalid_response``.
REASONS = {
    "reset before the request was read": "provider_unreachable",
    "headers that drip": "provider_timeout",
    "512 MiB of an error page": "provider_error",
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_verification_ends_with_the_error_and_the_next_one_succeeds(
    name, visitor, receivers, start, settings, caplog
):
    play, reason = FAULTS[name], REASONS.get(name, "invalid_response")
    provider = start(play, serves(answer()))
    # A busy machine needs time for the other plays, too.
    settings.PLASGATE_IP_TIMEOUT = DEADLINE if reason == "provider_timeout" else 10
    settings.PLASGATE_IP_CONNECT_TIMEOUT = 10

    visitor.start()
    with caplog.at_level(logging.DEBUG), at_most(20 * MIB), ends_soon():
        response = visitor.come_back()
    settings.PLASGATE_IP_TIMEOUT = 10

    for record in caplog.records:
        seen = f"{record.getMessage()} {vars(record)}"
        assert not [value for value in PRIVATE if value in seen]
    row = newest()
    assert response["Location"] == f"/phone/{row.pk}/"
    page = visitor.get(response["Location"])
    assert "We could not check your number just now." in page.content.decode()
    assert receivers.heard == [("failed", row)]
    # The buffers of two sockets hold less.
    assert provider.sent < 32 * MIB

    # SECURITY: the code may be spent. A reload does not send it again.
    visitor.come_back()
    assert provider.connections == 1
    assert len(provider.requests) == (0 if play is resets else 1)
    row.refresh_from_db()
    described = "HTTP 500" if reason == "provider_error" else ""
    assert (row.status, row.reason, row.error_description) == ("error", reason, described)
    assert (row.sub, row.mobile_id) == ("", "")
    assert receivers.heard == [("failed", row)]

    visitor.verify()
    assert outcome() == ("verified", "")


def test_bytes_after_an_answer_are_not_the_next_visitors_answer(visitor, passer_by, start):
    def smuggle(wire: Wire) -> None:
        wire.request()
        wire.send(answer(b"{}") + answer(BODY))
        refuse(wire)

    refuse = serves(answer(NOT_JSON.content))
    provider = start(smuggle, refuse)
    for browser in (visitor, passer_by):
        browser.verify()
        assert outcome() == ("error", "invalid_response")

    assert len(provider.requests) == 2
