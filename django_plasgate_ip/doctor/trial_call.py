"""One real call to the exchange endpoint, with a made-up code, and what its outcome means.

The call spends no balance, since it sends no phone number and no code of PlasGate's. It sends both
keys, as each exchange does.
"""

import time
import uuid
from collections.abc import Container, Iterator
from dataclasses import dataclass

from django_plasgate_ip.client import PlasGateClient
from django_plasgate_ip.conf import conf
from django_plasgate_ip.doctor.configuration import wrong_settings
from django_plasgate_ip.doctor.findings import Finding, Level
from django_plasgate_ip.exceptions import (
    ExchangeError,
    InvalidResponse,
    ProviderTimeout,
    ProviderUnreachable,
)

# RFC 2606: nobody can own this name.
REDIRECT_URI = "https://plasgate-ip-doctor.invalid/"
# The settings that a call uses.
_NEEDED = {
    "PLASGATE_IP_PRIVATE_KEY",
    "PLASGATE_IP_SECRET_KEY",
    "PLASGATE_IP_BASE_URL",
    "PLASGATE_IP_EXCHANGE_ENDPOINT",
    "PLASGATE_IP_TIMEOUT",
    "PLASGATE_IP_CONNECT_TIMEOUT",
    "PLASGATE_IP_CA_BUNDLE",
    "PLASGATE_IP_PROXY",
}


@dataclass(frozen=True)
class _Meaning:
    """What an outcome of the call means, and what to do about it."""

    level: Level
    what: str
    do: str = ""


_WITH_A_PHONE = "verify one number with a phone on mobile data. This spends balance."
_FAILED = _Meaning(Level.OK, "PlasGate answered failed. It accepted the keys.")
# SECURITY: a server that accepts a made-up code would verify any number for anybody.
_SUCCEEDED = _Meaning(
    Level.ERROR,
    "The server answered success to a made-up code, so it is not PlasGate.",
    "Check PLASGATE_IP_BASE_URL. Do not trust what was verified with this one.",
)
# The first entry that has the status applies.
_BY_STATUS: tuple[tuple[Container[int], _Meaning], ...] = (
    (
        (401, 403),
        _Meaning(
            Level.OK,
            "The endpoint exists. It rejected the made-up code, or your keys, balance or "
            "subscription: PlasGate does not say which.",
            f"To test the keys, {_WITH_A_PHONE}",
        ),
    ),
    (
        (404, 405, 410),
        _Meaning(
            Level.ERROR,
            "There is no such endpoint.",
            "Check PLASGATE_IP_BASE_URL and PLASGATE_IP_EXCHANGE_ENDPOINT. The API page calls the "
            "endpoint ip-auth, PlasGate's mobile SDKs call it check-info.",
        ),
    ),
    (
        (407,),
        _Meaning(
            Level.ERROR,
            "The proxy wants a user name and a password.",
            "Set PLASGATE_IP_PROXY to http://user:password@host:port.",
        ),
    ),
    (
        (429,),
        _Meaning(
            Level.WARNING,
            "The endpoint exists, and your account has sent it too many requests.",
            "Try again in a few minutes. If it stays, ask PlasGate for a higher limit.",
        ),
    ),
    (
        range(100, 400),
        _Meaning(
            Level.ERROR,
            "The API never answers like this. The app follows no redirect, because the secret "
            "would go with it.",
            "Check the scheme, host and path of PLASGATE_IP_BASE_URL.",
        ),
    ),
    (
        range(400, 500),
        _Meaning(
            Level.WARNING,
            "The API page promises 403 for a wrong code. Another server may have answered.",
            f"Check the scheme, host and path of PLASGATE_IP_BASE_URL. Then {_WITH_A_PHONE}",
        ),
    ),
    (
        range(500, 1000),
        _Meaning(
            Level.ERROR,
            "PlasGate, or a server in front of it, has a fault.",
            "Try again in a few minutes, then ask support@plasgate.com.",
        ),
    ),
)
_MALFORMED = _Meaning(
    Level.ERROR, "The host name is malformed.", "Check the host in PLASGATE_IP_BASE_URL."
)
_HUNG_UP = _Meaning(
    Level.ERROR,
    "The server closed the connection without an answer.",
    "Check the scheme and port of PLASGATE_IP_BASE_URL: an https server may hang up on http.",
)
# The first entry whose type is among the error's causes applies.
_BY_CAUSE: dict[str, _Meaning] = {
    "ProxyError": _Meaning(
        Level.ERROR,
        "The proxy can't be reached, or does not connect to PlasGate.",
        "Check PLASGATE_IP_PROXY, its user name and password, and what the proxy allows.",
    ),
    "gaierror": _Meaning(
        Level.ERROR,
        "The host name was not found.",
        "Check the host in PLASGATE_IP_BASE_URL, and this machine's DNS (/etc/resolv.conf).",
    ),
    "InvalidURL": _MALFORMED,
    "LocationParseError": _MALFORMED,
    "SSLCertVerificationError": _Meaning(
        Level.ERROR,
        "The server's certificate is not trusted, has expired, or belongs to another host.",
        "Check the host in PLASGATE_IP_BASE_URL and this machine's clock. If a proxy on the way "
        "signs certificates itself, put its authority into PLASGATE_IP_CA_BUNDLE.",
    ),
    "SSLError": _Meaning(
        Level.ERROR,
        "TLS failed: the server may not speak TLS on this port.",
        "Check the scheme and port of PLASGATE_IP_BASE_URL.",
    ),
    "ConnectTimeout": _Meaning(
        Level.ERROR,
        "No connection was made in PLASGATE_IP_CONNECT_TIMEOUT seconds.",
        "Check that a firewall lets this machine connect to PlasGate, or use a proxy.",
    ),
    "ConnectionRefusedError": _Meaning(
        Level.ERROR,
        "No server listens on this host and port, or a firewall refuses the connection.",
        "Check the host and port of PLASGATE_IP_BASE_URL, and the firewall.",
    ),
    "RemoteDisconnected": _HUNG_UP,
    "ConnectionResetError": _HUNG_UP,
}
_BY_TYPE: dict[type[ExchangeError], _Meaning] = {
    ProviderUnreachable: _Meaning(
        Level.ERROR,
        "PlasGate can't be reached.",
        "If the message does not explain it, run curl -v with PLASGATE_IP_BASE_URL on this "
        "machine.",
    ),
    ProviderTimeout: _Meaning(
        Level.ERROR,
        "No complete answer came in PLASGATE_IP_TIMEOUT seconds.",
        "Try again in a few minutes. If the network is slow, raise PLASGATE_IP_TIMEOUT.",
    ),
    InvalidResponse: _Meaning(
        Level.ERROR,
        "The server that answered is not the API.",
        "Check the scheme, host and path of PLASGATE_IP_BASE_URL, and any proxy on the way.",
    ),
}


