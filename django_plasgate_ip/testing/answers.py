"""What PlasGate says to an exchange, in the shapes of the API page ("Scopes Explained").

Of its own accord, and so without the sandbox: the two meet the app over HTTP alone.
"""

import uuid
from collections.abc import Iterable, Mapping
from hashlib import sha256, sha512
from typing import Any

from django_plasgate_ip import scopes as scope_sets

#: The API page's example, as digits; whom the network finds where no number was sent.
DIGITS = "85577696118"
NUMBER = f"+{DIGITS}"
#: The API page's sentence, by which the app tells this "no" from another.
NOT_ON_MOBILE_DATA = "Please turn off Wi-Fi or use Mobile data network"
NOT_VERIFIED = "Phone number is not verified"

# The API page's example of a person.
_PROFILE = {
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


def mobile_id(digits: str) -> str:
    """Return 128 hex digits, the same each time for one number, as for a SIM in one phone."""
    return sha512(digits.encode()).hexdigest()


def sub(digits: str) -> str:
    """Return 64 hex digits, the same each time for one number."""
    return sha256(digits.encode()).hexdigest()


def success(
    digits: str, scopes: Iterable[str], changes: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a success about the number `digits`, with the claims that the scopes ask for.

    `changes` replaces claims or adds some; None leaves one out.
    """
    claims: dict[str, dict[str, Any]] = {
        "phone_verify": {"login_hint": digits, "phone_number_verified": "true"},
        "mobile_id": {"mobile_id": mobile_id(digits)},
        "phone": {"phone_number": digits},
        "profile": _PROFILE,
    }
    answer = {"error_description": " ", "sid": str(uuid.uuid4()), "status": "success"}
    wanted = scope_sets.bare(scopes)
    for scope, its_claims in claims.items():
        answer |= its_claims if scope in wanted else {}
    answer |= {"sub": sub(digits)} | dict(changes or {})
    return {name: value for name, value in answer.items() if value is not None}


def failure(digits: str, text: str) -> dict[str, Any]:
    """Return a failure about the number `digits`, whole whatever the scopes.

    The ``mobile_id`` is on the API page, too. It proves nothing, and must enrol nobody.
    """
    return {
        "error_description": text,
        "login_hint": digits,
        "mobile_id": mobile_id(digits),
        "phone_number_verified": "false",
        "sid": str(uuid.uuid4()),
        "status": "failed",
        "sub": "anonymous",
    }
