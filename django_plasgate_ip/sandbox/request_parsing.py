"""Reads the two requests: each function returns one checked value or raises.

The errors' texts repeat no value of the request.
"""

import json
import re
from collections.abc import Iterable, Mapping

from django.http import HttpRequest

from django_plasgate_ip import scopes
from django_plasgate_ip.exceptions import InvalidScopes

# RFC 6749, 3.1.2: absolute, and without a fragment. Only printable ASCII is allowed, so no control
# character gets into the Location header or the database.
_REDIRECT_URI = re.compile(
    r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]+)?([/?][!-\"$-~]*)?", re.IGNORECASE
)
# E.164 without the plus sign. \d would match the digits of every script.
_DIGITS = re.compile(r"[1-9][0-9]{7,14}")


class Refused(Exception):
    """The request gets an error response, and the browser is not sent back."""

    def __init__(self, error_description: str, status: int = 403) -> None:
        super().__init__(error_description)
        self.status = status


class UnusableNumber(Exception):
    """The number is missing, malformed or ambiguous. The browser is sent back with this error."""


def redirect_uri(query: Mapping[str, str]) -> str:
    """Return the absolute http(s) URL to send the browser back to, unchanged.

    Raises `Refused`.
    """
    uri = query.get("redirect_uri", "")
    if not _REDIRECT_URI.fullmatch(uri):
        raise Refused("redirect_uri must be an absolute http or https URL without a fragment.", 400)
    return uri


def requested_scopes(query: Mapping[str, str]) -> list[str]:
    """Return the requested scopes. Raises `Refused` for a set that the API page does not allow."""
    scope = query.get("scope", "")
    try:
        scopes.normalise(scope)
    except InvalidScopes:
        raise Refused(
            f"scope must have at least one of {' '.join(scopes.CUSTOM)}, and only values of"
            f" {' '.join(scopes.KNOWN)}.",
            400,
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
    """Return the members of the JSON object in the body that are text.

    Raises `Refused` for a body that is not a JSON object.
    """
    try:
        members = json.loads(request.body).items()
    except (ValueError, AttributeError):
        raise Refused("The body must be a JSON object.", 400) from None
    return {name: value for name, value in members if isinstance(value, str)}
