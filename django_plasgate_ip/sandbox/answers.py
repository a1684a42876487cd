"""PlasGate's answers, in the form of its API page. Every fake of PlasGate uses them.

The sandbox, `django_plasgate_ip.testing` and this project's own tests build their answers here. The
module needs neither the sandbox in INSTALLED_APPS nor the extra ``testing``. It imports nothing of
the app that reads the answers, except the names of the scopes.
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256, sha512
from typing import Any

from django_plasgate_ip.scopes import bare

#: The API page's example number, as digits. The operator finds it if no number was sent.
DIGITS = "85577696118"
#: The API page's sentence. The app recognises this failure by it.
NOT_ON_MOBILE_DATA = "Please turn off Wi-Fi or use Mobile data network"
NOT_VERIFIED = "Phone number is not verified"

#: The API page's example of a person.
PROFILE: dict[str, Any] = {
    "given_name": "Teak",
    "family_name": "Omeng",
    "birthdate": "1985-07-10",
    "gender": "male",
    "personal_identification_number": "1234567890",
    "address": {
        "street_address": "30 7th 594",
        "locality": "Phnom Penh City",
        "postal_code": "12000",
    },
}

#: The query of a callback without a code.
DENIED = {"error": "access_denied", "error_description": "The user denied the request"}


@dataclass(frozen=True)
class Reply:
    """One HTTP response of the exchange."""

    content: bytes = field(repr=False)
    status: int = 200
    content_type: str = "text/html; charset=utf-8"


def json_reply(value: Any, status: int = 200) -> Reply:
    """Return the reply with `value` as JSON. Raises TypeError for a value that JSON can't hold."""
    return Reply(json.dumps(value).encode(), status, "application/json")


def _page(title: str, status: int = 200) -> Reply:
    html = f'<!doctype html>\n<html lang="en"><title>{title}</title><h1>{title}</h1></html>\n'
    return Reply(html.encode(), status)


#: The API page: "please check your private key and secret key".
KEYS_REFUSED = json_reply(
    {"error_description": "Please check your private key and secret key."}, 403
)
TOO_MANY_REQUESTS = _page("Too Many Requests", 429)
SERVER_ERROR = _page("Internal Server Error", 500)
#: The status of a success, without the JSON that the API page describes.
NOT_JSON = _page("Welcome")


def mobile_id(digits: str) -> str:
    """Return 128 hex digits, the same each time for one number, as for one SIM in one phone."""
    return sha512(digits.encode()).hexdigest()


def sub(digits: str) -> str:
    """Return 64 hex digits, the same each time for one number."""
    return sha256(digits.encode()).hexdigest()


def success(digits: str, scopes: Iterable[str]) -> dict[str, Any]:
    """Return a success about the number `digits`, with the claims of the scopes."""
    claims: dict[str, dict[str, Any]] = {
        "phone_verify": {"login_hint": digits, "phone_number_verified": "true"},
        "mobile_id": {"mobile_id": mobile_id(digits)},
        "phone": {"phone_number": digits},
        "profile": PROFILE,
    }
    answer = {
        "error_description": " ",
        "sid": str(uuid.uuid4()),
        "status": "success",
        "sub": sub(digits),
    }
    wanted = bare(scopes)
    for scope, its_claims in claims.items():
        answer |= its_claims if scope in wanted else {}
    return answer


def failure(digits: str, error_description: str) -> dict[str, Any]:
    """Return a failure about the number `digits`; it is the same for all scopes.

    The API page's failure has a ``mobile_id`` too. It proves nothing.
    """
    return {
        "error_description": error_description,
        "login_hint": digits,
        "mobile_id": mobile_id(digits),
        "phone_number_verified": "false",
        "sid": str(uuid.uuid4()),
        "status": "failed",
        "sub": "anonymous",
    }


def changed(answer: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `answer` with `changes`; a change to None leaves the name out."""
    return {name: value for name, value in {**answer, **changes}.items() if value is not None}


def callback(code: str, state: str, *, private_key: str, redirect_uri: str) -> dict[str, str]:
    """Return the query of a callback with a code: the API page's first "Example Response"."""
    return {
        "code": code,
        "private_key": private_key,
        "redirect_uri": redirect_uri,
        "session_state": code.split(".")[1],
        "state": state,
    }


def new_code() -> str:
    """Return a code as on the API page: three UUIDs with dots between them."""
    return ".".join(str(uuid.uuid4()) for _ in range(3))
