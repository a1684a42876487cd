"""A `requests` session that can't be held up: one deadline for the whole call.

`requests`' own timeout is per read, so a server that drips a byte at a time holds a worker for as
long as it likes. Here the connection classes of urllib3 set the socket's timeout to what is left
before everything they send and before every receive, headers included. Outside of the deadline lie
the name's resolution, and the connect timeout once for every further address of the host.

The pool of connections is the one thing that a process keeps: a new connection costs a round trip,
a TLS handshake and, in `requests`, 15 ms to parse the CA bundle again.
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
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context

# Idle connections kept per process; more threads than this only cost a new connection each.
POOL_SIZE = 64
# A connection idle for longer may be gone without a word (firewalls, NAT): it would swallow the
# request, and the one-time code with it, until the deadline.
MAX_IDLE_SECONDS = 20.0
USER_AGENT = "django-plasgate-ip"

_call_ends_at: ContextVar[float] = ContextVar("django_plasgate_ip_call_ends_at")


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Give everything that this thread sends and receives inside the block `seconds` in all."""
    token = _call_ends_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _call_ends_at.reset(token)


def remaining() -> float:
    """Return the seconds left. Raises TimeoutError when there are none."""
    left = _call_ends_at.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline for the whole call has passed")
    return left


def overdue() -> bool:
    """Whether the deadline of the block that this thread is in has passed."""
    return _call_ends_at.get() <= time.monotonic()


def session(ca_bundle: str | None = None, proxy: str | None = None) -> requests.Session:
    """Return this process's session for these two settings; any thread may use it."""
    with _sessions.lock:
        key = (ca_bundle, proxy)
        if key not in _sessions.open:
            _sessions.open[key] = _new_session(ca_bundle, proxy)
        return _sessions.open[key]


def tls_context(ca_bundle: str | None = None) -> ssl.SSLContext:
    """Return what each connection is verified with: these authorities, or those of requests.

    Raises OSError for a bundle that can't be read, or that is none.
    """
    # check_hostname and CERT_REQUIRED are this context's defaults.
    context = create_urllib3_context()
    context.load_verify_locations(cafile=ca_bundle or DEFAULT_CA_BUNDLE_PATH)
    return context


class _Sessions:
    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.lock = threading.Lock()
        self.open: dict[tuple[str | None, str | None], requests.Session] = {}


_sessions = _Sessions()
# A forked child must not write into its parent's connections, nor find the lock taken by a thread
# that was not forked along.
if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_sessions.forget)


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Follow nothing: for a mere look at the target, requests would read the whole body."""


def _new_session(ca_bundle: str | None, proxy: str | None) -> requests.Session:
    new = _Session()
    # The environment's proxies and .netrc would be handed the secret, or replace it.
    new.trust_env = False
    new.proxies = {"http": proxy, "https": proxy} if proxy else {}
    new.headers.clear()
    # identity: a compressed body can grow a thousandfold behind the size cap.
    new.headers.update(
        {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
        }
    )
    # The session serves every visitor: a cookie set for one must not go out with another's call.
    new.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = _Adapter(ca_bundle)
    new.mount("https://", adapter)
    new.mount("http://", adapter)
    return new


class _Response(HTTPResponse):
    """Reads through the deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        # http.client made this buffer of the socket; the socket's own file stays below ours, so
        # that closing one closes the other.
        buffered: Any = self.fp
        self.fp = io.BufferedReader(_DeadlineReader(sock, buffered.detach()))


class _DeadlineReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock = sock
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(remaining())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineMixin:
    """Connects and sends within the deadline, and does not trust a long silence."""

    response_class = _Response
    sock: Any
    timeout: Any
    _used_at = 0.0

    def connect(self) -> None:
        self.timeout = min(self.timeout, remaining())
        super().connect()  # type: ignore[misc]

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
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class _Adapter(HTTPAdapter):
    """Uses the pools above, and one TLS context for all connections."""

    def __init__(self, ca_bundle: str | None) -> None:
        self._context = tls_context(ca_bundle)
        super().__init__(
            pool_maxsize=POOL_SIZE,
            # Once more where no connection was made, so that the code can't have been used; never
            # for anything that happened later.
            max_retries=Retry(total=1, connect=1, read=False, redirect=False, status=0, other=0),
        )

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        _use_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return _use_pools(super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs))

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave the pool as it is: requests would name the CA bundle here, to be read each time."""


def _use_pools(manager: Any) -> Any:
    manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
    return manager


class _HideKey(logging.Filter):
    """Takes the private key out of the URLs that urllib3 logs, some of them as warnings."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            args = tuple(_KEY.sub("***", a) if isinstance(a, str) else a for a in record.args)
            if args != record.args:
                # A traceback that is logged along has the URL in its frames.
                record.args, record.exc_info = args, None
        return True


_KEY = re.compile(r"(?<=private_key=)[^&\s]+")
for _name in ("urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_HideKey())
