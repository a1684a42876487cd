"""Start a verification: make its row, build its authorize URL, and store it."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.utils import translation

from django_plasgate_ip import phones
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.client import credentials
from django_plasgate_ip.conf import conf
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import browser_session, exchange, limits, transitions


def new(
    request: HttpRequest, phone_number: Any, scopes: str | Iterable[str] | None, **columns: Any
) -> PhoneVerification:
    """Return a verification of this request's account, which is not stored.

    `phone_number` and `scopes`: as for `flow.begin`. Raises `InvalidPhoneNumber` and
    `InvalidScopes`.
    """
    names = scope_sets.normalise(conf.PLASGATE_IP_SCOPES if scopes is None else scopes)
    return PhoneVerification(
        user_id=browser_session.account_of(request),
        phone_number=phones.accept(phone_number or "") if scope_sets.needs_number(names) else "",
        scopes=" ".join(names),
        **columns,
    )


def launch(request: HttpRequest, verification: PhoneVerification) -> str:
    """Store a new verification, and return its authorize URL.

    Its owner, number, scopes, session ids, nonce and redirect URI are set. `request`: of the
    browser or the app that opens the URL. Raises what `flow.begin` raises.
    """
    client = exchange.client_for(request)
    verification.key_fingerprint = credentials.fingerprint(client.private_key)
    verification.language = translation.get_language() or ""
    verification.address = limits.address_of(request)
    url = exchange.authorize_url(client, verification)
    # SECURITY: in a hand-off, this is the phone's request. A receiver of the signals for the
    # verifications that end could log the phone in to the computer's account.
    transitions.store(verification, None if verification.is_handed_over else request)
    return url
