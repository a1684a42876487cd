"""The public API of a verification: `begin`, `complete`, `latest`, `find`.

Async views have `abegin` and `acomplete`.

A site with its own form and pages needs no other module. The state is one database row and one
small id in the session, so any worker on any machine can take the next step.
"""

import logging
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.utils import translation
from django.views.decorators.debug import sensitive_variables

from django_plasgate_ip import phones, redirects
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.client import PlasGateClient, credentials
from django_plasgate_ip.conf import conf
from django_plasgate_ip.encryption import cipher
from django_plasgate_ip.exceptions import ExchangeError, InvalidCallback
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason, Status
from django_plasgate_ip.redaction import Hidden
from django_plasgate_ip.security_events import SecurityEvent, record
from django_plasgate_ip.verification import (
    browser_session,
    callback,
    connection,
    limits,
    transitions,
    verdict,
)
from django_plasgate_ip.verification.verdict import Verdict

logger = logging.getLogger("django_plasgate_ip")


@dataclass(frozen=True)
class StartedVerification:
    """What `begin` returns: the verification, and the URL to redirect the browser to."""

    verification: PhoneVerification
    #: It contains the number and the private key, so the repr leaves it out.
    authorize_url: str = field(repr=False)


def begin(
    request: HttpRequest,
    phone_number: Any = None,
    scopes: str | Iterable[str] | None = None,
    next_url: str = "",
) -> StartedVerification:
    """Start a verification for this request's user and session.

    `phone_number`: in any form that `phones.parse` reads. It is required if the scopes need a
    number, and ignored otherwise. `scopes`: by default ``PLASGATE_IP_SCOPES``. `next_url`: where
    the visitor is redirected after a success; ignored unless it is on this site. Live verifications
    of this session end.

    Raises `InvalidPhoneNumber`, `InvalidScopes`, `TooManyStarts`, and ImproperlyConfigured for
    missing keys; then nothing is stored. Inside a transaction, the limits are not exact.
    """
    names = scope_sets.normalise(conf.PLASGATE_IP_SCOPES if scopes is None else scopes)
    # SECURITY: an error tracker stores local variables. From here on, their repr hides the number.
    # `sensitive_variables` would keep the argument itself in a frame of its own.
    phone_number = phones.parse(phone_number or "") if scope_sets.needs_number(names) else ""
    session_id = browser_session.get_session_id(request) or browser_session.new_session_id(request)
    verification = PhoneVerification(
        user_id=request.user.pk if request.user.is_authenticated else None,
        phone_number=phone_number,
        scopes=" ".join(names),
        session_id=session_id,
        callback_session_id=session_id,
        next_url=redirects.safe_next(request, next_url),
    )
    started = launch(request, verification, signal_request=request)
    browser_session.remember(request, session_id)
    return started


def launch(
    request: HttpRequest, verification: PhoneVerification, signal_request: HttpRequest | None
) -> StartedVerification:
    """Store a verification whose owner, number and scopes are set, and build its authorize URL.

    `request`: the request of the browser that is redirected to PlasGate. `signal_request`: the
    request that receivers get for the verifications that this start ends. Raises what `begin`
    raises.
    """
    client = _client(request)
    verification.key_fingerprint = credentials.fingerprint(client.private_key)
    has_nonce = redirects.has_nonce(verification.scopes.split())
    verification.nonce = secrets.token_urlsafe(16) if has_nonce else ""
    verification.redirect_uri = redirects.redirect_uri(request, verification.nonce)
    verification.language = translation.get_language() or ""
    verification.address = limits.address_of(request)
    url = _authorize_url(client, verification)
    transitions.store(verification, signal_request)
    return StartedVerification(verification, url)


