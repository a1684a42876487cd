"""The transport over sockets on loopback: its deadline, its retries and its kept connections."""

import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from types import SimpleNamespace
from typing import Any
from unittest.mock import DEFAULT, Mock

import pytest
from urllib3.connection import HTTPConnection

from django_plasgate_ip.client import PlasGateClient, transport
from django_plasgate_ip.exceptions import (
    CredentialsRejected,
    ExchangeError,
    InvalidResponse,
    ProviderError,
    ProviderTimeout,
    ProviderUnreachable,
)
from tests.client.conftest import CALLBACK, DEADLINE, SOON, ends_soon, exchange
from tests.provider import (
    BODY,
    CHUNKED,
    CHUNKS,
    HEAD,
    PATIENCE,
    Wire,
    answer,
    drips,
    floods,
    resets,
    says,
    serve,
    silent,
)
from tests.visitor import CODE, VERIFIED


@pytest.mark.parametrize(
    "parts",
    [
        [CHUNKED, CHUNKS, b"0\r\n\r\n"],
        # Without a length, it ends with the connection.
        [b"HTTP/1.0 200 OK\r\n\r\n", BODY[:50], BODY[50:]],
        [b"HTTP/1.1 100 Continue\r\n\r\n" * 3, answer()],
        [b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\nHTTP/1.1 102 \r\n\r\n", answer()],
        [CHUNKED.replace(b"chunked", b" Chunked\t"), CHUNKS, b"0\r\n\r\n"],
        [HEAD, b"Content-Length:   %d \r\nContent-Encoding: \r\n\r\n" % len(BODY), BODY],
    ],
    ids=lambda parts: repr(b"".join(parts))[2:40],
)
def test_an_answer_may_have_any_of_https_forms(parts, start):
    start(says(*parts))

    assert exchange().claims == VERIFIED


@pytest.mark.parametrize(
    ("play", "error"),
    [
        (resets, ProviderUnreachable),
        # PlasGate read the request and may have spent the code.
        (lambda wire: (wire.request(), wire.close()), ProviderUnreachable),
        (lambda wire: (wire.request(), wire.send(answer()[:-9]), wire.reset()), InvalidResponse),
        (says(answer(BODY + b" " * 9)[:-9]), InvalidResponse),
        (says(CHUNKED + CHUNKS), InvalidResponse),
        (says(CHUNKED + b"zz\r\n" + BODY), InvalidResponse),
        # urllib3 raises InvalidHeader.
        (says(HEAD + b"Content-Length: 9\r\nContent-Length: 7\r\n\r\n"), InvalidResponse),
        (says(b"220 mail.example ESMTP\r\n"), InvalidResponse),
        (says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"), InvalidResponse),
        # The status counts, even if the body never ends.
        (floods(b"HTTP/1.1 403 Forbidden\r\n\r\n", b"x" * 9999), CredentialsRejected),
        (says(answer(b"x" * 9, "500 Oops")[:-5]), ProviderError),
        # Each part of an answer that drips.
        (silent, ProviderTimeout),
        (drips(b"HTTP/1.1 200 "), ProviderTimeout),
        (drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), ProviderTimeout),
        (drips(b"X-Header: ", at_once=HEAD), ProviderTimeout),
        (drips(BODY[:9], at_once=answer(BODY * 9)[: -len(BODY * 9)]), ProviderTimeout),
        (drips(b"", b"1\r\n \r\n", at_once=CHUNKED), ProviderTimeout),
        (drips(b"X: ", at_once=CHUNKED + CHUNKS + b"0\r\n"), ProviderTimeout),
    ],
)
def test_a_broken_or_slow_answer_is_distinguished_from_a_failed_connection(
    play, error, start, settings
):
    settings.PLASGATE_IP_TIMEOUT = DEADLINE if error is ProviderTimeout else PATIENCE
    provider = start(play)

    with ends_soon(), pytest.raises(ExchangeError) as caught:
        exchange()
    assert type(caught.value) is error
    # SECURITY: the code may be spent. It is not sent again. On a busy machine, the call may end
    # before the provider reads.
    assert provider.connections == 1
    assert len(provider.requests) <= 1


def test_a_response_may_have_64_kib_with_its_head_and_not_one_byte_more(start):
    head = len(answer(b" " * 60_000)) - 60_000
    whole = answer(BODY + b" " * (64 * 1024 - head - len(BODY)))
    # Each response of a connection is counted for itself.
    provider = start(lambda wire: [wire.send(whole) for _each in range(2) if wire.request()])
    assert exchange().claims == exchange().claims == VERIFIED
    assert provider.connections == 1

    start(says(whole.replace(b"200 OK", b"200 OK!")))
    with pytest.raises(InvalidResponse, match=r"too long.*ResponseTooLong"):
        exchange()


ENDLESS = {
    "headers": (HEAD, b"X: %s\r\n" % (b"x" * 60_000)),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 99),
    "early hints": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 99),
    "body": (HEAD + b"\r\n", b"x" * 9999),
    "chunks": (CHUNKED, b"1\r\n \r\n" * 999),
    "chunk extensions": (CHUNKED, b"1;%s\r\n \r\n" % (b"x" * 30_000)),
    "trailers": (CHUNKED + CHUNKS + b"0\r\n", b"X: y\r\n" * 99),
}


