"""A `requests` session with one deadline for the whole call, and a limit for what it receives.

The timeout of `requests` is per read, so a server that sends one byte at a time can hold a worker
without limit. Here urllib3's connections set the socket's timeout to the seconds left before each
send and each receive, headers included. The deadline does not cover the lookup of the host's name.
Each further address of the host may add one connect timeout.

The same connections count the bytes of each response. Connections are kept for the life of the
process, since a new one costs a TLS handshake.
"""

import io
import logging
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPException, HTTPResponse, parse_headers
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection

from django_plasgate_ip.exceptions import ProviderUnreachable

# Idle connections that a process keeps. A thread that finds none makes a new one.
POOL_SIZE = 64
# Firewalls drop idle connections silently. A request over such a connection gets no answer, and its
# one-time code may be spent.
MAX_IDLE_SECONDS = 20.0
# Bytes of one response: interim responses, headers, body, chunk extensions and trailers.
MAX_RESPONSE = 64 * 1024

_call_ends_at: ContextVar[float] = ContextVar("django_plasgate_ip_call_ends_at")


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Limit everything that this thread sends and receives inside the block to `seconds`."""
    token = _call_ends_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _call_ends_at.reset(token)


def remaining() -> float:
    """Return the seconds left. Raises TimeoutError if there are none."""
    left = _call_ends_at.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline for the whole call has passed")
    return left


def overdue() -> bool:
    """Whether the deadline of the block that this thread is in has passed."""
    return _call_ends_at.get() <= time.monotonic()


_lock = threading.Lock()
_sessions: dict[tuple[str | None, str | None], requests.Session] = {}


def session(ca_bundle: str | None, proxy: str | None) -> requests.Session:
    """Return this process's session for these two settings. All threads use the same one."""
    key = (ca_bundle, proxy)
    with _lock:
        if key not in _sessions:
            _sessions[key] = _new_session(ca_bundle, proxy)
        return _sessions[key]


def forget_sessions() -> None:
    """Drop all kept connections.

    A forked child must do so, because its connections are still its parent's. A thread that the
    child does not have may hold the lock.
    """
    global _lock
    _lock = threading.Lock()
    _sessions.clear()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=forget_sessions)


def _new_session(ca_bundle: str | None, proxy: str | None) -> requests.Session:
    new = _Session()
    # SECURITY: a proxy or .netrc of the environment would receive the secret, or replace it.
    new.trust_env = False
    new.proxies = {"http": proxy, "https": proxy} if proxy else {}
    new.headers.clear()
    new.headers["Accept"] = "application/json"
    # A small compressed body can become a huge one.
    new.headers["Accept-Encoding"] = "identity"
    new.headers["User-Agent"] = "django-plasgate-ip"
    # SECURITY: the session serves all visitors. A cookie of one call must not be sent with another.
    new.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = _Adapter(ca_bundle)
    new.mount("https://", adapter)
    new.mount("http://", adapter)
    return new


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None, so that requests does not read the body of a redirect."""


class ResponseTooLong(HTTPException):
    """The response has more than `MAX_RESPONSE` bytes."""


class _Response(HTTPResponse):
    """Reads within the deadline and the limit, and what http.client does not read as RFC 9110."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        # http.client made this buffer over the socket's file. Ours wraps that same file, so that
        # closing the buffer closes the file.
        buffered: Any = self.fp
        self.fp = io.BufferedReader(_DeadlineReader(sock, buffered.detach()))

    def _read_status(self) -> tuple[str, int, str]:
        """Skip interim responses. http.client skips 100 only, and returns a 103 as the answer."""
        while True:
            start: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            # 101 is final: after it, the connection would speak another protocol.
            if not 100 <= start[1] < 200 or start[1] == 101:
                return start
            parse_headers(self.fp)

    def begin(self) -> None:
        super().begin()
        coding = self.headers.get("Transfer-Encoding", "")
        # http.client does not trim the value.
        if self.length is None and coding.strip().lower() == "chunked":
            self.chunked, self.chunk_left = True, None


