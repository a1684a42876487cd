"""A provider's faults, each as the script of one connection, and the reason that it ends with."""

import gzip
from typing import Any

import pytest

from django_plasgate_ip.sandbox.answers import NOT_JSON
from tests.faults.memory import MIB
from tests.provider import BODY, CHUNKED, HEAD, Play, Wire, answer, drips, resets, says

HUGE = 512 * MIB
HTML = NOT_JSON.content
# Less than the client's limit, and inflated more than the process may grow by.
BOMB = gzip.compress(BODY + b" " * 48 * MIB)
assert len(BOMB) < 65536


def fault(name: str, play: Play, reason: str = "invalid_response") -> Any:
    return pytest.param(play, reason, id=name)


def floods(head: bytes, piece: bytes = b" " * 65536) -> Play:
    """Return a play that sends `head`, and then 512 MiB of `piece`."""

    def play(wire: Wire) -> None:
        wire.request()
        wire.send(head)
        for _each in range(HUGE // len(piece)):
            wire.send(piece)

    return play


# `tests.client` has the other faults: here is one of each kind, and those that need much memory.
FAULTS = [
    fault("reset before the request was read", resets, "provider_unreachable"),
    fault("truncated body", says(answer()[:-9])),
    fault("512 MiB of interim answers", floods(b"", b"HTTP/1.1 100 Go\r\n\r\n" * 1000)),
    fault("512 MiB of headers", floods(HEAD, b"X: %s\r\n" % (b"x" * 60_000))),
    fault("512 MiB of trailers", floods(CHUNKED + b"0\r\n", b"X: y\r\n" * 10_000)),
    fault("headers that drip", drips(b"X: ", at_once=HEAD), "provider_timeout"),
    fault("512 MiB", floods(HEAD + b"Content-Length: %d\r\n\r\n" % HUGE)),
    fault("512 MiB in small chunks", floods(CHUNKED, b"20\r\n%s\r\n" % (b" " * 32) * 1000)),
    fault("512 MiB of an error page", floods(b"HTTP/1.1 500 Oops\r\n\r\n"), "provider_error"),
    fault("512 MiB of a header", floods(HEAD + b"X: ")),
    fault("512 MiB of interim headers", floods(b"HTTP/1.1 100 Go\r\n", b"X: y\r\n" * 10_000)),
    fault("512 MiB of a chunk's extension", floods(CHUNKED + b"1;")),
    fault(
        "48 MiB in 64 KiB of gzip",
        says(answer(BOMB, "200 OK", "Content-Encoding: identity, GZIP")),
    ),
    fault(
        "48 MiB as a transfer coding",
        says(HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n%x\r\n" % len(BOMB) + BOMB),
    ),
    fault("100,000 headers", says(HEAD + b"X: y\r\n" * 100_000 + b"\r\n" + BODY)),
    fault("HTTP/0.9", says(HTML)),
    fault("32,000 lists", says(answer(b"[" * 32_000 + b"]" * 32_000))),
    fault(
        "many names", says(answer(b"{%s}" % b",".join(b'"%x":1' % each for each in range(8000))))
    ),
]
