"""The handle: what an app without cookies has in place of a session.

The row stores a hash of it as ``session_id``, and an empty ``callback_session_id``. So no browser
finds the row by its session, gets its callback, ends it with a start, or claims it at a login.
"""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from django_plasgate_ip.exceptions import InvalidCallback, VerificationNotFound
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Status
from django_plasgate_ip.redaction import Hidden
from django_plasgate_ip.verification import (
    browser_session,
    callback,
    exchange,
    refusal,
    transitions,
)

# SECURITY: the ids of sessions have no colon, so no session can have the id of a handle.
_PREFIX = "app:"
# Base64 digits of the hash that fit beside the prefix: 168 bits.
_DIGITS = 28


def new() -> str:
    """Return a new handle of 256 random bits. Its repr hides it."""
    return Hidden(secrets.token_urlsafe(32))


def session_id_of(handle: str) -> str:
    """Return the ``session_id`` of this handle's verification, which has 32 characters.

    The hash has no key and no salt, because a handle is random and too long to guess.
    """
    digest = sha256(handle.encode(errors="replace")).digest()
    return _PREFIX + urlsafe_b64encode(digest).decode()[:_DIGITS]


def find(request: HttpRequest, pk: Any, handle: Any) -> PhoneVerification | None:
    """Return the verification `pk` if `handle` and the request's account are its own, or None.

    A verification without an account was started by an anonymous request. Only anonymous requests
    find it.
    """
    verification = by_pk(pk)
    given = session_id_of(handle if isinstance(handle, str) else "")
    # SECURITY: the same work for a wrong handle, another account and an unknown id.
    stored = verification.session_id if verification else ""
    is_right = constant_time_compare(given, stored)
    if (
        verification is None
        or not is_right
        or verification.user_id != browser_session.account_of(request)
    ):
        return None
    return verification


def find_readable(request: HttpRequest, pk: Any, handle: Any) -> PhoneVerification | None:
    """Return the verification if its account asks. Without an account, do what `find` does."""
    verification = by_pk(pk)
    if verification is None or verification.user_id is None:
        return find(request, pk, handle)
    is_owner = verification.user_id == browser_session.account_of(request)
    return verification if is_owner else None


def complete(
    request: HttpRequest, pk: Any, handle: str, parameters: Mapping[str, str]
) -> PhoneVerification:
    """Do what `flow.complete_for_app` does, with the parameters from `callback.from_app`."""
    verification = find(request, pk, handle)
    account = browser_session.account_of(request)
    if verification is None:
        refusal.log("handle", by_pk(pk), account)
        raise VerificationNotFound("No verification has this id, this handle and this account.")
    if verification.status != Status.PENDING:
        return transitions.ended_if_stale(verification, request=None) or verification
    # Other requests must see the claim while this one waits for the operator.
    transitions.require_no_transaction()
    client = exchange.client_for(request)
    if cause := callback.refusal_cause(parameters, verification, client.private_key):
        refusal.log(cause, verification, account)
        raise InvalidCallback(f"The code and the state can't be used: {cause}.")
    end = callback.end_before_exchange(request, parameters, verification)
    # SECURITY: receivers get no request. One that logs in the request's user, or writes a message
    # to its session, would set a cookie.
    return exchange.finish(client, parameters, verification, end, request=None)


def by_pk(pk: Any) -> PhoneVerification | None:
    """Return the verification with this primary key, or None, also for text that is no UUID."""
    try:
        return PhoneVerification.objects.on_primary().filter(pk=pk).first()
    except ValidationError:
        return None
