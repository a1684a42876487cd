"""What ``ip-auth`` answers: the API page's shapes and, on request, everything else."""

import secrets
import time
import uuid
from hashlib import sha256, sha512
from typing import Any

from django.http import HttpResponse, JsonResponse

from django_plasgate_ip.sandbox.conf import conf
from django_plasgate_ip.sandbox.exceptions import Refused
from django_plasgate_ip.sandbox.magic_numbers import Outcome
from django_plasgate_ip.sandbox.models import AuthorizationCode

Claims = dict[str, Any]

# Whom the network finds where no number was sent: the API page's example.
SUBSCRIBER = Outcome.VERIFIED.phone_number

# The API page's example of a person.
PROFILE: Claims = {
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

FAILURES = {
    Outcome.NOT_ON_MOBILE_DATA: "Please turn off Wi-Fi or use Mobile data network",
    Outcome.ANOTHER_SIM: "Phone number is not verified",
}


def respond(code: AuthorizationCode) -> HttpResponse:
    """Return the response to the exchange of `code`; raises `Refused` where it is a 403."""
    outcome = Outcome.of(code.phone_number)
    if outcome is Outcome.KEYS_REFUSED:
        raise Refused("Please check your private key and secret key.")
    if outcome is Outcome.SERVER_ERROR:
        return page("Internal Server Error", "The operator failed.", status=500)
    if outcome is Outcome.GARBAGE:
        return page("Welcome", "This is not the answer that the API page describes.")
    if outcome is Outcome.NO_ANSWER_IN_TIME:
        time.sleep(conf.PLASGATE_IP_SANDBOX_DELAY)
    if outcome in FAILURES:
        return JsonResponse(failure(code.phone_number, FAILURES[outcome]))
    return JsonResponse(success(code, outcome))


def success(code: AuthorizationCode, outcome: Outcome) -> Claims:
    """Return the API page's successful answer, with the claims that the scopes ask for."""
    another = outcome is Outcome.ANOTHER_NUMBER
    number = SUBSCRIBER if another else code.phone_number or SUBSCRIBER
    claims: dict[str, Claims] = {
        "phone_verify": {"login_hint": number, "phone_number_verified": "true"},
        "mobile_id": {"mobile_id": _mobile_id(number, outcome)},
        "phone": {"phone_number": number},
        "profile": PROFILE,
    }
    answer: Claims = {"error_description": " ", "sid": _sid(), "status": "success"}
    for scope in sorted(code.granted):
        answer |= claims[scope]
    return answer | {"sub": _sub(number)}


def failure(phone_number: str, description: str) -> Claims:
    """Return the API page's failed answer, whole whatever the scopes.

    The ``mobile_id`` is on that page too. It proves nothing, and an app that takes it for a
    success has a hole: this is the answer to try that with.
    """
    return {
        "error_description": description,
        "login_hint": phone_number,
        "mobile_id": _mobile_id(phone_number),
        "phone_number_verified": "false",
        "sid": _sid(),
        "status": "failed",
        "sub": "anonymous",
    }


def page(title: str, text: str, status: int = 200) -> HttpResponse:
    """Return a small HTML page of the operator; `title` and `text` are this package's own."""
    return HttpResponse(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n</head>\n"
        f"<body>\n<main>\n<h1>{title}</h1>\n<p>{text}</p>\n</main>\n</body>\n</html>\n",
        status=status,
    )


def _mobile_id(number: str, outcome: Outcome = Outcome.VERIFIED) -> str:
    """Return 128 hex digits that stay the same for a number, as they do for a SIM in a phone."""
    if outcome is Outcome.NEW_MOBILE_ID:
        return secrets.token_hex(64)
    return sha512(number.encode()).hexdigest()


def _sub(number: str) -> str:
    """Return 64 hex digits that stay the same for a number and one account at PlasGate."""
    return sha256(f"{conf.PLASGATE_IP_SANDBOX_PRIVATE_KEY}{number}".encode()).hexdigest()


def _sid() -> str:
    return str(uuid.uuid4())