@sensitive_variables()
def complete(request: HttpRequest) -> PhoneVerification:
    """Finish this session's verification with the code in `request`, the callback.

    Returns the finished verification; ``just_ended`` is True if this call ended it. A repeated
    callback gets the stored result. The verification is returned unfinished (``is_live``) while
    another request exchanges the code, and if the callback is not plausible: then nothing has
    changed.

    Raises `InvalidCallback` if this session has no verification. Raises RuntimeError inside a
    transaction, because it calls the provider: decorate your view with ``non_atomic_requests``.
    Call it for a GET only: a HEAD or a prefetch must not spend the code.

    While it waits, it holds no connection to the database that it writes to, unless
    ``CONN_MAX_AGE`` keeps connections. So what your view has set in that connection is lost, such
    as ``SET ROLE``. If the database fails when the answer is saved, it tries again, at most until
    the exchange counts as interrupted. Then it raises the database's error.
    """
    parameters = callback.read(request)
    session_id = browser_session.get_session_id(request)
    verifications = PhoneVerification.objects.on_primary()
    verification = verifications.for_callback(session_id, parameters.get("nonce", ""))
    if others := _end_in_wrong_browser(request, parameters, verification):
        return _refuse(request, verification, "wrong_browser", about=others)
    if verification is None:
        return _refuse(request, None, "no_verification", about=None)
    if verification.status != Status.PENDING:
        return verification
    # Other requests must see the claim while this one waits for the operator.
    transitions.require_no_transaction()
    client = _client(request)
    # SECURITY: a link of somebody else must not end a visitor's verification. Only a code or an
    # error that may be PlasGate's does.
    if cause := callback.refusal_cause(parameters, verification, client.private_key):
        return _refuse(request, verification, cause, about=verification)
    end = callback.end_before_exchange(request, parameters, verification)
    if end is None:
        if not transitions.claim(verification):
            return _stored(verification)
        connection.release()
        end = _exchange(client, parameters, verification)
    if not transitions.finish(verification, end, request, autocommit=True):
        return _stored(verification)
    verification.just_ended = True
    return verification


async def abegin(
    request: HttpRequest,
    phone_number: Any = None,
    scopes: str | Iterable[str] | None = None,
    next_url: str = "",
) -> StartedVerification:
    """Do what `begin` does, for an async view."""
    # SECURITY: an error tracker stores the variables of this frame, and of the thread's.
    phone_number = Hidden(phone_number) if isinstance(phone_number, str) else phone_number
    return await sync_to_async(begin)(request, phone_number, scopes, next_url)


@sensitive_variables()
async def acomplete(request: HttpRequest) -> PhoneVerification:
    """Do what `complete` does, for an async view. A thread waits for the provider meanwhile."""
    return await sync_to_async(complete)(request)


def latest(request: HttpRequest) -> PhoneVerification | None:
    """Return this session's newest verification in any status, or None."""
    session_id = browser_session.get_session_id(request)
    return PhoneVerification.objects.on_primary().for_session(session_id).first()


def find(request: HttpRequest, pk: Any) -> PhoneVerification | None:
    """Return the verification `pk` if it belongs to this user or this session; None otherwise.

    In a hand-off, it is also returned to the phone that confirms it for a computer. A verification
    that can't continue is ended first.
    """
    same = PhoneVerification.objects.on_primary().filter(pk=pk)
    verification = same.first()
    if verification is None or not (
        browser_session.is_own(request, verification)
        or browser_session.is_carrier(request, verification)
    ):
        return None
    if verification.stale_reason is None or transitions.finish_if_stale(verification, request):
        return verification
    return same.first()


def authorize_url(request: HttpRequest, verification: PhoneVerification) -> str:
    """Return the URL at PlasGate for a pending verification.

    The URL contains the number. It is an empty text if other keys than this request's started the
    verification, because its callback would be refused. Raises ImproperlyConfigured.
    """
    client = _client(request)
    is_same = verification.key_fingerprint == credentials.fingerprint(client.private_key)
    return _authorize_url(client, verification) if is_same else ""


