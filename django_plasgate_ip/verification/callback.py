"""Decide whether a callback belongs to a verification, and whether its code may be exchanged."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from django_plasgate_ip.client.credentials import fingerprint
from django_plasgate_ip.client.parsing import clean_text
from django_plasgate_ip.conf import conf
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason, Status
from django_plasgate_ip.redaction import Hidden
from django_plasgate_ip.verification import browser_session
from django_plasgate_ip.verification.verdict import Verdict, is_about_network

# The longest value that the app reads. The codes of the API page have 110 characters.
MAX_LENGTH = 4096
_COMPARED_OR_SENT = ("code", "state", "private_key", "redirect_uri", "nonce")
# Other parameters may be repeated: apps and proxies add their own, such as fbclid.
_NAMES = (*_COMPARED_OR_SENT, "error", "error_description")
# The errors of RFC 6749 and OpenID Connect that mean a fault of the site or of the provider. Others
# are about the visitor.
_FAULTS = frozenset(
    {
        *("invalid_request", "invalid_client", "unauthorized_client", "invalid_scope"),
        *("invalid_grant", "unsupported_grant_type"),
        *("unsupported_response_type", "server_error", "temporarily_unavailable"),
        *("invalid_request_uri", "invalid_request_object", "request_not_supported"),
        *("request_uri_not_supported", "registration_not_supported"),
    }
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def read(request: HttpRequest) -> dict[str, str]:
    """Return the parameters that the app reads, by name; empty for a malformed query.

    The parameters are those of the API page, and the nonce. A query is malformed if it repeats one
    of them, or if one is too long or has control characters.
    """
    try:
        # SECURITY: Django decodes the query in the charset of the Content-Type header, which the
        # client chooses: utf-7, for example. The callback's query is UTF-8.
        request.encoding = "utf-8"
        query = request.GET
    except TooManyFieldsSent:
        return {}
    # SECURITY: if a parameter is repeated, one reader takes its first value and another its last.
    if any(len(query.getlist(name)) > 1 for name in _NAMES):
        return {}
    # SECURITY: an error tracker stores local variables. The repr of these hides the code.
    values: dict[str, str] = {name: Hidden(query[name]) for name in _NAMES if name in query}
    return _if_readable(values)


def from_app(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters that an app has caught, as `read` does; empty if they are malformed."""
    if not all(isinstance(value, str) for value in values.values()):
        return {}
    return _if_readable({name: Hidden(value) for name, value in values.items() if value})


def _if_readable(values: dict[str, str]) -> dict[str, str]:
    # PostgreSQL can't compare a text that contains NUL. The texts of an error are cleaned later.
    is_readable = all(_is_short_line(values.get(name, "")) for name in _COMPARED_OR_SENT)
    return values if is_readable else {}


def find_elsewhere(
    parameters: Mapping[str, str], own: PhoneVerification | None
) -> PhoneVerification | None:
    """Return the pending verification of another browser that the nonce names, or None.

    `own`: the verification of this browser that the callback belongs to. An expired one is not
    found.
    """
    nonce = parameters.get("nonce", "")
    if not nonce or (own is not None and own.nonce == nonce):
        return None
    # The index of status and start leads to few rows, so the nonce needs none.
    oldest = timezone.now() - conf.PLASGATE_IP_ATTEMPT_LIFETIME
    pending = PhoneVerification.objects.on_primary().filter(status=Status.PENDING)
    return pending.filter(created_at__gte=oldest, nonce=nonce).first()


def refusal_cause(
    parameters: Mapping[str, str], verification: PhoneVerification, private_key: str
) -> str:
    """Return why the callback can't be this verification's, or an empty text if it is plausible.

    `parameters`: from `read`. `private_key`: the private half of the keys for the exchange. The
    cause is a short code for the log.
    """
    has_code = bool(parameters.get("code") and parameters.get("state"))
    if not has_code and not _error_text(parameters):
        return "malformed"
    # SECURITY: tenants on hosts of one domain may share a session. The keys of one tenant must not
    # finish a verification that another tenant's keys started.
    if verification.key_fingerprint != fingerprint(private_key):
        return "other_keys"
    nonce = parameters.get("nonce", "")
    if verification.nonce and not constant_time_compare(nonce, verification.nonce):
        return "nonce"
    if parameters.get("private_key", private_key) != private_key:
        return "private_key"
    sent = verification.redirect_uri
    if not is_same_redirect_uri(sent, parameters.get("redirect_uri", sent)):
        return "redirect_uri"
    return ""


def is_same_redirect_uri(sent: str, echoed: str) -> bool:
    """Whether `echoed`, from the callback, names the place of the `redirect_uri` that was sent.

    PlasGate may spell it differently: the scheme, the host's case, the default port and the last
    slash. The query of `sent`, our nonce, may be missing.
    """
    try:
        has_same_place = _place(sent) == _place(echoed)
        has_no_other_query = urlsplit(echoed).query in ("", urlsplit(sent).query)
    except ValueError:
        return False
    return has_same_place and has_no_other_query


def end_before_exchange(
    request: HttpRequest, parameters: Mapping[str, str], verification: PhoneVerification
) -> Verdict | None:
    """Return the verdict that a plausible callback brings by itself, or None to exchange."""
    if stale := verification.stale_reason:
        return Verdict(stale)
    # SECURITY: if another account has signed in since the start, it must not get this number. In a
    # hand-off, the phone may be signed in to any account, because the result is not for that one.
    account = browser_session.account_of(request)
    if not verification.is_handed_over and verification.user_id != account:
        return Verdict(Reason.USER_CHANGED)
    error = _error_text(parameters)
    if not error:
        return None
    text = clean_text(parameters.get("error_description")) or error
    if is_about_network(text):
        return Verdict(Reason.NOT_ON_MOBILE_DATA, text)
    is_fault = error.lower() in _FAULTS
    return Verdict(Reason.PROVIDER_ERROR if is_fault else Reason.PROVIDER_DENIED, text)


def _is_short_line(value: str) -> bool:
    return len(value) <= MAX_LENGTH and value.isprintable()


def _error_text(parameters: Mapping[str, str]) -> str:
    return clean_text(parameters.get("error"))


def _place(uri: str) -> tuple[object, ...]:
    """Return what two spellings of one URI have in common. Raises ValueError."""
    parts = urlsplit(uri)
    port = None if parts.port == _DEFAULT_PORTS.get(parts.scheme) else parts.port
    scheme = "http" if parts.scheme in _DEFAULT_PORTS else parts.scheme
    path = parts.path.removesuffix("/")
    return scheme, parts.username, parts.password, parts.hostname, port, path, parts.fragment
