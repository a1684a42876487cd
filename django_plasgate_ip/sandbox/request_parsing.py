"""Reads the two requests: each function returns one checked value or raises.

The errors' texts repeat nothing that the request said.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from django_plasgate_ip import scopes
from django_plasgate_ip.exceptions import InvalidScopes
from django_plasgate_ip.sandbox.conf import conf

# The characters that RFC 3986 allows in a URL: printable ASCII without a space. This also keeps
# control characters out of the Location header and NUL out of the database.
_URL_TEXT = re.compile(r"[!-~]+")
# E.164 without the plus sign. [0-9] and not \d, which takes the digits of every script.
_DIGITS = re.compile(r"[1-9][0-9]{7,14}")


class Refused(Exception):
    """The request gets an error response, and the browser is not sent back."""

    status_code: ClassVar[int] = 403


class Malformed(Refused):
    """The request can't be read, or names no safe URL to send the browser back to."""

    status_code = 400


class UnusableNumber(Exception):
    """The number is missing, malformed or ambiguous. The browser is sent back with this error."""


def check_private_key(given: str) -> None:
    """Raise `Refused` unless `given` is the sandbox's ``private_key``."""
    if not _same_secret(given, conf.PLASGATE_IP_SANDBOX_PRIVATE_KEY):
        raise Refused("private_key is missing or wrong.")


def check_secret(request: HttpRequest) -> None:
    """Raise `Refused` unless the ``X-Secret`` header is the sandbox's."""
    if not _same_secret(request.headers.get("X-Secret", ""), conf.PLASGATE_IP_SANDBOX_SECRET_KEY):
        raise Refused("The X-Secret header is missing or wrong.")


def redirect_uri(query: Mapping[str, str]) -> str:
    """Return the absolute http(s) URL to send the browser back to, byte for byte as it came.

    Raises `Malformed`.
    """
    uri = query.get("redirect_uri", "")
    # RFC 6749, 3.1.2: absolute, and without a fragment.
    if not _URL_TEXT.fullmatch(uri) or "#" in uri or not _is_absolute(uri):
        raise Malformed("redirect_uri must be an absolute http or https URL without a fragment.")
    return uri


def requested_scopes(query: Mapping[str, str]) -> list[str]:
    """Return the scopes that were asked for. Raises `Malformed` for a set that is not legal."""
    scope = query.get("scope", "")
    try:
        scopes.normalise(scope)
    except InvalidScopes:
        raise Malformed(
            f"scope must have at least one of {' '.join(scopes.CUSTOM)}, and may have no others"
            f" than {' '.join(scopes.KNOWN)}."
        ) from None
    return scope.split()


def phone_number(query: Mapping[str, str], requested: Iterable[str]) -> str:
    """Return the number in digits, or ``""`` if none was sent and no scope needs one.

    It may come as ``phone_number`` (the API page's table, the SDKs), as ``login_hint`` (the
    page's prose), or as both. Raises `UnusableNumber`.
    """
    given = {query[name] for name in ("phone_number", "login_hint") if query.get(name)}
    if len(given) > 1:
        raise UnusableNumber("phone_number and login_hint differ")
    number = "".join(given)
    if not number and scopes.needs_number(requested):
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
    # JSON can spell a lone surrogate, for which the comparison's own encoding would raise.
    return constant_time_compare(given.encode(errors="surrogatepass"), expected)


def _is_absolute(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
    except ValueError:  # brackets around something that is not an IPv6 address
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
