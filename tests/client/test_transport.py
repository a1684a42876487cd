"""The transport over real sockets on loopback: a deadline that holds, and nothing sent twice."""

import gc
import ipaddress
import json
import logging
import os
import signal
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3
from cryptography import x509

from django_plasgate_ip.client import transport
from django_plasgate_ip.client.api import Answer, PlasGateClient
from django_plasgate_ip.exceptions import (
    CredentialsRejected,
    ExchangeError,
    InvalidResponse,
    ProviderTimeout,
    ProviderUnreachable,
)
from tests.authority import Authority
from tests.provider import (
    BODY,
    CHUNKED,
    CHUNKS,
    HEAD,
    Dialling,
    Play,
    Provider,
    Wire,
    answer,
    closed_port,
    drips,
    own_connections,
    providers,
    resets,
    says,
    serve,
    silent,
)
from tests.settings import PLASGATE_IP_PRIVATE_KEY as PRIVATE_KEY
from tests.settings import PLASGATE_IP_SECRET_KEY as SECRET_KEY
from tests.visitor import CODE, STATE, VERIFIED

# Seconds. What ends with the deadline ends long before what waits for the provider to give up.
DEADLINE = 1.0
SOON = 5
PATIENCE = 10
CALLBACK = "https://shop.example/phone/callback/"


def exchange(**keys: Any) -> Answer:
    return PlasGateClient(**keys).exchange(CODE, STATE, CALLBACK)


@contextmanager
def ends_soon() -> Iterator[None]:
    """Fail where the block takes much longer than the deadline."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < SOON


@pytest.fixture(autouse=True)
def connections(settings: Any) -> Iterator[None]:
    settings.PLASGATE_IP_TIMEOUT = settings.PLASGATE_IP_CONNECT_TIMEOUT = PATIENCE
    with own_connections():
        yield


@pytest.fixture
def start(settings: Any) -> Iterator[Callable[..., Provider]]:
    """Return what starts a provider and makes it PlasGate."""
    with providers(settings) as start_one:
        yield start_one


@pytest.fixture
def swept() -> Iterator[None]:
    """Sweep up the files of broken tunnels, which http.client left open before Python 3.12."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def short(settings: Any) -> None:
    """Set the deadline for the whole call; a connection alone may take much longer."""
    settings.PLASGATE_IP_TIMEOUT = DEADLINE


# A good provider


def test_an_answer_is_read(start: Callable[..., Provider]) -> None:
    provider = start(serve)

    assert exchange().succeeded
    (request,) = provider.requests
    head, _, body = request.decode().partition("\r\n\r\n")
    assert head.splitlines()[0] == f"POST /ip/ip-auth?private_key={PRIVATE_KEY} HTTP/1.1"
    assert sorted(head.splitlines()[1:]) == [
        "Accept-Encoding: identity",
        "Accept: application/json",
        f"Content-Length: {len(body)}",
        "Content-Type: application/json",
        f"Host: {provider.address}",
        "User-Agent: django-plasgate-ip",
        f"X-Secret: {SECRET_KEY}",
    ]
    assert json.loads(body)["code"] == CODE


@pytest.mark.parametrize(
    "parts",
    [
        [CHUNKED, CHUNKS, b"0\r\n\r\n"],
        [CHUNKED + CHUNKS + b"0\r\n\r\n"],
        # Without a length: until the connection closes.
        [b"HTTP/1.1 200 OK\r\n\r\n" + BODY],
        [b"HTTP/1.0 200 OK\r\n\r\n", BODY[:50], BODY[50:]],
        [b"HTTP/1.1 100 Continue\r\n\r\n" * 3, answer()],
        [answer(BODY, "200 Gut")],
        [answer(BODY + b" " * (64 * 1024 - len(BODY)))],
    ],
    ids=lambda parts: repr(b"".join(parts))[2:40],
)
def test_an_answer_may_come_in_any_of_https_forms(
    parts: list[bytes], start: Callable[..., Provider]
) -> None:
    start(says(*parts))

    assert exchange().claims == VERIFIED


# A provider that breaks


