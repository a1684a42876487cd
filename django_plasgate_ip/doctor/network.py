"""The way to the base URL: its name, its addresses, its TLS. Nothing secret is sent.

Through a proxy the name is not looked up here, since the proxy does that: then the way to the
proxy is looked at, and TLS through it.
"""

import re
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from urllib3 import make_headers
from urllib3.util.connection import allowed_gai_family

from django_plasgate_ip.client import transport
from django_plasgate_ip.client.api import clean_text
from django_plasgate_ip.conf import conf
from django_plasgate_ip.doctor.findings import Finding, Level

# Days before its end from which on a certificate is worth a look: by then it should be renewed.
FEW_DAYS = 3
MAX_ADDRESSES = 8
# Bytes of a proxy's answer to CONNECT.
MAX_REPLY = 16 * 1024
_PORTS = {"http": 80, "https": 443}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class _End:
    """One end of a connection."""

    scheme: str
    host: str
    port: int
    #: ``user:password`` of a proxy.
    login: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str) -> "_End":
        parts: SplitResult = urlsplit(url)
        login = ":".join(unquote(part or "") for part in (parts.username, parts.password))
        return cls(
            scheme=parts.scheme,
            host=parts.hostname or "",
            port=parts.port or _PORTS[parts.scheme],
            login=login.strip(":") and login,
        )

    def __str__(self) -> str:
        return _joined(self.host, self.port)


@dataclass(frozen=True)
class _Trial:
    """One address that was called."""

    address: str
    seconds: float
    #: Why there was no connection, or empty.
    problem: str = ""


@dataclass(frozen=True)
class _Handshake:
    certificate: dict[str, Any]
    version: str
    seconds: float


def examine() -> Iterator[Finding]:
    """Yield the findings, from the name to the certificate, as far as one gets.

    A connection may take ``PLASGATE_IP_CONNECT_TIMEOUT``, and TLS ``PLASGATE_IP_TIMEOUT``.
    """
    goal = _End.of(conf.PLASGATE_IP_BASE_URL)
    proxy = _End.of(conf.PLASGATE_IP_PROXY) if conf.PLASGATE_IP_PROXY else None
    if proxy:
        what = f"Calls go through the proxy {proxy}, which looks {goal.host} up by itself."
        yield _fine(what)
    first = proxy or goal
    started = time.perf_counter()
    try:
        addresses = _addresses(first)
    except (OSError, ValueError) as error:
        do = "Check the host's spelling, and this machine's DNS (/etc/resolv.conf)."
        yield _broken(f"The name {first.host} can't be looked up: {_why(error)}.", do)
        return
    names = ", ".join(str(address[0]) for address in addresses)
    yield _fine(f"{first.host} is {names} ({_taken(started)})")
    trials = [_call(address) for address in addresses]
    yield from _connections(trials)
    if any(not trial.problem for trial in trials):
        yield _tls(goal, proxy)


def _addresses(end: _End) -> list[tuple[Any, ...]]:
    """Return the addresses that the client would call, in its order. Raises as getaddrinfo does."""
    family = allowed_gai_family()
    found = socket.getaddrinfo(end.host, end.port, family, socket.SOCK_STREAM)
    return [address for *_rest, address in found][:MAX_ADDRESSES]


def _call(address: tuple[Any, ...]) -> _Trial:
    shown = _joined(address[0], address[1])
    started = time.perf_counter()
    problem = ""
    try:
        socket.create_connection(address[:2], conf.PLASGATE_IP_CONNECT_TIMEOUT).close()
    except OSError as error:
        problem = _why(error)
    return _Trial(shown, time.perf_counter() - started, problem)


def _connections(trials: list[_Trial]) -> Iterator[Finding]:
    reached = any(not trial.problem for trial in trials)
    for trial in trials:
        if not trial.problem:
            yield _fine(f"Connected to {trial.address} ({_ms(trial.seconds)})")
            continue
        what = f"No connection to {trial.address}: {trial.problem} ({_ms(trial.seconds)})."
        if reached:
            do = "Another address answers; but each call may lose that time before it tries it."
            yield Finding(Level.LOOK, "Network", what, do)
        else:
            yield _broken(what, "Let this machine out to there (firewall), or use a proxy.")


