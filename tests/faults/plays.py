"""What a provider can do to us, each as one connection's script, and what the attempt ends as."""

import json
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from django_plasgate_ip.sandbox.answers import NOT_JSON, changed
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
PIECE = b" " * 65536
# What the exchange can do without.
OPTIONAL = ("error_description", "sid")
HTML = NOT_JSON.content


def fault(name: str, play: Play, reason: str = "invalid_response") -> Any:
    return pytest.param(play, reason, id=name)


def and_wait(play: Play) -> Play:
    """Return `play`, which then keeps the connection and says nothing more."""

    def wait(wire: Wire) -> None:
        play(wire)
        wire.wait()

    return wait


def breaks_off(*parts: bytes) -> Play:
    """Return a play that reads the request, sends these bytes and resets the connection."""

    def play(wire: Wire) -> None:
        wire.request()
        for part in parts:
            wire.send(part)
        # A reset overtakes what lies in the buffers; this way the client has seen it.
        wire.pause(0.05)
        wire.reset()

    return play


def kept(*parts: bytes) -> Play:
    """Return a play that sends these bytes, and is a good provider from then on.

    The client may keep the connection. Closed without a word, it would be used again by whoever
    has not seen that yet.
    """

    def play(wire: Wire) -> None:
        says(*parts)(wire)
        serve(wire)

    return play


