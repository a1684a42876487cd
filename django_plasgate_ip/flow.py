"""The public API of a verification: `begin`, `complete`, `latest`, `find`.

A site with its own form and pages needs nothing else. The state is the row and one small id in the
session, so any worker on any machine can take the next step.
"""

import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

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
from django_plasgate_ip.verification import browser_session, callback, limits, transitions, verdict
from django_plasgate_ip.verification.verdict import Verdict

logger = logging.getLogger("django_plasgate_ip")


@dataclass(frozen=True)
class StartedVerification:
    """What `begin` returns: the row, and where to send the visitor's browser."""

    verification: PhoneVerification
    #: Holds the number and the private key, so it is not in the repr.
    authorize_url: str = field(repr=False)


def begin(
    request: HttpRequest,
    phone_number: Any = None,
    scopes: str | Iterable[str] | None = None,
    next_url: str = "",
) -> StartedVerification:
    """Start a verification for this request's user and session.

    `phone_number`: in any form that `phones.parse` reads; required where the scopes need a number,
    ignored elsewhere. `scopes`: by default ``PLASGATE_IP_SCOPES``. `next_url`: where the visitor
    goes once verified; dropped unless it is on this site. A live verification of this session ends.

    Raises `InvalidPhoneNumber`, `InvalidScopes`, `TooManyStarts`, and ImproperlyConfigured for
    missing keys; then nothing is stored. Inside a transaction, limits are not exact.
    """
    names = scope_sets.normalise(conf.PLASGATE_IP_SCOPES if scopes is None else scopes)
    # SECURITY: an error tracker stores local variables. From here on none of them shows a number;
    # `sensitive_variables` would keep the argument itself in its own frame.
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
    """Store a verification that knows its owner, number and scopes, and build its authorize URL.

    `request`: of the browser that goes to PlasGate. `signal_request`: what receivers get for the
    verifications that this start ends. Raises as `begin` does.
    """
    client = _client(request)
    verification.key_fingerprint = credentials.fingerprint(client.private_key)
    verification.nonce = secrets.token_urlsafe(16) if conf.PLASGATE_IP_CALLBACK_NONCE else ""
    verification.redirect_uri = redirects.redirect_uri(request, verification.nonce)
    verification.language = translation.get_language() or ""
    verification.address = limits.address_of(request)
    url = _authorize_url(client, verification)
    transitions.store(verification, signal_request)
    return StartedVerification(verification, url)


@sensitive_variables()
def complete(request: HttpRequest) -> PhoneVerification:
    """Finish this session's verification with the code that `request`, the callback, brings.

    Returns the finished verification; a repeated callback gets the stored one. While another
    request exchanges the code, it is returned unfinished (``is_live``). Raises `InvalidCallback`
    where this session has no verification, and RuntimeError inside a transaction, because it calls
    the provider: decorate your view with ``non_atomic_requests``.
    """
    session_id = browser_session.get_session_id(request)
    verification = PhoneVerification.objects.on_primary().for_callback(session_id)
    if verification is None:
        raise InvalidCallback("This session has no verification.")
    if verification.status != Status.PENDING:
        return verification
    # Other requests have to see the claim while this one waits for the operator.
    transitions.require_no_transaction()
    client = _client(request)
    end = callback.validate(request, verification, client.private_key)
    if end is None:
        if not transitions.claim(verification):
            return _stored(verification)
        end = _exchange(client, request, verification)
    if not transitions.finish(verification, end, request, autocommit=True):
        return _stored(verification)
    return verification


def latest(request: HttpRequest) -> PhoneVerification | None:
    """Return this session's newest verification, whatever its status, or None."""
    session_id = browser_session.get_session_id(request)
    return PhoneVerification.objects.on_primary().for_session(session_id).first()


def find(request: HttpRequest, pk: Any) -> PhoneVerification | None:
    """Return the verification `pk` if it is this user's or this session's own, else None.

    The phone that takes it to PlasGate for a computer may see it, too. A verification that can't
    continue is ended first.
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
    """Return where the browser goes for a pending verification. Raises ImproperlyConfigured.

    The URL holds the number. It is an empty text where other keys than this request's started the
    verification: its callback would be refused.
    """
    client = _client(request)
    is_same = verification.key_fingerprint == credentials.fingerprint(client.private_key)
    return _authorize_url(client, verification) if is_same else ""


def is_verified(request: HttpRequest, max_age: timedelta | None = None) -> bool:
    """Whether this request's user, or anonymous session, was verified, at most `max_age` ago."""
    verifications = PhoneVerification.objects.on_primary()
    if request.user.is_authenticated:
        return verifications.is_verified(request.user, max_age=max_age)
    session = verifications.for_session(browser_session.get_session_id(request))
    return session.filter(user=None).proves(max_age=max_age)


def has_changed(request: HttpRequest) -> bool:
    """Whether this request's user has a changed SIM or device that nobody has acknowledged."""
    verifications = PhoneVerification.objects.on_primary().for_user(request.user)
    return verifications.with_unacknowledged_change().exists()


def _client(request: HttpRequest) -> PlasGateClient:
    """Return the client of this request's keys.

    Raises ImproperlyConfigured for whatever storing the answer needs, before a code is spent.
    """
    cipher()
    keys = credentials.for_request(request)
    return PlasGateClient(keys.private_key, keys.secret_key)


def _authorize_url(client: PlasGateClient, verification: PhoneVerification) -> str:
    scopes, number = verification.scopes.split(), verification.phone_number
    return Hidden(client.authorize_url(verification.redirect_uri, scopes, number))


def _exchange(
    client: PlasGateClient, request: HttpRequest, verification: PhoneVerification
) -> Verdict:
    """Call the provider. No transaction is open now, and no row is locked."""
    code, state = request.GET["code"], request.GET["state"]
    try:
        answer = client.exchange(code, state, verification.redirect_uri)
    except ExchangeError as error:
        logger.error("Verification %s: %s (%s)", verification.pk, error, error.reason)
        return Verdict(Reason(error.reason))
    number = verification.phone_number
    return verdict.judge(answer, verification.scopes.split(), phones.e164(number) if number else "")


def _stored(verification: PhoneVerification) -> PhoneVerification:
    """Return the row as another request left it. Raises `InvalidCallback` if it was deleted."""
    stored = PhoneVerification.objects.on_primary().filter(pk=verification.pk).first()
    if stored is None:
        raise InvalidCallback("The verification has been deleted.")
    return stored
