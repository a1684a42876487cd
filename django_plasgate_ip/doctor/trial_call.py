"""One real call to the exchange endpoint, with a made-up code, and what its outcome means.

The call sends both keys, as each exchange does. It spends no balance, because it sends no phone
number and no code that PlasGate issued.
"""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from django_plasgate_ip.client import Answer, PlasGateClient
from django_plasgate_ip.conf import conf
from django_plasgate_ip.doctor.configuration import wrong_settings
from django_plasgate_ip.doctor.findings import Finding, Level
from django_plasgate_ip.exceptions import ExchangeError

# RFC 2606: nobody can register this name.
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
    what: str
    do: str = ""
    level: Level = Level.ERROR


# Each key lists outcomes: HTTP statuses and names of exceptions. The first entry with an outcome of
# this call is used.
_MEANINGS = {
    "failed": _Meaning("PlasGate answered failed. It accepted the keys.", level=Level.OK),
    # SECURITY: a server that accepts a made-up code would verify any number for anybody.
    "success": _Meaning(
        "The server answered success to a made-up code, so it is not PlasGate.",
        "Check PLASGATE_IP_BASE_URL. Do not trust a verification that this server answered.",
    ),
    "CredentialsRejected": _Meaning(
        "The endpoint exists. It rejected the made-up code, or your keys, balance or "
        "subscription: the status does not say which.",
        "To test the keys, verify one number with a phone on mobile data. This spends balance.",
        Level.OK,
    ),
    "RateLimited": _Meaning(
        "The endpoint exists, and your account has sent it too many requests.",
        "Try again in a few minutes. If this continues, ask PlasGate for a higher limit.",
        Level.WARNING,
    ),
    "404 405 410": _Meaning(
        "There is no such endpoint.",
        "Check the host, port and path of PLASGATE_IP_BASE_URL. Then check "
        "PLASGATE_IP_EXCHANGE_ENDPOINT: the API page calls the endpoint ip-auth, and PlasGate's "
        "mobile SDKs call it check-info.",
    ),
    "407 ProxyError": _Meaning(
        "The proxy can't be reached, does not connect to PlasGate, or requires a user name.",
        "Check PLASGATE_IP_PROXY (http://user:password@host:port) and the rules of the proxy.",
    ),
    "4xx": _Meaning(
        "The API page documents 403 for a wrong code. Another server may have answered.",
        "Check the scheme, host, port and path of PLASGATE_IP_BASE_URL. Then verify with a phone.",
        Level.WARNING,
    ),
    "ProviderError": _Meaning(
        "PlasGate, or a server in front of it, has a fault.",
        "Try again in a few minutes. If this continues, contact support@plasgate.com.",
    ),
    "gaierror InvalidURL LocationParseError": _Meaning(
        "The host name was not found, or is malformed.",
        "Check the host in PLASGATE_IP_BASE_URL and this machine's DNS (/etc/resolv.conf).",
    ),
    "SSLCertVerificationError": _Meaning(
        "The server's certificate is not trusted, has expired, or belongs to another host.",
        "Check the host in PLASGATE_IP_BASE_URL and this machine's clock. If a proxy on the way "
        "signs certificates itself, put its authority into PLASGATE_IP_CA_BUNDLE.",
    ),
    "SSLError RemoteDisconnected ConnectionResetError": _Meaning(
        "The server closed the connection without an answer, or does not speak TLS.",
        "Check the scheme and port of PLASGATE_IP_BASE_URL: an https server may drop http.",
    ),
    "ConnectionRefusedError": _Meaning(
        "No server listens on this port, or a firewall refuses the connection.",
        "Check the port and host of PLASGATE_IP_BASE_URL: PlasGate's own URL names no port, which "
        "means 443. Then check the firewall, and whether this machine needs PLASGATE_IP_PROXY.",
    ),
    "ConnectTimeout": _Meaning(
        "No server answers on this host and port, or a firewall drops the connection.",
        "Check the port and host of PLASGATE_IP_BASE_URL, the firewall, and whether this machine "
        "needs PLASGATE_IP_PROXY. If the network is slow, raise PLASGATE_IP_CONNECT_TIMEOUT.",
    ),
    "ProviderUnreachable": _Meaning(
        "PlasGate can't be reached.",
        "Run curl -v with the URL of PLASGATE_IP_BASE_URL on this machine to see more.",
    ),
    "ProviderTimeout": _Meaning(
        "No complete answer came within PLASGATE_IP_TIMEOUT seconds.",
        "Check the port of PLASGATE_IP_BASE_URL: another server may wait there. Then try again in "
        "a few minutes. If the network is slow, raise PLASGATE_IP_TIMEOUT.",
    ),
    "InvalidResponse": _Meaning(
        "The server that answered is not the API. The app follows no redirect.",
        "Check the scheme, host, port and path of PLASGATE_IP_BASE_URL, and any proxy on the way.",
    ),
}


def examine() -> Iterator[Finding]:
    """Make the call, if the settings allow it, and yield one finding.

    It uses the keys, limits and proxy that a visitor's exchange uses.
    """
    if wrong := sorted(_NEEDED & wrong_settings()):
        # A check reports the error itself.
        do = f"Correct {' and '.join(wrong)} first. Then run this command again."
        yield Finding(Level.WARNING, "Network", "The endpoint was not called.", do)
    elif not (conf.PLASGATE_IP_PRIVATE_KEY and conf.PLASGATE_IP_SECRET_KEY):
        what = "The endpoint was not called, because each request has keys of its own."
        do = "To test a pair of keys, set PLASGATE_IP_PRIVATE_KEY and PLASGATE_IP_SECRET_KEY."
        yield Finding(Level.WARNING, "Network", what, do)
    else:
        yield _call()


def _call() -> Finding:
    # The code has the form of PlasGate's codes, so that only its value is wrong.
    code = ".".join(str(uuid.uuid4()) for _part in range(3))
    started = time.perf_counter()
    try:
        answer = PlasGateClient().exchange(code, str(uuid.uuid4()), REDIRECT_URI)
        answered, outcomes = "", {_outcome(answer)}
    except ExchangeError as error:
        _status, _colon, text = error.error_description.partition(": ")
        answered = f'{error} It says "{text}". ' if text else f"{error} "
        outcomes = _outcomes(error)
    milliseconds = (time.perf_counter() - started) * 1000
    meaning = next(_MEANINGS[names] for names in _MEANINGS if outcomes & set(names.split()))
    what = (
        f"Called {_target()} with a made-up code ({milliseconds:.0f} ms): {answered}{meaning.what}"
    )
    return Finding(meaning.level, "Network", what, meaning.do)


def _target() -> str:
    url = urlsplit(conf.PLASGATE_IP_BASE_URL)
    port = url.port or {"http": 80}.get(url.scheme, 443)
    return f"{conf.PLASGATE_IP_EXCHANGE_ENDPOINT} at {url.hostname}, port {port},"


def _outcome(answer: Answer) -> str:
    """Return the name of this answer for `_MEANINGS`. Without a status, the claims decide."""
    if answer.succeeded is not None:
        return "success" if answer.succeeded else "failed"
    if answer.phone_number_verified or (answer.phone_number_verified is None and answer.sub):
        return "success"
    says_no = answer.phone_number_verified is False or answer.is_anonymous
    return "failed" if says_no else "InvalidResponse"


def _outcomes(error: ExchangeError) -> set[str]:
    """Return the names of this error for `_MEANINGS`, such as 404, 4xx and its type's name."""
    status = str(error.http_status)
    return {status, f"{status[0]}xx", type(error).__name__, *error.causes}