class _DeadlineReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock = sock
        self._raw = raw
        self._received = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(remaining())
        count: int | None = self._raw.readinto(buffer)
        # SECURITY: a server could keep a worker busy until the deadline, and fill its memory.
        self._received += count or 0
        if self._received > MAX_RESPONSE:
            raise ResponseTooLong
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineMixin:
    """Connects and sends within the deadline, and is not used again after a long idle time."""

    response_class = _Response
    sock: Any
    timeout: Any
    _used_at = 0.0

    def connect(self) -> None:
        self.timeout = min(self.timeout, remaining())
        super().connect()  # type: ignore[misc]

    def _new_conn(self) -> Any:
        # Stored at once: if no time is left, urllib3 closes the connection, and its socket.
        self.sock = new = super()._new_conn()  # type: ignore[misc]
        # The TLS handshake comes next, and a slow connect has taken its part of the deadline.
        new.settimeout(min(self.timeout, remaining()))
        return new

    def send(self, data: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(remaining())
        super().send(data)  # type: ignore[misc]
        self._used_at = time.monotonic()

    @property
    def is_connected(self) -> bool:
        if time.monotonic() - self._used_at > MAX_IDLE_SECONDS:
            return False
        return bool(super().is_connected)  # type: ignore[misc]


class _HTTPConnection(_DeadlineMixin, HTTPConnection):  # type: ignore[misc]
    pass


class _HTTPSConnection(_DeadlineMixin, HTTPSConnection):  # type: ignore[misc]
    def _connect_tls_proxy(self, *args: Any, **kwargs: Any) -> Any:
        """Return the TLS connection to an https proxy, in which another one follows.

        urllib3 receives for the inner one in a loop, with one timeout for each receive.
        """
        outer: Any = super()._connect_tls_proxy(*args, **kwargs)
        receive = outer.recv

        def receive_in_time(*args: Any, **kwargs: Any) -> Any:
            outer.settimeout(remaining())
            return receive(*args, **kwargs)

        outer.recv = receive_in_time
        return outer


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class _Adapter(HTTPAdapter):
    """Uses the pools above, and one TLS context for all connections."""

    def __init__(self, ca_bundle: str | None) -> None:
        self._context = _tls_context(ca_bundle)
        super().__init__(
            pool_maxsize=POOL_SIZE,
            # SECURITY: only a failed connect is tried again. Once connected, the code may be spent.
            max_retries=Retry(total=1, connect=1, read=False, redirect=False, status=0, other=0),
        )

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        _use_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        # An https proxy has TLS of its own.
        contexts = dict.fromkeys(("ssl_context", "proxy_ssl_context"), self._context)
        return _use_pools(super().proxy_manager_for(proxy, **contexts, **kwargs))

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Do nothing: requests would have each new connection parse the CA bundle again."""


def _tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    """Return a context that trusts these authorities, or the ones that requests ships."""
    # This context checks the certificate and its host name by default. SECURITY: the functions that
    # make one in urllib3 and `ssl` would write its session keys to the file in SSLKEYLOGFILE.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    # As in `ssl.create_default_context` since Python 3.13.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    try:
        context.load_verify_locations(cafile=ca_bundle or DEFAULT_CA_BUNDLE_PATH)
    except OSError as error:
        name = type(error).__name__
        raise ProviderUnreachable(
            f"PLASGATE_IP_CA_BUNDLE is not a readable PEM file of certificates ({name})."
        ) from None
    return context


def _use_pools(manager: Any) -> Any:
    manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
    return manager


class _HideKey(logging.Filter):
    """Removes the private key, and raw bytes, from urllib3's log records about this app's calls.

    A record is about such a call if its thread is inside `deadline`. Other records do not change.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if _call_ends_at.get(None) is not None:
            record.msg = _SECRET.sub("***", record.getMessage())
            # SECURITY: the arguments and the traceback hold the URL too.
            record.args, record.exc_info = (), None
        return True


# The private key in a URL, and headers that urllib3 could not parse. A server may echo the request.
_SECRET = re.compile(r"(?<=private_key=)[^&\s]+|(?<=unparsed data: ).*", re.DOTALL)
for _name in ("urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_HideKey())
