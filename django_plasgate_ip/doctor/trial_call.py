"""What the exchange endpoint answers to a code that is none.

It spends no balance: nobody is sent to ``authenticate``, no number and no code that PlasGate made
is sent. Both keys are, as with every exchange.
"""

import time
import uuid
from collections.abc import Container
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

from django_plasgate_ip.client.api import PlasGateClient
from django_plasgate_ip.conf import conf
from django_plasgate_ip.doctor.findings import Finding, Level
from django_plasgate_ip.exceptions import (
    ExchangeError,
    InvalidResponse,
    ProviderTimeout,
    ProviderUnreachable,
)

# RFC 2606: nobody's.
REDIRECT_URI = "https://plasgate-ip-doctor.invalid/"


@dataclass(frozen=True)
class _Meaning:
    """What an answer to a wrong code means."""

    level: Level
    what: str
    do: str


_NAMES = (
    "Check PLASGATE_IP_BASE_URL and PLASGATE_IP_EXCHANGE_ENDPOINT: the API page says ip-auth, "
    "PlasGate's mobile SDKs say check-info."
)
_TENANT = (
    "To try one tenant's, run this with PLASGATE_IP_PRIVATE_KEY and PLASGATE_IP_SECRET_KEY set to "
    "them."
)
_PHONE = "Verify one number with a phone on mobile data (that spends balance)."
# The first one that has the status counts.
_BY_STATUS: tuple[tuple[Container[int], _Meaning], ...] = (
    (
        (401, 403),
        _Meaning(
            Level.FINE,
            "The endpoint is there, and refused the code, as it should, or the keys, balance or "
            "subscription: PlasGate doesn't say which.",
            f"To know that the keys are right: {_PHONE[0].lower()}{_PHONE[1:]}",
        ),
    ),
    ((404, 405, 410), _Meaning(Level.BROKEN, "There is no such endpoint.", _NAMES)),
    (
        (429,),
        _Meaning(
            Level.LOOK,
            "The endpoint is there, and has heard too much of you.",
            "Wait a little and try again; ask PlasGate for a higher limit if that stays.",
        ),
    ),
    (
        range(100, 400),
        _Meaning(
            Level.BROKEN,
            "That is no answer of the API, and a redirect is not followed: the secret would "
            "travel along.",
            "Check the scheme, the host and the path of PLASGATE_IP_BASE_URL.",
        ),
    ),
    (
        range(400, 500),
        _Meaning(
            Level.LOOK,
            "The endpoint is there. It may refuse a wrong code so; the API page promises 403.",
            _PHONE,
        ),
    ),
    (
        range(500, 1000),
        _Meaning(
            Level.BROKEN,
            "PlasGate, or what stands in front of it, has a fault.",
            "Try again in a few minutes, then ask support@plasgate.com.",
        ),
    ),
)
_BY_TYPE: dict[type[ExchangeError], _Meaning] = {
    ProviderUnreachable: _Meaning(
        Level.BROKEN, "See the lines above.", "Check the firewall, the proxy and the certificates."
    ),
    ProviderTimeout: _Meaning(
        Level.BROKEN,
        "Visitors would wait as long, and in vain.",
        "Try again in a few minutes. If only the connection is slow, raise PLASGATE_IP_TIMEOUT.",
    ),
    InvalidResponse: _Meaning(
        Level.BROKEN, "Something answers that is not the API.", "Check PLASGATE_IP_BASE_URL."
    ),
}
_FAILED = _Meaning(Level.FINE, "PlasGate answered with a plain no: the keys were accepted.", "")
# SECURITY: who says yes to a code that nobody made says yes to anybody's.
_SUCCEEDED = _Meaning(
    Level.BROKEN,
    "It answered success to a code that nobody made.",
    "This is not PlasGate. Trust no verification of this base URL; check PLASGATE_IP_BASE_URL.",
)


def examine() -> Finding:
    """Ask once, with the same keys and limits as for a visitor; it takes as long at most."""
    try:
        client = PlasGateClient()
    except ImproperlyConfigured as error:
        if conf.PLASGATE_IP_CREDENTIALS is not None:
            what = "The exchange endpoint is not asked: the keys are those of each request."
            return Finding(Level.LOOK, "Network", what, _TENANT)
        what = "The exchange endpoint is not asked: a key is missing."
        return Finding(Level.BROKEN, "Network", what, str(error))
    started = time.perf_counter()
    said, meaning = "", _FAILED
    try:
        if client.exchange(_wrong_code(), str(uuid.uuid4()), REDIRECT_URI).succeeded:
            meaning = _SUCCEEDED
    except ExchangeError as error:
        said, meaning = f"{error} ", _meaning(error)
    milliseconds = (time.perf_counter() - started) * 1000
    name = f"{conf.PLASGATE_IP_EXCHANGE_ENDPOINT}, with a wrong code ({milliseconds:.0f} ms)"
    return Finding(meaning.level, "Network", f"{name}: {said}{meaning.what}", meaning.do)


def _wrong_code() -> str:
    """Return three dotted parts, as PlasGate's are, so that nothing but the code is wrong."""
    return ".".join(str(uuid.uuid4()) for _part in range(3))


def _meaning(error: ExchangeError) -> _Meaning:
    for statuses, meaning in _BY_STATUS:
        if error.http_status in statuses:
            return meaning
    return _BY_TYPE[type(error)]