@pytest.mark.parametrize(
    ("play", "error"),
    [
        (lambda wire: wire.close(), ProviderUnreachable),
        (resets, ProviderUnreachable),
        # It read the request, and nobody knows what it did with it.
        (lambda wire: (wire.request(), wire.close()), ProviderUnreachable),
        (lambda wire: (wire.request(), wire.reset()), ProviderUnreachable),
        # It broke in the middle of the answer.
        (lambda wire: (wire.request(), wire.send(answer()[:-9]), wire.reset()), InvalidResponse),
        (says(answer()[:-9]), InvalidResponse),
        (says(answer(BODY + b" " * 9)[:-9]), InvalidResponse),
        (says(answer(BODY[:-9]) + BODY[-9:]), InvalidResponse),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 99"), InvalidResponse),
        (says(CHUNKED + CHUNKS), InvalidResponse),
        (says(CHUNKED + CHUNKS[:-9]), InvalidResponse),
        (says(CHUNKED + b"zz\r\n" + BODY), InvalidResponse),
        (says(CHUNKED + b"-1\r\n" + BODY), InvalidResponse),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + BODY), InvalidResponse),
        # It does not speak HTTP.
        (says(b"220 mail.example ESMTP\r\n"), InvalidResponse),
        (says(b"\x00\xff" * 99), InvalidResponse),
        (says(b"HTTP/1.1 abc OK\r\n\r\n"), InvalidResponse),
        (says(b"HTTP/1.1 200 OK" + b"x" * 70_000), InvalidResponse),
        (says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000), InvalidResponse),
        (says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n" + BODY), InvalidResponse),
        (says(b"HTTP/1.1 101 Switching\r\n\r\n" + BODY), InvalidResponse),
    ],
)
def test_a_provider_that_breaks_is_told_from_one_that_cannot_be_reached(
    play: Play, error: type[ExchangeError], start: Callable[..., Provider]
) -> None:
    provider = start(play)

    with ends_soon(), pytest.raises(ExchangeError) as caught:
        exchange()
    assert type(caught.value) is error
    # SECURITY: the code is spent, or may be; it is not sent again.
    assert provider.connections == 1
    assert len(provider.requests) <= 1