def _tls(goal: _End, proxy: _End | None) -> Finding:
    if goal.scheme == "http":
        return _clear(goal)
    if proxy and proxy.scheme == "https":
        return _fine("TLS within the proxy's own TLS is left to the exchange, which verifies it.")
    try:
        context = transport.tls_context(conf.PLASGATE_IP_CA_BUNDLE)
    except OSError as error:
        do = "Check PLASGATE_IP_CA_BUNDLE: a PEM file of certificates."
        return _broken(f"The trusted authorities can't be read: {_why(error)}.", do)
    try:
        with transport.deadline(conf.PLASGATE_IP_TIMEOUT):
            return _certificate(_handshake(goal, proxy, context))
    except ssl.SSLCertVerificationError as error:
        do = (
            "Check the host in PLASGATE_IP_BASE_URL and this machine's clock. If a proxy on the "
            "way signs certificates of its own, name its authority in PLASGATE_IP_CA_BUNDLE."
        )
        return _broken(f"The certificate of {goal} is refused: {error.verify_message}.", do)
    except (OSError, ValueError) as error:
        do = "Check the scheme and the port of PLASGATE_IP_BASE_URL, and any proxy on the way."
        return _broken(f"No TLS with {goal}: {_why(error)}.", do)


def _clear(goal: _End) -> Finding:
    if goal.host in _LOOPBACK:
        return _fine("No TLS: http, to this machine itself.")
    do = "Use https: the secret key and people's numbers travel to it."
    return Finding(Level.LOOK, "Network", "No TLS: PLASGATE_IP_BASE_URL is http.", do)


def _handshake(goal: _End, proxy: _End | None, context: ssl.SSLContext) -> _Handshake:
    """Make a connection and shake hands, and say nothing. Raises OSError or ValueError."""
    first = proxy or goal
    with socket.create_connection(
        (first.host, first.port), conf.PLASGATE_IP_CONNECT_TIMEOUT
    ) as way:
        if proxy:
            _tunnel(way, goal, proxy)
        way.settimeout(transport.remaining())
        started = time.perf_counter()
        with context.wrap_socket(way, server_hostname=goal.host) as secure:
            seconds = time.perf_counter() - started
            return _Handshake(secure.getpeercert() or {}, str(secure.version()), seconds)


def _tunnel(way: socket.socket, goal: _End, proxy: _End) -> None:
    """Have the proxy connect to the goal. Raises ConnectionError where it doesn't."""
    lines = [f"CONNECT {goal} HTTP/1.1", f"Host: {goal}"]
    if proxy.login:
        headers = make_headers(proxy_basic_auth=proxy.login)
        lines += [f"{name}: {value}" for name, value in headers.items()]
    way.settimeout(transport.remaining())
    way.sendall("\r\n".join([*lines, "", ""]).encode())
    reply = bytearray()
    # A byte at a time: what follows the empty line is not the proxy's any more.
    while not reply.endswith(b"\r\n\r\n"):
        way.settimeout(transport.remaining())
        byte = way.recv(1)
        if not byte or len(reply) >= MAX_REPLY:
            raise ConnectionError("the proxy gave no whole answer")
        reply += byte
    status = re.match(rb"HTTP/1\.\d (\d{3})", reply)
    if not status or not status[1].startswith(b"2"):
        raise ConnectionError(f"the proxy answered {status[1].decode() if status else 'no HTTP'}")


def _certificate(handshake: _Handshake) -> Finding:
    certificate = handshake.certificate
    seconds = ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()
    days = int(seconds // 86400)
    what = (
        f"{handshake.version} ({_ms(handshake.seconds)}); the certificate of "
        f"{_name(certificate['subject'], 'commonName')} by "
        f"{_name(certificate['issuer'], 'organizationName', 'commonName')} is good for {days} days"
    )
    if days >= FEW_DAYS:
        return _fine(what)
    do = "Its owner should have renewed it by now: every call fails from then on."
    return Finding(Level.LOOK, "Network", what, do)


def _name(parts: Any, *wanted: str) -> str:
    """Return the first of these parts of a certificate's subject or issuer that it has."""
    named = {key: value for pairs in parts for key, value in pairs}
    return next((clean_text(named[key]) for key in wanted if key in named), "no name")


def _why(error: Exception) -> str:
    """Return what the system says; of a host, a port or a file, and so nothing secret."""
    if isinstance(error, ssl.SSLError):
        # Such as WRONG_VERSION_NUMBER: the text around it is OpenSSL's source code line.
        return str(error.reason or type(error).__name__).replace("_", " ").lower()
    said = error.strerror if isinstance(error, OSError) else ""
    return clean_text(said or str(error)) or type(error).__name__


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _taken(started: float) -> str:
    return _ms(time.perf_counter() - started)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _fine(what: str) -> Finding:
    return Finding(Level.FINE, "Network", what)


def _broken(what: str, do: str) -> Finding:
    return Finding(Level.BROKEN, "Network", what, do)
