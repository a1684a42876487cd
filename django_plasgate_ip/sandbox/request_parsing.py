"""Reads the two requests: each function returns one checked value or raises."""

import json
import re
from collections.abc import Mapping, Set
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from django_plasgate_ip.sandbox import scopes
from django_plasgate_ip.sandbox.conf import conf
from django_plasgate_ip.sandbox.exceptions import Malformed, Refused, UnusableNumber

# What RFC 3986 leaves of a URL: printable ASCII without a space. Also keeps control characters
# out of the Location header and NUL out of the database.
_URL_TEXT = re.compile(r"[!-~]+")
# E.164 without the plus sign. [0-9] and not \d, which takes the digits of every script.
_DIGITS = re.compile(r"[1-9][0-9]{7,14}")


def check_private_key(given: str) -> None:
    """Raise `Refused` unless `given` is the sandbox's ``private_key``."""
    if not _same_secret(given, conf.PLASGATE_IP_SANDBOX_PRIVATE_KEY):
        raise Refused("private_key is missing or wrong.")


def check_secret(request: HttpRequest) -> None:
    """Raise `Refused` unless the ``X-Secret`` header is the sandbox's."""
    if not _same_secret(request.headers.get("X-Secret", ""), conf.PLASGATE_IP_SANDBOX_SECRET_KEY):
        raise Refused("The X-Secret header is missing or wrong.")


def redirect_uri(query: Mapping[str, str]) -> str:
    """Return the absolute http(s) URL to send the visitor back to, byte for byte as it came.

    Raises `Malformed`, which never redirects: there is nobody safe to redirect to.
    """
    uri = query.get("redirect_uri", "")
    # RFC 6749, 3.1.2: absolute, and without a fragment.
    if not _URL_TEXT.fullmatch(uri) or "#" in uri or not _is_absolute(uri):
        raise Malformed("redirect_uri must be an absolute http or https URL without a fragment.")
    return uri


def phone_number(query: Mapping[str, str], granted: Set[str]) -> str:
    """Return the number in digits, or ``""`` where none was sent and no scope needs one.

    It may come as ``phone_number`` (the API page's table, the SDKs), as ``login_hint`` (the
    page's prose), or as both. Raises `UnusableNumber`.
    """
    given = {query[name] for name in ("phone_number", "login_hint") if query.get(name)}
    if len(given) > 1:
        raise UnusableNumber("phone_number and login_hint differ")
    number = "".join(given)
    if not number and scopes.need_number(granted):
        raise UnusableNumber("login_hint is required for the scopes phone_verify and profile")
    if number and not _DIGITS.fullmatch(number):
        raise UnusableNumber("login_hint must be digits with the country code, without a plus")
    return number


def json_body(request: HttpRequest) -> dict[str, str]:
    """Return the text members of the JSON object in the body; others count as missing.

    Raises `Malformed` for a body that is not a JSON object.
    """
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):  # bad bytes are a ValueError, deep nesting is not
        body = None
    if not isinstance(body, dict):
        raise Malformed("The body must be a JSON object.")
    return {name: value for name, value in body.items() if isinstance(value, str)}


def _same_secret(given: str, expected: str) -> bool:
    # JSON can spell a lone surrogate, which the comparison's own encoding would raise for.
    return constant_time_compare(given.encode(errors="surrogatepass"), expected)


def _is_absolute(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
    except ValueError:  # brackets that hold no IPv6 address
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
