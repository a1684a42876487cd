"""PlasGate on loopback: a server in threads. Its plays send bytes, so they can break all rules."""

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import chain, repeat
from typing import Any

from django_plasgate_ip.client import transport
from tests.visitor import VERIFIED

# Seconds until the provider gives up.
PATIENCE = 10
BODY = json.dumps(VERIFIED).encode()
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:1], BODY[1:40], BODY[40:]))


class Wire:
    """The provider's end of one connection."""

    def __init__(self, sock: socket.socket, provider: "Provider") -> None:
        self.sock = sock
        self._provider = provider
        self._unread = b""

    def request(self) -> bytes:
        """Return the next request, head and body; empty when the client has closed."""
        while b"\r\n\r\n" not in self._unread:
            if not (received := self.sock.recv(65536)):
                return b""
            self._unread += received
        head, _, rest = self._unread.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields.get(b"content-length", 0))
        while len(rest) < length:
            rest += self.sock.recv(65536)
        self._unread = rest[length:]
        request = head + b"\r\n\r\n" + rest[:length]
        self._provider.requests.append(request)
        return request

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)
        self._provider.sent += len(data)

    def drip(self, data: bytes, then: bytes = b"x", pause: float = 0.02) -> None:
        """Send `data` byte by byte, and then repeat `then` until one side closes."""
        give_up = time.monotonic() + PATIENCE
        for piece in chain((bytes([byte]) for byte in data), repeat(then)):
            if time.monotonic() > give_up or self._provider.closing.is_set():
                return
            self.send(piece)
            self.pause(pause)

    def secure(self, context: ssl.SSLContext) -> None:
        self.sock = context.wrap_socket(self.sock, server_side=True)
        self._provider.sockets.append(self.sock)

    def pause(self, seconds: float) -> None:
        self._provider.closing.wait(seconds)

    def wait(self) -> None:
        """Send nothing more, and keep the connection open."""
        self.pause(PATIENCE)

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """Close with a reset, as a crashed server does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


Play = Callable[[Wire], None]


class Provider:
    """Listens on loopback. The nth connection gets the nth play, and all others the last one."""

    def __init__(self, *plays: Play, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        #: Bytes that the client or a buffer took.
        self.sent = 0
        self.closing = threading.Event()
        self._plays = plays
        self._tls = tls
        # A thousand visitors of a benchmark come at once.
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1_000)
        self.port = int(self._listener.getsockname()[1])
        self.address = f"127.0.0.1:{self.port}"
        self._listener.settimeout(0.02)
        # Small, so that a side that does not read soon blocks the other.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    def _listen(self) -> None:
        while not self.closing.is_set():
            with suppress(TimeoutError):
                sock, _address = self._listener.accept()
                play = self._plays[min(self.connections, len(self._plays) - 1)]
                self.connections += 1
                sock.settimeout(PATIENCE)
                self.sockets.append(sock)
                self._threads.append(threading.Thread(target=self._play, args=(sock, play)))
                self._threads[-1].start()

    def _play(self, sock: socket.socket, play: Play) -> None:
        wire = Wire(sock, self)
        # The test notices a broken connection itself.
        with suppress(OSError):
            if self._tls:
                wire.secure(self._tls)
            play(wire)
        wire.close()

    def close(self) -> None:
        self.closing.set()
        for sock in list(self.sockets):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(10)
        for sock in (self._listener, *self.sockets):
            sock.close()


def answer(body: bytes = BODY, status: str = "200 OK", *headers: str) -> bytes:
    """Return a whole response that keeps the connection open."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def serves(response: bytes) -> Play:
    """Return a play that answers each request on the connection."""

    def play(wire: Wire) -> None:
        while wire.request():
            wire.send(response)

    return play


serve = serves(answer())


def says(*parts: bytes) -> Play:
    """Return a play that reads the request, sends these bytes and closes."""

    def play(wire: Wire) -> None:
        wire.request()
        for part in parts:
            wire.send(part)

    return play


def silent(wire: Wire) -> None:
    wire.request()
    wire.wait()


def resets(wire: Wire) -> None:
    """Reset the connection after the first byte: before it, there may be no connection yet."""
    wire.sock.recv(1)
    wire.reset()


def drips(data: bytes, then: bytes = b"x", *, at_once: bytes = b"", pause: float = 0.02) -> Play:
    """Return a play that sends `at_once`, and then as `Wire.drip` does."""

    def play(wire: Wire) -> None:
        wire.request()
        wire.send(at_once)
        wire.drip(data, then, pause)

    return play


def floods(begin: bytes, piece: bytes) -> Play:
    """Return a play that sends `begin`, and then repeats `piece` until one side closes."""
    return drips(b"", piece, at_once=begin, pause=0)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def own_connections() -> Iterator[None]:
    """Start without kept connections, and close those of the block."""
    transport.forget_sessions()
    yield
    for session in transport._sessions.values():
        session.close()
    transport.forget_sessions()


#: Starts a provider with these plays, and sets the base URL to it.
Start = Callable[..., Provider]


@contextmanager
def providers(settings: Any) -> Iterator[Start]:
    """Yield a function that starts a provider; all of them end with the block."""
    with ExitStack() as running:

        def start(*plays: Play, tls: ssl.SSLContext | None = None) -> Provider:
            provider = running.enter_context(closing(Provider(*plays, tls=tls)))
            origin = "https://localhost" if tls else "http://127.0.0.1"
            settings.PLASGATE_IP_BASE_URL = f"{origin}:{provider.port}/ip/"
            return provider

        yield start
