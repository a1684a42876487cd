"""A provider's faults, each as the script of one connection, and the reason that it ends with."""

import json
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from django_plasgate_ip.sandbox.answers import NOT_JSON
from tests.faults.memory import MIB
from tests.provider import (
    BODY,
    CHUNKED,
    CHUNKS,
    HEAD,
    PATIENCE,
    Play,
    Wire,
    answer,
    drips,
    resets,
    says,
    serve,
    silent,
)
from tests.visitor import VERIFIED

HUGE = 512 * MIB
HTML = NOT_JSON.content


def fault(name: str, play: Play, reason: str = "invalid_response") -> Any:
    return pytest.param(play, reason, id=name)


def kept(*parts: bytes) -> Play:
    """Return a play that sends these bytes and then serves, so that the connection is kept."""

    def play(wire: Wire) -> None:
        says(*parts)(wire)
        serve(wire)

    return play


def floods(head: bytes, piece: bytes = b" " * 65536) -> Play:
    """Return a play that sends `head`, and then 512 MiB of `piece`."""

    def play(wire: Wire) -> None:
        wire.request()
        wire.send(head)
        for _each in range(HUGE // len(piece)):
            wire.send(piece)

    return play


def interim_answers(wire: Wire) -> None:
    wire.request()
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        wire.send(b"HTTP/1.1 100 Go\r\n\r\n" * 1000)


def bomb(size: int) -> Iterator[bytes]:
    """Yield a gzip of `size` bytes in parts: the answer, and spaces."""
    gzip = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    yield gzip.compress(BODY)
    for _each in range(size // MIB):
        yield gzip.compress(b" " * MIB)
    yield gzip.flush()


# Less than the client's limit, and inflated more than the process may grow by.
BOMB = b"".join(bomb(48 * MIB))
assert len(BOMB) < 65536


def explodes(wire: Wire) -> None:
    wire.request()
    wire.send(HEAD + b"Content-Encoding: gzip\r\n\r\n")
    for part in bomb(HUGE):
        wire.send(part)


def replacing(name: str, literal: bytes) -> bytes:
    """Return the answer with `literal` as this member's value."""
    return BODY.replace(json.dumps(VERIFIED[name]).encode(), literal, 1)


def names(many: int) -> bytes:
    """Return an object with many short names."""
    return b"{%s}" % b",".join(b'"%x":1' % each for each in range(many))


def a_million_names(wire: Wire) -> None:
    wire.request()
    wire.send(HEAD + b"\r\n{")
    for thousand in range(1000):
        wire.send(b"".join(b'"%x":1,' % (1000 * thousand + each) for each in range(1000)))
    wire.send(b'"":1}')


BROKEN_CONNECTIONS = [
    fault("reset before the request was read", resets, "provider_unreachable"),
    fault("closed without an answer", says(), "provider_unreachable"),
    fault("truncated headers", says(HEAD + b"Content-Le")),
    fault("truncated body", says(answer()[:-9])),
    fault("no last chunk", says(CHUNKED + CHUNKS)),
    fault("too short a length", kept(answer(BODY[:-9]) + BODY[-9:])),
    fault("an empty body before the answer", kept(answer(b"") + BODY)),
]
SLOW = [
    fault("silent", silent, "provider_timeout"),
    fault("a drip of headers", drips(b"", b"X: y\r\n", at_once=HEAD), "provider_timeout"),
    fault("a drip of chunks", drips(b"", b"1\r\n \r\n", at_once=CHUNKED), "provider_timeout"),
    fault("a flood of interim answers", interim_answers, "provider_timeout"),
]
BIG = [
    fault("512 MiB", floods(HEAD + b"Content-Length: %d\r\n\r\n" % HUGE)),
    fault("512 MiB in small chunks", floods(CHUNKED, b"20\r\n%s\r\n" % (b" " * 32) * 1000)),
    fault("512 MiB of an error page", floods(b"HTTP/1.1 500 Oops\r\n\r\n"), "provider_error"),
    fault("512 MiB of a header", floods(HEAD + b"X: ")),
    fault("512 MiB of interim headers", floods(b"HTTP/1.1 100 Go\r\n", b"X: y\r\n" * 10_000)),
    fault("512 MiB of a chunk's extension", floods(CHUNKED + b"1;")),
    fault("512 MiB in gzip", explodes),
    fault(
        "48 MiB in 64 KiB of gzip",
        says(answer(BOMB, "200 OK", "Content-Encoding: identity, GZIP")),
    ),
    fault(
        "48 MiB as a transfer coding",
        says(HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n%x\r\n" % len(BOMB) + BOMB),
    ),
    fault("a million names", a_million_names),
    fault("100,000 headers", says(HEAD + b"X: y\r\n" * 100_000 + b"\r\n" + BODY)),
]
NOT_THE_API = [
    fault("HTTP/0.9", says(HTML)),
    fault("500 with a success", says(answer(BODY, "500 Oops")), "provider_error"),
    fault("100,000 lists", kept(answer(b"[" * 100_000 + b"]" * 100_000))),
    fault("a lone surrogate", kept(answer(replacing("sid", b'"\\ud800"')))),
    fault("NUL", kept(answer(replacing("sid", b'"\\u0000"')))),
    fault("a name twice", kept(answer(BODY[:-1] + b', "status": "success"}'))),
    fault("as many names as fit", kept(answer(names(8_000)))),
]