def floods(head: bytes, piece: bytes = PIECE) -> Play:
    """Return a play that sends `head`, and then `piece` after piece, 512 MiB of them."""

    def play(wire: Wire) -> None:
        wire.request()
        wire.send(head)
        for _each in range(HUGE // len(piece)):
            wire.send(piece)

    return play


def repeats(piece: bytes) -> Play:
    """Return a play that sends `piece` as fast as it is taken, until it gives up."""

    def play(wire: Wire) -> None:
        wire.request()
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            wire.send(piece * 1000)

    return play


def bomb(size: int) -> Iterator[bytes]:
    """Yield a gzip of `size` bytes, never held as a whole: the answer, and spaces."""
    gzip = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    yield gzip.compress(BODY)
    for _each in range(size // MIB):
        yield gzip.compress(b" " * MIB)
    yield gzip.flush()


# Below the cap as it comes, and far above what the process may grow by once it is inflated.
BOMB = b"".join(bomb(48 * MIB))
assert len(BOMB) < 65536


def explodes(wire: Wire) -> None:
    wire.request()
    wire.send(HEAD + b"Content-Encoding: gzip\r\n\r\n")
    for part in bomb(HUGE):
        wire.send(part)


def encoded(name: str, body: bytes = BOMB) -> Play:
    return says(answer(body, "200 OK", f"Content-Encoding: {name}"))


def nested(levels: int, opening: str, closing: str) -> bytes:
    """Return the answer with one more member, that deep."""
    return BODY[:-1] + b', "deep": %s}' % (opening * levels + "1" + closing * levels).encode()


def replacing(name: str, literal: bytes) -> bytes:
    """Return the answer with a member's value written like that."""
    return BODY.replace(json.dumps(VERIFIED[name]).encode(), literal, 1)


def told(**changes: Any) -> bytes:
    return json.dumps(changed(VERIFIED, changes)).encode()


def keys(many: int) -> bytes:
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
    fault("reset without an answer", breaks_off(), "provider_unreachable"),
    fault("reset in the status line", breaks_off(b"HTTP/1.1 2"), "provider_unreachable"),
    fault("reset in the headers", breaks_off(HEAD, b"Content-Le"), "provider_unreachable"),
    fault("reset in the body", breaks_off(answer()[:-9])),
    fault("reset in a chunk", breaks_off(CHUNKED, CHUNKS[:-9])),
    fault("truncated status line", says(b"HTTP/1.1 2")),
    fault("truncated headers", says(HEAD + b"Content-Le")),
    fault("truncated body", says(answer()[:-9])),
    fault("truncated to the last byte", says(answer(BODY + b" ")[:-1])),
    fault("truncated body without a length", says(HEAD + b"\r\n" + BODY[:-9])),
    fault("truncated chunk", says(CHUNKED + CHUNKS[:-9])),
    fault("no last chunk", says(CHUNKED + CHUNKS)),
    fault("too long a length", says(HEAD + b"Content-Length: 9999\r\n\r\n" + BODY)),
    fault("too short a length", kept(answer(BODY[:-9]) + BODY[-9:])),
    fault("no length at all", kept(answer(b"") + BODY)),
    fault("a negative length", says(HEAD + b"Content-Length: -9\r\n\r\n" + BODY)),
    fault("a length that is no number", says(HEAD + b"Content-Length: many\r\n\r\n" + BODY)),
    fault(
        "two lengths",
        says(HEAD + b"Content-Length: %d\r\nContent-Length: 9\r\n\r\n" % len(BODY) + BODY),
    ),
    fault("a negative chunk", says(CHUNKED + b"-9\r\n" + BODY)),
    fault("a chunk without a length", says(CHUNKED + b"\r\n" + BODY + b"\r\n")),
    fault("a chunk of a number's length", says(CHUNKED + b"9" * 70_000)),
]
SLOW = [
    fault("silent", silent, "provider_timeout"),
    fault("a drip of the status line", drips(b"HTTP/1.1 200 "), "provider_timeout"),
    fault("a drip of a header", drips(b"X-Header: ", at_once=HEAD), "provider_timeout"),
    fault("a drip of headers", drips(b"", b"X: y\r\n", at_once=HEAD), "provider_timeout"),
    fault("a drip of the body", drips(BODY, b" ", at_once=HEAD + b"\r\n"), "provider_timeout"),
    fault(
        "a drip of a body of known length",
        drips(BODY, b" ", at_once=HEAD + b"Content-Length: 65536\r\n\r\n"),
        "provider_timeout",
    ),
    fault("a drip of chunks", drips(b"", b"1\r\n \r\n", at_once=CHUNKED), "provider_timeout"),
    fault("silent in the body", and_wait(says(answer(BODY + b" ")[:-1])), "provider_timeout"),
    fault("a flood of interim answers", repeats(HEAD[:9] + b"100 Go\r\n\r\n"), "provider_timeout"),
]
BIG = [
    fault("512 MiB", floods(HEAD + b"Content-Length: %d\r\n\r\n" % HUGE)),
    fault("512 MiB without a length", floods(HEAD + b"\r\n")),
    fault("512 MiB in chunks", floods(CHUNKED, b"%x\r\n%s\r\n" % (len(PIECE), PIECE))),
    fault("512 MiB in small chunks", floods(CHUNKED, b"20\r\n%s\r\n" % PIECE[:32] * 1000)),
    fault("512 MiB in one chunk", floods(CHUNKED + b"%x\r\n" % HUGE)),
    fault("512 MiB of an error page", floods(b"HTTP/1.1 500 Oops\r\n\r\n"), "provider_error"),
    fault("512 MiB of a refusal", floods(b"HTTP/1.1 403 No\r\n\r\n"), "credentials_rejected"),
    fault("512 MiB of a status line", floods(HEAD[:-2])),
    fault("512 MiB of a header", floods(HEAD + b"X: ")),
    fault("512 MiB of interim headers", floods(b"HTTP/1.1 100 Go\r\n", b"X: y\r\n" * 10_000)),
    fault("512 MiB of a chunk's extension", floods(CHUNKED + b"1;")),
    fault("512 MiB in gzip", explodes),
    fault("48 MiB in less than 64 KiB of gzip", encoded("gzip")),
    fault("the same, said otherwise", encoded("identity, GZIP")),
    fault("the same, unannounced", kept(answer(BOMB))),
    fault(
        "the same, as a transfer coding",
        says(HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n%x\r\n" % len(BOMB) + BOMB),
    ),
    fault("a million names", a_million_names),
    fault("a good answer in gzip", encoded("gzip", b"".join(bomb(0)))),
    fault("100,000 headers", says(HEAD + b"X: y\r\n" * 100_000 + b"\r\n" + BODY)),
    fault("a header of a MiB", says(HEAD + b"X: " + b"y" * MIB + b"\r\n\r\n" + BODY)),
]
NOT_HTTP = [
    fault("HTTP/0.9", says(BODY)),
    fault("HTTP/0.9 in HTML", says(HTML)),
    fault("mail", says(b"220 mail.example ESMTP\r\n")),
    fault("TLS", says(b"\x15\x03\x01\x00\x02\x02\x46")),
    fault("bytes", says(bytes(range(256)) * 9)),
    fault("a status that is no number", says(b"HTTP/1.1 OK 200\r\n\r\n" + BODY)),
    fault("another protocol", says(b"HTTP/1.1 101 Switching\r\n\r\n" + BODY)),
]
STATUSES = [
    *(
        fault(status, says(answer(HTML, status)), reason)
        for status, reason in {
            "401 Unauthorized": "credentials_rejected",
            "403 Forbidden": "credentials_rejected",
            "429 Too Many Requests": "rate_limited",
            "400 Bad Request": "provider_error",
            "404 Not Found": "provider_error",
            "408 Request Timeout": "provider_error",
            "418 I'm a teapot": "provider_error",
            "500 Internal Server Error": "provider_error",
            "502 Bad Gateway": "provider_error",
            "503 Service Unavailable": "provider_error",
            "504 Gateway Timeout": "provider_error",
            "599 Whatever": "provider_error",
            "203 Non-Authoritative": "invalid_response",
            "206 Partial Content": "invalid_response",
            "304 Not Modified": "invalid_response",
        }.items()
    ),
    # A good answer behind a bad status is none.
    fault("500 with a success", says(answer(BODY, "500 Oops")), "provider_error"),
    fault("201 with a success", says(answer(BODY, "201 Created"))),
    fault("204", says(b"HTTP/1.1 204 No Content\r\n\r\n")),
    # Both ask for the request once more.
    fault("503, try again", says(answer(b"", "503 No", "Retry-After: 0")), "provider_error"),
    fault("425, try again", says(answer(b"", "425 Too Early")), "provider_error"),
]
NO_ANSWERS = [
    fault(name, kept(answer(body)))
    for name, body in {
        "nothing": b"",
        "a space": b" ",
        "HTML": HTML,
        "null": b"null",
        "a list": b"[%s]" % BODY,
        "a text": json.dumps(BODY.decode()).encode(),
        "two answers": BODY * 2,
        "a script": b"callback(%s)" % BODY,
        "no UTF-8": replacing("sid", b'"\xff\xfe"'),
        "NaN": replacing("sid", b"NaN"),
        "Infinity": replacing("sid", b"-Infinity"),
        "an overflow": replacing("sid", b"1e999"),
        "5,000 digits": replacing("sid", b"9" * 5000),
        "100,000 lists": b"[" * 100_000 + b"]" * 100_000,
        "30,000 lists": nested(30_000, "[", "]"),
        "10,000 objects": nested(10_000, '{"a":', "}"),
        "17 lists": nested(17, "[", "]"),
        "a lone surrogate": replacing("sid", b'"\\ud800"'),
        "a lone surrogate in a name": BODY.replace(b'"sid"', b'"\\udfff"'),
        "NUL": replacing("sid", b'"\\u0000"'),
        "NUL in a name": BODY.replace(b'"sid"', b'"\\u0000"'),
        "NUL as it is": replacing("sid", b'"\x00"'),
        "NUL in an id": replacing("mobile_id", b'"a\\u0000b"'),
        "NUL in the text": replacing("error_description", b'"\\u0000"'),
        "NUL in the number": replacing("login_hint", b'"85577696118\\u0000"'),
        "an id of 5,000 characters": told(sub="x" * 5000),
        "a mobile ID of 5,000 characters": told(mobile_id="x" * 5000),
        "a number of 5,000 digits": told(login_hint="8" * 5000),
        "as many names as fit": keys(8_000),
        "a name twice": BODY[:-1] + b', "status": "success"}',
        "a number twice": b'{"login_hint": "85512345678", ' + BODY[1:],
        "a name twice further down": BODY[:-1] + b', "address": {"a": 1, "a": 2}}',
        **{f"no {name}": told(**{name: None}) for name in VERIFIED if name not in OPTIONAL},
        **{
            f"{name} is {value!r}": told(**{name: value})
            for name in ("status", "sub", "mobile_id", "login_hint")
            for value in (True, 0, 1.5, [VERIFIED[name]], {"a": VERIFIED[name]})
        },
    }.items()
]

# What is odd and harmless, or a plain no: said by the right provider, and nothing broke.
NO_FLAGS: list[Any] = [1, 1.5, "yes", "1", [True], {"true": True}, False]
TEXTS: list[Any] = [1, True, [], {"a": "b"}, "<script>alert(1)</script>", "x" * 5000]
NO, YES = ("failed", "not_verified"), ("verified", "")
ODD = [
    *(pytest.param(told(phone_number_verified=flag), NO, id=f"{flag!r}") for flag in NO_FLAGS),
    pytest.param(replacing("phone_number_verified", b"null"), NO, id="null"),
    *(pytest.param(told(error_description=t), YES, id=f"text {t!r}"[:30]) for t in TEXTS),
    pytest.param(told(sid="x" * 5000), YES, id="a session of 5,000 characters"),
    pytest.param(told(more="\U0001f600" * 5000), YES, id="5,000 emoji"),
    pytest.param(told(more=json.loads(keys(6_000))), YES, id="6,000 more names"),
]