def examine() -> Iterator[Finding]:
    """Make the call, if the settings allow it, and yield one finding.

    It uses the keys, limits and proxy that a visitor's exchange uses.
    """
    if wrong := sorted(_NEEDED & wrong_settings()):
        what = f"The endpoint was not called, because of {', '.join(wrong)}."
        yield Finding(Level.ERROR, "Network", what, "The checks above explain this.")
    elif not (conf.PLASGATE_IP_PRIVATE_KEY and conf.PLASGATE_IP_SECRET_KEY):
        what = "The endpoint was not called, because each tenant has its own keys."
        do = (
            "To test a tenant's keys, run this command with PLASGATE_IP_PRIVATE_KEY and "
            "PLASGATE_IP_SECRET_KEY set to them."
        )
        yield Finding(Level.WARNING, "Network", what, do)
    else:
        yield _call()


def _call() -> Finding:
    started = time.perf_counter()
    answered, meaning = "", _FAILED
    try:
        if PlasGateClient().exchange(_made_up_code(), str(uuid.uuid4()), REDIRECT_URI).succeeded:
            meaning = _SUCCEEDED
    except ExchangeError as error:
        answered, meaning = f"{error} ", _meaning(error)
    milliseconds = (time.perf_counter() - started) * 1000
    call = f"Called {conf.PLASGATE_IP_EXCHANGE_ENDPOINT} with a made-up code"
    what = f"{call} ({milliseconds:.0f} ms): {answered}{meaning.what}"
    return Finding(meaning.level, "Network", what, meaning.do)


def _made_up_code() -> str:
    """Return three parts with dots, as PlasGate's codes have: only the code itself is wrong."""
    return ".".join(str(uuid.uuid4()) for _part in range(3))


def _meaning(error: ExchangeError) -> _Meaning:
    for statuses, meaning in _BY_STATUS:
        if error.http_status in statuses:
            return meaning
    by_cause = (meaning for name, meaning in _BY_CAUSE.items() if name in error.causes)
    return next(by_cause, _BY_TYPE[type(error)])