def is_verified(request: HttpRequest, max_age: timedelta | None = None) -> bool:
    """Whether this request's user, or its anonymous session, has a confirmed number.

    A row of the scope ``mobile_id`` alone has none. An account's unacknowledged changes do not
    matter (see `has_changed`).
    `max_age`: completed no longer ago than this; None: at any time.
    """
    verifications = PhoneVerification.objects.on_primary()
    if request.user.is_authenticated:
        return verifications.is_verified(request.user, max_age=max_age)
    session = verifications.for_session(browser_session.get_session_id(request))
    return session.filter(user=None).proves(max_age=max_age)


def last_verified(request: HttpRequest) -> PhoneVerification | None:
    """Return the newest verification that `is_verified` counts for this request, or None."""
    confirmed = PhoneVerification.objects.on_primary().with_confirmed_number()
    if request.user.is_authenticated:
        confirmed = confirmed.for_user(request.user)
    else:
        session_id = browser_session.get_session_id(request)
        confirmed = confirmed.for_session(session_id).filter(user=None)
    return confirmed.order_by("-completed_at").first()


def has_changed(request: HttpRequest) -> bool:
    """Whether this request's user has a change that nobody has acknowledged.

    It is another SIM or device, another number, or a verification that a login claimed.
    """
    verifications = PhoneVerification.objects.on_primary().for_user(request.user)
    return verifications.with_unacknowledged_change().exists()


def _client(request: HttpRequest) -> PlasGateClient:
    """Return a client with this request's keys. Raises ImproperlyConfigured."""
    # An invalid encryption key must fail here. Later the code would be spent, and the answer lost.
    cipher()
    keys = credentials.for_request(request)
    return PlasGateClient(keys.private_key, keys.secret_key)


def _authorize_url(client: PlasGateClient, verification: PhoneVerification) -> str:
    scopes, number = verification.scopes.split(), verification.phone_number
    return Hidden(client.authorize_url(verification.redirect_uri, scopes, number))


def _end_in_wrong_browser(
    request: HttpRequest, parameters: Mapping[str, str], own: PhoneVerification | None
) -> PhoneVerification | None:
    """End the pending verification of another browser that the callback's nonce names.

    Return it, or None if there is none or the callback is not plausible for it. `own`: the
    verification of this browser, or None.
    """
    others = callback.find_elsewhere(parameters, own)
    if others is None:
        return None
    if callback.refusal_cause(parameters, others, _client(request).private_key):
        return None
    # SECURITY: the person who started could still use this code, with which another person may have
    # come back. Receivers do not get this request, because it is not the starting visitor's.
    is_ended = transitions.finish(others, Verdict(Reason.WRONG_BROWSER), request=None)
    return others if is_ended else None


def _refuse(
    request: HttpRequest,
    verification: PhoneVerification | None,
    cause: str,
    about: PhoneVerification | None,
) -> PhoneVerification:
    """Record a refused callback `about` a verification, and return this session's, unchanged.

    A visit without a query is not recorded. Raises `InvalidCallback` if this session has none.
    """
    if request.META.get("QUERY_STRING"):
        ids = {"verification": about.pk if about else None, "user": request.user.pk}
        record(SecurityEvent.CALLBACK_REFUSED, **ids, cause=cause)
    if verification is None:
        raise InvalidCallback("This session has no verification.")
    return verification


def _exchange(
    client: PlasGateClient, parameters: Mapping[str, str], verification: PhoneVerification
) -> Verdict:
    """Exchange the code. No transaction may be open, and no row locked, while this waits."""
    code, state = parameters["code"], parameters["state"]
    try:
        answer = client.exchange(code, state, verification.redirect_uri)
    except ExchangeError as error:
        logger.error("Verification %s: %s (%s)", verification.pk, error, error.reason)
        return Verdict(Reason(error.reason), error.error_description)
    number = verification.phone_number
    return verdict.judge(answer, verification.scopes.split(), phones.e164(number) if number else "")


def _stored(verification: PhoneVerification) -> PhoneVerification:
    """Return the row as another request left it. Raises `InvalidCallback` if it was deleted."""
    stored = PhoneVerification.objects.on_primary().filter(pk=verification.pk).first()
    if stored is None:
        raise InvalidCallback("The verification has been deleted.")
    return stored