def test_an_endless_body_is_not_read_to_its_end(start: Callable[..., Provider]) -> None:
    sent = []

    def endless(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\n\r\n{")
        while True:
            wire.send(b" " * 65536)
            sent.append(65536)

    start(endless)

    with ends_soon(), pytest.raises(InvalidResponse, match="65536"):
        exchange()
    # What lies in the buffers of two sockets, not more.
    assert sum(sent) < 32 * 1024 * 1024


def test_an_error_pages_body_is_not_waited_for(start: Callable[..., Provider]) -> None:
    def play(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 99\r\n\r\n")
        wire.wait()

    start(play)

    with ends_soon(), pytest.raises(CredentialsRejected):
        exchange()


def test_after_a_broken_answer_the_next_call_has_a_connection_of_its_own(
    start: Callable[..., Provider],
) -> None:
    provider = start(says(answer(b"<html>", "500 Oops")), serve)
    with pytest.raises(ExchangeError):
        exchange()

    assert exchange().succeeded
    assert provider.connections == 2


# The deadline


@pytest.mark.parametrize(
    "play",
    [
        pytest.param(silent, id="silence"),
        pytest.param(drips(b"HTTP/1.1 200 "), id="status line"),
        pytest.param(drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="interim answers"),
        pytest.param(drips(b"X-Header: ", at_once=HEAD), id="a header's value"),
        pytest.param(drips(b"", b"X: y\r\n", at_once=HEAD), id="headers"),
        pytest.param(drips(BODY[:9], at_once=answer(BODY * 9)[: -len(BODY * 9)]), id="body"),
        pytest.param(drips(BODY[:9], b" ", at_once=HEAD + b"\r\n"), id="body without length"),
        pytest.param(drips(b"", b"1\r\n \r\n", at_once=CHUNKED), id="chunks"),
        pytest.param(drips(b"1;", at_once=CHUNKED), id="a chunk's extension"),
        pytest.param(drips(b"X: ", at_once=CHUNKED + CHUNKS + b"0\r\n"), id="trailers"),
        pytest.param(says(answer(BODY + b" ")[:-1]), id="the last byte"),
    ],
)
@pytest.mark.usefixtures("short")
def test_the_deadline_holds_whatever_drips(play: Play, start: Callable[..., Provider]) -> None:
    def and_wait(wire: Wire) -> None:
        play(wire)
        wire.wait()

    provider = start(and_wait)

    with ends_soon(), pytest.raises(ProviderTimeout):
        exchange()
    assert len(provider.requests) == 1


def test_the_deadline_holds_for_the_next_call_of_a_connection(
    start: Callable[..., Provider], settings: Any
) -> None:
    def play(wire: Wire) -> None:
        wire.request()
        wire.send(answer())
        silent(wire)

    provider = start(play)
    assert exchange().succeeded
    settings.PLASGATE_IP_TIMEOUT = DEADLINE

    with ends_soon(), pytest.raises(ProviderTimeout):
        exchange()
    assert provider.connections == 1


def test_the_deadline_holds_while_the_request_is_sent(
    start: Callable[..., Provider], settings: Any
) -> None:
    def play(wire: Wire) -> None:
        wire.request()
        wire.send(answer())
        wire.wait()

    start(play)
    # A call with time to spare leaves its connection behind.
    assert exchange().succeeded
    settings.PLASGATE_IP_TIMEOUT = DEADLINE

    with ends_soon(), pytest.raises(ProviderTimeout):
        PlasGateClient().exchange(CODE, "x" * 16_000_000, CALLBACK)


def test_a_deadline_ends_with_its_block() -> None:
    with transport.deadline(PATIENCE):
        with transport.deadline(0):
            assert transport.overdue()
            with pytest.raises(TimeoutError):
                transport.remaining()

        assert not transport.overdue()
        assert SOON < transport.remaining() <= PATIENCE


def test_a_connection_that_is_not_accepted_ends_with_the_connect_timeout(settings: Any) -> None:
    settings.PLASGATE_IP_CONNECT_TIMEOUT = DEADLINE / 2
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        settings.PLASGATE_IP_BASE_URL = f"http://127.0.0.1:{port}/"
        with crowd(port), ends_soon(), pytest.raises(ProviderUnreachable):
            exchange()


@contextmanager
def crowd(port: int) -> Iterator[None]:
    """Fill a listener's queue, so that it takes no further connection."""
    waiting = [socket.socket() for _each in range(8)]
    for sock in waiting:
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", port))
    yield
    for sock in waiting:
        sock.close()


@pytest.mark.usefixtures("short")
def test_the_deadline_holds_while_connecting(settings: Any) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        settings.PLASGATE_IP_BASE_URL = f"http://127.0.0.1:{port}/"
        with crowd(port), ends_soon(), pytest.raises(ProviderTimeout):
            exchange()


# One try, and a second one only where nothing can have been sent


@pytest.fixture
def dialling(monkeypatch: pytest.MonkeyPatch) -> Dialling:
    watched = Dialling(urllib3.util.connection.create_connection)
    monkeypatch.setattr(urllib3.util.connection, "create_connection", watched)
    return watched


def test_where_nobody_listens_it_is_tried_twice(dialling: Dialling, settings: Any) -> None:
    settings.PLASGATE_IP_BASE_URL = f"http://127.0.0.1:{closed_port()}/ip/"

    with ends_soon(), pytest.raises(ProviderUnreachable):
        exchange()
    assert dialling.attempts == 2


def test_the_second_try_can_succeed(dialling: Dialling, start: Callable[..., Provider]) -> None:
    provider = start(serve)
    dialling.refuses_first = True

    assert exchange().succeeded
    assert len(provider.requests) == 1


def test_once_connected_nothing_is_tried_again(
    dialling: Dialling, start: Callable[..., Provider]
) -> None:
    start(resets)

    with pytest.raises(ProviderUnreachable):
        exchange()
    assert dialling.attempts == 1


def test_a_kept_connection_that_breaks_on_the_request_is_not_replaced(
    start: Callable[..., Provider],
) -> None:
    def play(wire: Wire) -> None:
        wire.request()
        wire.send(answer())
        wire.request()
        wire.close()

    provider = start(play, serve)
    assert exchange().succeeded

    with pytest.raises(ProviderUnreachable):
        exchange()
    # The second code was sent once.
    assert (provider.connections, len(provider.requests)) == (1, 2)


# Kept connections


def test_a_connection_serves_the_next_call(start: Callable[..., Provider]) -> None:
    provider = start(serve)

    for _each in range(3):
        assert exchange().succeeded
    assert (provider.connections, len(provider.requests)) == (1, 3)


def test_a_chunked_answer_leaves_its_connection_behind(start: Callable[..., Provider]) -> None:
    def play(wire: Wire) -> None:
        while wire.request():
            wire.send(CHUNKED + CHUNKS + b"0\r\n\r\n")

    provider = start(play)

    assert exchange().succeeded
    assert exchange().succeeded
    assert provider.connections == 1


def test_a_connection_serves_the_next_thread(start: Callable[..., Provider]) -> None:
    provider = start(serve)
    for _each in range(3):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(exchange).result(10).succeeded

    assert provider.connections == 1


def test_threads_at_once_have_connections_of_their_own_which_are_kept(
    start: Callable[..., Provider],
) -> None:
    together = threading.Barrier(4)

    def play(wire: Wire) -> None:
        while wire.request():
            together.wait(PATIENCE)
            wire.send(answer())

    provider = start(play)
    with ThreadPoolExecutor(4) as pool:
        for _round in range(2):
            answers = list(pool.map(lambda _each: exchange(), range(4)))
            assert all(each.succeeded for each in answers)

    assert (provider.connections, len(provider.requests)) == (4, 8)


def test_other_keys_share_the_connection_and_not_the_secret(
    start: Callable[..., Provider],
) -> None:
    provider = start(serve)
    for tenant in ("tenant-a", "tenant-b"):
        exchange(private_key=tenant, secret_key=f"secret-of-{tenant}")

    assert provider.connections == 1
    for request, mine, other in zip(provider.requests, "ab", "ba", strict=True):
        assert f"private_key=tenant-{mine}".encode() in request
        assert f"X-Secret: secret-of-tenant-{mine}".encode() in request
        assert f"tenant-{other}".encode() not in request


def test_a_kept_connection_that_the_provider_closed_is_replaced(
    start: Callable[..., Provider],
) -> None:
    closed = threading.Event()

    def once(wire: Wire) -> None:
        wire.request()
        wire.send(answer())
        wire.close()
        closed.set()

    provider = start(once, serve)
    assert exchange().succeeded
    assert closed.wait(10)

    assert exchange().succeeded
    assert provider.connections == 2


@pytest.mark.parametrize(
    ("idle", "connections_made"),
    [(transport.MAX_IDLE_SECONDS - 1, 1), (transport.MAX_IDLE_SECONDS + 1, 2)],
)
def test_a_connection_that_was_idle_for_too_long_is_not_trusted(
    idle: float,
    connections_made: int,
    start: Callable[..., Provider],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provider = start(serve)
    assert exchange().succeeded

    later = SimpleNamespace(monotonic=lambda: time.monotonic() + idle)
    monkeypatch.setattr(transport, "time", later)
    assert exchange().succeeded
    assert provider.connections == connections_made


def test_the_idle_time_and_the_deadline_count_from_the_last_call(
    start: Callable[..., Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = start(serve)
    for calls in range(4):
        now = time.monotonic() + calls * (transport.MAX_IDLE_SECONDS - 1)
        monkeypatch.setattr(transport, "time", SimpleNamespace(monotonic=lambda now=now: now))
        assert exchange().succeeded

    assert provider.connections == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own(start: Callable[..., Provider]) -> None:
    provider = start(serve)
    assert exchange().succeeded

    # Forked while a thread holds the lock, which nobody in the child gives back.
    lock = transport._sessions.lock
    lock.acquire()
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        with suppress(BaseException):
            os._exit(0 if exchange().succeeded else 1)
        os._exit(2)
    lock.release()
    _pid, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert provider.connections == 2
    # The parent's connection still is the parent's.
    assert exchange().succeeded
    assert (provider.connections, len(provider.requests)) == (2, 3)


# What must not travel


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temp", "308 Perm"])
@pytest.mark.parametrize("length", [0, 99])
def test_a_redirect_takes_the_secret_nowhere(
    status: str, length: int, start: Callable[..., Provider]
) -> None:
    elsewhere = start(serve)

    def play(wire: Wire) -> None:
        wire.request()
        head = f"HTTP/1.1 {status}\r\nLocation: http://{elsewhere.address}/\r\n"
        wire.send(f"{head}Content-Length: {length}\r\n\r\n".encode())
        # It owes the body, which nobody needs.
        wire.wait()

    start(play)

    with ends_soon(), pytest.raises(InvalidResponse, match=status[:3]):
        exchange()
    assert elsewhere.connections == 0


@pytest.mark.parametrize("location", ["http://[bad", "//", "http://", "\xff", "ftp://x", ""])
def test_a_redirect_to_nowhere_is_an_invalid_answer(
    location: str, start: Callable[..., Provider]
) -> None:
    head = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    start(says(head.encode("latin-1")))

    with pytest.raises(InvalidResponse, match="302"):
        exchange()


@pytest.mark.parametrize("status", ["200 OK", "403 Forbidden"])
def test_one_visitors_cookie_is_not_sent_with_anothers_call(
    status: str, start: Callable[..., Provider]
) -> None:
    cookie = answer(BODY, status, "Set-Cookie: session=somebody; Path=/; Domain=127.0.0.1")

    def play(wire: Wire) -> None:
        while wire.request():
            wire.send(cookie)

    provider = start(play)
    for _each in range(2):
        with suppress(CredentialsRejected):
            exchange()

    assert len(provider.requests) == 2
    assert b"cookie" not in provider.requests[1].lower()


def test_the_environment_neither_sends_it_elsewhere_nor_adds_to_it(
    start: Callable[..., Provider], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = start(serve)
    provider = start(serve)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{proxy.address}")
        monkeypatch.setenv(name.lower(), f"http://{proxy.address}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))

    assert exchange().succeeded
    assert proxy.connections == 0
    assert b"authorization" not in provider.requests[0].lower()


def test_the_proxy_is_a_setting(start: Callable[..., Provider], settings: Any) -> None:
    proxy = start(serve)
    settings.PLASGATE_IP_PROXY = f"http://somebody:else@{proxy.address}"
    settings.PLASGATE_IP_BASE_URL = "http://plasgate.invalid/ip/"

    assert exchange().succeeded
    (request,) = proxy.requests
    assert request.startswith(b"POST http://plasgate.invalid/ip/ip-auth?private_key=")
    assert b"Proxy-Authorization: Basic " in request


@pytest.mark.usefixtures("short")
def test_the_deadline_holds_through_a_proxy(start: Callable[..., Provider], settings: Any) -> None:
    proxy = start(drips(b"HTTP/1.1 200 "))
    settings.PLASGATE_IP_PROXY = f"http://{proxy.address}"
    settings.PLASGATE_IP_BASE_URL = "http://plasgate.invalid/ip/"

    with ends_soon(), pytest.raises(ProviderTimeout):
        exchange()


@pytest.mark.usefixtures("short", "swept")
def test_the_deadline_holds_while_a_proxy_connects(
    start: Callable[..., Provider], settings: Any
) -> None:
    proxy = start(drips(b"HTTP/1.1 200 Connection established\r\nX: "))
    settings.PLASGATE_IP_PROXY = f"http://{proxy.address}"
    settings.PLASGATE_IP_BASE_URL = "https://plasgate.invalid/ip/"

    with ends_soon(), pytest.raises(ProviderTimeout):
        exchange()
    # The secret goes through the tunnel, not to the proxy.
    assert proxy.requests[0].startswith(b"CONNECT plasgate.invalid:443 ")
    assert SECRET_KEY.encode() not in proxy.requests[0]


@pytest.mark.usefixtures("swept")
def test_a_proxy_that_refuses_is_no_connection(
    start: Callable[..., Provider], settings: Any
) -> None:
    proxy = start(says(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"))
    settings.PLASGATE_IP_PROXY = f"http://{proxy.address}"
    settings.PLASGATE_IP_BASE_URL = "https://plasgate.invalid/ip/"

    with pytest.raises(ProviderUnreachable):
        exchange()


@pytest.mark.parametrize(
    "play",
    [
        serve,
        # urllib3 warns of these headers, and logs a traceback with them.
        says(b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n"),
        says(answer(b"", "500 Oops")),
        says(b"garbage"),
        resets,
    ],
)
def test_nothing_secret_is_logged_at_any_level(
    play: Play,
    start: Callable[..., Provider],
    caplog: pytest.LogCaptureFixture,
    dialling: Dialling,
) -> None:
    caplog.set_level(logging.DEBUG)
    start(play)
    # urllib3 warns of a second try, too.
    dialling.refuses_first = True
    with suppress(ExchangeError):
        exchange()

    assert "Retrying" in caplog.text
    for record in caplog.records:
        seen = f"{record.getMessage()} {vars(record)}"
        assert PRIVATE_KEY not in seen
        assert SECRET_KEY not in seen
        assert CODE not in seen
        # Its frames have the URL in their locals.
        assert record.exc_info is None


def test_other_peoples_logs_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("urllib3.connectionpool")
    with caplog.at_level(logging.DEBUG, logger.name):
        try:
            raise ValueError("theirs")
        except ValueError:
            logger.warning("%s of %s: %r", "/path?a=b", 1, {"a": 1}, exc_info=True)
        logger.warning("%(name)s", {"name": "mapped"})

    assert [record.getMessage() for record in caplog.records] == [
        "/path?a=b of 1: {'a': 1}",
        "mapped",
    ]
    assert caplog.records[0].exc_info is not None


# TLS


LOCALHOST = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("trusted"), "trusted")


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ssl.SSLContext:
    return authority.server(*LOCALHOST)


@pytest.fixture
def trusted(authority: Authority, settings: Any) -> None:
    settings.PLASGATE_IP_CA_BUNDLE = str(authority.path)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.usefixtures("trusted")
def test_an_authority_in_the_bundle_is_trusted(
    host: str, start: Callable[..., Provider], tls: ssl.SSLContext, settings: Any
) -> None:
    provider = start(serve, tls=tls)
    settings.PLASGATE_IP_BASE_URL = f"https://{host}:{provider.port}/ip/"

    assert exchange().succeeded
    assert exchange().succeeded
    assert provider.connections == 1


def test_any_other_authority_is_refused_and_told_nothing(
    start: Callable[..., Provider],
    tls: ssl.SSLContext,
    tmp_path: Path,
    settings: Any,
) -> None:
    provider = start(serve, tls=tls)
    settings.PLASGATE_IP_CA_BUNDLE = str(Authority(tmp_path, "another").path)

    with pytest.raises(ProviderUnreachable, match="SSLError"):
        exchange()
    assert provider.requests == []
    # Nor is it tried again: the next answer would be no better.
    assert provider.connections == 1


def test_without_a_bundle_the_environments_is_not_trusted(
    start: Callable[..., Provider],
    tls: ssl.SSLContext,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(authority.path))
    provider = start(serve, tls=tls)

    with pytest.raises(ProviderUnreachable):
        exchange()
    assert provider.requests == []


def test_the_bundle_is_all_that_is_trusted(authority: Authority) -> None:
    """One authority, and not that one beside a hundred and fifty public ones."""
    adapter: Any = transport.session(str(authority.path)).get_adapter("https://")

    assert len(adapter._context.get_ca_certs()) == 1


@pytest.mark.parametrize("name", ["other.example", "*.localhost", "localhost.other.example"])
@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another_host_is_refused_and_told_nothing(
    name: str, start: Callable[..., Provider], authority: Authority
) -> None:
    provider = start(serve, tls=authority.server(x509.DNSName(name)))

    with pytest.raises(ProviderUnreachable, match="SSLError"):
        exchange()
    assert provider.requests == []


@pytest.mark.usefixtures("trusted")
def test_a_provider_that_speaks_no_tls_is_no_connection(
    start: Callable[..., Provider], settings: Any
) -> None:
    def play(wire: Wire) -> None:
        wire.sock.recv(65536)
        wire.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    provider = start(play)
    settings.PLASGATE_IP_BASE_URL = f"https://127.0.0.1:{provider.port}/ip/"

    with ends_soon(), pytest.raises(ProviderUnreachable):
        exchange()


@pytest.mark.usefixtures("trusted")
def test_the_bundle_is_read_once_and_not_for_each_connection(
    start: Callable[..., Provider], tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    load = ssl.SSLContext.load_verify_locations

    def counted(self: ssl.SSLContext, *args: Any, **kwargs: Any) -> None:
        loaded.append(self)
        load(self, *args, **kwargs)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    # It says that it closes: who has not seen the close yet would use the connection again.
    provider = start(says(answer(BODY, "200 OK", "Connection: close")), tls=tls)
    for _each in range(3):
        assert exchange().succeeded

    assert provider.connections == 3
    assert len(loaded) == 1


@pytest.mark.usefixtures("trusted", "short")
def test_the_deadline_holds_while_the_tls_handshake_drips(
    start: Callable[..., Provider], settings: Any
) -> None:
    def play(wire: Wire) -> None:
        wire.sock.recv(65536)
        # The head of a record that goes on and on.
        wire.drip(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\x03")

    provider = start(play)
    settings.PLASGATE_IP_BASE_URL = f"https://127.0.0.1:{provider.port}/ip/"

    with ends_soon(), pytest.raises(ProviderTimeout):
        exchange()
    assert provider.connections == 1


@pytest.mark.parametrize(
    "play",
    [
        pytest.param(silent, id="silence"),
        pytest.param(drips(b"HTTP/1.1 200 "), id="status line"),
        pytest.param(drips(b"X-Header: ", at_once=HEAD), id="a header's value"),
        pytest.param(drips(BODY[:9], b" ", at_once=HEAD + b"\r\n"), id="body"),
    ],
)
@pytest.mark.usefixtures("trusted", "short")
def test_the_deadline_holds_within_tls(
    play: Play, start: Callable[..., Provider], tls: ssl.SSLContext
) -> None:
    start(play, tls=tls)

    with ends_soon(), pytest.raises(ProviderTimeout):
        exchange()


@pytest.mark.usefixtures("trusted", "short")
def test_the_deadline_holds_when_a_tls_record_never_ends(
    start: Callable[..., Provider], tls: ssl.SSLContext
) -> None:
    def play(wire: Wire) -> None:
        wire.request()
        # Past the TLS layer: the head of a record of application data, and no end of it.
        with socket.socket(fileno=os.dup(wire.sock.fileno())) as wire.sock:
            wire.drip(b"\x17\x03\x03\x40\x00")

    start(play, tls=tls)

    with ends_soon(), pytest.raises(ProviderTimeout):
        exchange()


@pytest.mark.usefixtures("trusted")
def test_a_tls_provider_that_hangs_up_in_the_middle_is_invalid(
    start: Callable[..., Provider], tls: ssl.SSLContext
) -> None:
    provider = start(says(answer()[:-9]), tls=tls)

    with pytest.raises(InvalidResponse):
        exchange()
    assert provider.connections == 1


def tunnel(tls: ssl.SSLContext) -> Play:
    """Return a proxy's play, which answers for the host that it should connect to."""

    def play(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        wire.secure(tls)
        serve(wire)

    return play


@pytest.mark.usefixtures("trusted")
def test_tls_goes_through_the_proxys_tunnel(
    start: Callable[..., Provider], tls: ssl.SSLContext, settings: Any
) -> None:
    proxy = start(tunnel(tls))
    settings.PLASGATE_IP_PROXY = f"http://{proxy.address}"
    settings.PLASGATE_IP_BASE_URL = "https://localhost/ip/"

    assert exchange().succeeded
    assert exchange().succeeded
    connect, *requests = proxy.requests
    assert connect.startswith(b"CONNECT localhost:443 ")
    assert [request[:19] for request in requests] == [b"POST /ip/ip-auth?pr"] * 2
    assert proxy.connections == 1


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another_host_is_refused_in_a_tunnel(
    start: Callable[..., Provider], tls: ssl.SSLContext, settings: Any
) -> None:
    proxy = start(tunnel(tls))
    settings.PLASGATE_IP_PROXY = f"http://{proxy.address}"
    settings.PLASGATE_IP_BASE_URL = "https://plasgate.invalid/ip/"

    with pytest.raises(ProviderUnreachable):
        exchange()
    assert len(proxy.requests) == 1


def test_a_session_is_made_once_for_its_settings(authority: Authority) -> None:
    plain = transport.session()

    assert transport.session() is plain
    assert transport.session(str(authority.path)) is not plain
    assert transport.session(None, "http://127.0.0.1:3128") is not plain


def test_two_lengths_that_differ_are_no_answer(start: Callable[..., Provider]) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Length: 7\r\n\r\n"
    provider = start(says(head % len(BODY), BODY))

    with pytest.raises(InvalidResponse):
        exchange()
    assert len(provider.requests) == 1