@pytest.mark.parametrize(("begin", "repeat"), ENDLESS.values(), ids=ENDLESS)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_an_endless_response_is_refused_before_the_deadline(
    begin, repeat, secure, start, tls, trusted
):
    provider = start(floods(begin, repeat), tls=tls if secure else None)

    with ends_soon(), pytest.raises(InvalidResponse, match="ResponseTooLong"):
        exchange()
    assert provider.connections == 1


def test_the_deadline_holds_while_the_request_is_sent(start, settings):
    start(lambda wire: (wire.request(), wire.send(answer()), wire.wait()))
    # A call with a long deadline leaves its connection behind.
    assert exchange().succeeded
    settings.PLASGATE_IP_TIMEOUT = DEADLINE

    with ends_soon(), pytest.raises(ProviderTimeout):
        PlasGateClient().exchange(CODE, "x" * 16_000_000, CALLBACK)


def test_a_deadline_ends_with_its_block():
    with transport.deadline(PATIENCE):
        with transport.deadline(0):
            assert transport.overdue()
            with pytest.raises(TimeoutError):
                transport.remaining()

        assert not transport.overdue()
        assert SOON < transport.remaining() <= PATIENCE


@pytest.mark.parametrize(
    ("setting", "error"),
    [("CONNECT_TIMEOUT", ProviderUnreachable), ("TIMEOUT", ProviderTimeout)],
)
def test_a_connection_that_is_not_accepted_ends_with_either_timeout(setting, error, settings):
    setattr(settings, f"PLASGATE_IP_{setting}", DEADLINE / 2)
    with socket.socket() as listener, ExitStack() as queue:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        # The queue is full, so that the listener takes no further connection.
        for sock in [queue.enter_context(socket.socket()) for _each in range(8)]:
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        with ends_soon(), pytest.raises(ExchangeError) as caught:
            exchange(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}/")
    assert type(caught.value) is error


def test_the_deadline_holds_for_a_handshake_after_a_slow_connect(dialling, start, settings):
    settings.PLASGATE_IP_TIMEOUT = settings.PLASGATE_IP_CONNECT_TIMEOUT = DEADLINE

    def connect_slowly(*args: Any, **kwargs: Any) -> Any:
        time.sleep(DEADLINE * 0.9)
        return DEFAULT

    dialling.side_effect = connect_slowly
    provider = start(lambda wire: wire.drip(b"\x16\x03\x03\x10\x00"))
    started = time.monotonic()

    with pytest.raises(ExchangeError):
        exchange(base_url=f"https://{provider.address}/ip/")
    assert time.monotonic() - started < DEADLINE * 1.5


def test_a_refused_connection_is_tried_again(dialling, start):
    provider = start(serve)
    dialling.side_effect = [ConnectionRefusedError, DEFAULT]

    assert exchange().succeeded
    assert len(provider.requests) == 1


def test_a_kept_connection_that_breaks_on_the_request_is_not_replaced(start):
    provider = start(lambda wire: (wire.request(), wire.send(answer()), wire.request()), serve)
    assert exchange().succeeded

    with pytest.raises(ProviderUnreachable):
        exchange()
    # SECURITY: the second code was sent once.
    assert (provider.connections, len(provider.requests)) == (1, 2)


def test_each_simultaneous_thread_has_its_own_connection_which_is_kept(start):
    together = threading.Barrier(4)

    def play(wire: Wire) -> None:
        while wire.request():
            together.wait(PATIENCE)
            wire.send(answer())

    provider = start(play)
    with ThreadPoolExecutor(4) as pool:
        for _round in range(2):
            assert all(each.succeeded for each in pool.map(lambda _each: exchange(), range(4)))

    assert (provider.connections, len(provider.requests)) == (4, 8)


def test_a_connection_that_took_all_the_time_is_closed(start, monkeypatch):
    start(serve)
    made, connect = [], HTTPConnection._new_conn

    def connect_late(connection: HTTPConnection) -> socket.socket:
        made.append(connect(connection))
        monkeypatch.setattr(transport, "remaining", Mock(side_effect=TimeoutError))
        return made[-1]

    monkeypatch.setattr(HTTPConnection, "_new_conn", connect_late)
    with pytest.raises(ExchangeError):
        exchange()

    assert [each.fileno() for each in made] == [-1]


def test_a_kept_connection_that_the_provider_closed_is_replaced(start):
    closed = threading.Event()

    def play(wire: Wire) -> None:
        says(answer())(wire)
        wire.close()
        closed.set()

    provider = start(play, serve)
    assert exchange().succeeded
    assert closed.wait(10)

    assert exchange().succeeded
    assert provider.connections == 2


@pytest.mark.parametrize(("longer", "connections"), [(0, 1), (1, 3)])
def test_a_connection_is_kept_for_a_limited_idle_time_since_the_last_call(
    longer, connections, start, monkeypatch
):
    provider = start(serve)
    for calls in range(3):
        moment = calls * (transport.MAX_IDLE_SECONDS + longer)
        clock = SimpleNamespace(monotonic=lambda moment=moment: moment)
        monkeypatch.setattr(transport, "time", clock)
        assert exchange().succeeded

    assert provider.connections == connections


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_makes_its_own_connections(start):
    provider = start(serve)
    assert exchange().succeeded

    with transport._lock:  # as another thread may hold it, which the child does not have
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            with suppress(BaseException):
                os._exit(0 if exchange().succeeded else 1)
            os._exit(2)
    _pid, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert provider.connections == 2
    # The parent keeps its connection.
    assert exchange().succeeded
    assert (provider.connections, len(provider.requests)) == (2, 3)
