"""The public API of a verification: `begin`, `complete`, `latest`, `find`, `confirm`.

Async views have `abegin` and `acomplete`. Apps without cookies have `begin_for_app`,
`complete_for_app` and `find_for_app`.

A site with its own form and pages needs no other module. The state is one database row and one
small id in the session, so any worker on any machine can take the next step.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from django_plasgate_ip import phones, redirects
from django_plasgate_ip.client import credentials
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.querysets import PhoneVerificationQuerySet
from django_plasgate_ip.reasons import Status
from django_plasgate_ip.redaction import Hidden
from django_plasgate_ip.verification import (
    app_handle,
    browser_session,
    callback,
    confirmed_by_site,
    exchange,
    refusal,
    start,
    transitions,
)


@dataclass(frozen=True)
class StartedVerification:
    """What `begin` returns: the verification, and the URL to redirect the browser to."""

    verification: PhoneVerification
    #: It contains the number and the private key, so the repr leaves it out.
    authorize_url: str = field(repr=False)
    #: The app's secret, from `begin_for_app`; otherwise empty. It is not stored.
    handle: str = field(default="", repr=False)


def begin(
    request: HttpRequest,
    phone_number: Any = None,
    scopes: str | Iterable[str] | None = None,
    next_url: str = "",
) -> StartedVerification:
    """Start a verification for this request's user and session.

    `phone_number`: in any form that `phones.accept` reads. It is required if the scopes need a
    number, and ignored otherwise. `scopes`: by default ``PLASGATE_IP_SCOPES``. `next_url`: where
    the visitor is redirected after a success; ignored unless it is on this site. Live verifications
    of this session end.

    Raises `InvalidPhoneNumber`, `InvalidScopes`, `TooManyStarts`, and ImproperlyConfigured for
    missing keys; then nothing is stored. Inside a transaction, the limits are not exact.
    """
    session_id = browser_session.get_session_id(request) or browser_session.new_session_id(request)
    ids = {"session_id": session_id, "callback_session_id": session_id}
    next_url = redirects.safe_next(request, next_url)
    verification = start.new(request, phone_number, scopes, next_url=next_url, **ids)
    # SECURITY: an error tracker stores local variables. The repr of the row's number hides it.
    # `sensitive_variables` would keep the argument in a frame of its own.
    del phone_number
    verification.nonce = redirects.new_nonce(verification.scopes.split())
    verification.redirect_uri = redirects.redirect_uri(request, verification.nonce)
    url = start.launch(request, verification)
    browser_session.remember(request, session_id)
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
    nonce = parameters.get("nonce", "")
    verification = PhoneVerification.objects.on_primary().for_callback(session_id, nonce)
    if others := refusal.end_in_wrong_browser(request, parameters, verification):
        return refusal.refuse(request, verification, "wrong_browser", about=others)
    if verification is None:
        return refusal.refuse(request, None, "no_verification", about=None)
    if verification.status != Status.PENDING:
        return verification
    # Other requests must see the claim while this one waits for the operator.
    transitions.require_no_transaction()
    client = exchange.client_for(request)
    # SECURITY: a link of somebody else must not end a visitor's verification. Only a code or an
    # error that may be PlasGate's does.
    if cause := callback.refusal_cause(parameters, verification, client.private_key):
        return refusal.refuse(request, verification, cause, about=verification)
    end = callback.end_before_exchange(request, parameters, verification)
    return exchange.finish(client, parameters, verification, end, request)


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


def begin_for_app(
    request: HttpRequest, phone_number: Any = None, scopes: str | Iterable[str] | None = None
) -> StartedVerification:
    """Start a verification for this request's user, in an app without cookies.

    The result has a ``handle``, which takes the place of the session. It is returned here only: the
    row has a hash of it. The app opens ``authorize_url`` over mobile data, follows the redirects
    until one leads to ``verification.redirect_uri``, and does not open that one. It sends the code
    and the state in the query of that one to `complete_for_app`.

    `request`: Django's, or one of Django REST framework. Its session is neither read nor written.
    `phone_number` and `scopes`: as for `begin`. Raises what `begin` raises. No verification ends.
    """
    handle = app_handle.new()
    session_id = app_handle.session_id_of(handle)
    verification = start.new(request, phone_number, scopes, session_id=session_id)
    # SECURITY: as in `begin`.
    del phone_number
    # A nonce names the verification to a browser that comes back. An app posts its code itself.
    verification.redirect_uri = redirects.redirect_uri(request, nonce="")
    return StartedVerification(verification, start.launch(request, verification), handle)


def complete_for_app(
    request: HttpRequest,
    pk: Any,
    handle: str,
    code: str = "",
    state: str = "",
    *,
    error: str = "",
    error_description: str = "",
) -> PhoneVerification:
    """Finish the verification `pk` of `begin_for_app` with what its app has caught.

    `code` and `state`, or instead `error` and `error_description`: from the query of the redirect.
    Returns what `complete` returns, and ``just_ended`` as there. A repeated call gets the stored
    result. Receivers of signals get no request, because there is no session to write to.

    Raises `VerificationNotFound` for an unknown id, a wrong handle, and another account than the
    one that started. Only an anonymous request can complete a verification that has no account.
    Raises `InvalidCallback` for a code or a state that can't be PlasGate's, and for other keys than
    those that started; then nothing has changed. Raises RuntimeError inside a transaction, as
    `complete` does.
    """
    # SECURITY: an error tracker stores local variables. From here on, their repr hides the secrets.
    given = {"code": code, "state": state, "error": error, "error_description": error_description}
    handle, parameters = Hidden(handle), callback.from_app(given)
    del code, state, error, error_description, given
    return app_handle.complete(request, pk, handle, parameters)


def find_for_app(request: HttpRequest, pk: Any, handle: str = "") -> PhoneVerification | None:
    """Return the verification `pk` if it belongs to this request's account; None otherwise.

    One that an anonymous request started belongs to the anonymous requests with its `handle`. A
    verification that can't continue is ended first.
    """
    verification = app_handle.find_readable(request, pk, handle)
    return verification and transitions.ended_if_stale(verification, request=None)


def latest(request: HttpRequest) -> PhoneVerification | None:
    """Return this session's newest verification in any status, or None."""
    session_id = browser_session.get_session_id(request)
    return PhoneVerification.objects.on_primary().for_session(session_id).first()


def find(request: HttpRequest, pk: Any) -> PhoneVerification | None:
    """Return the verification `pk` if it belongs to this user or this session; None otherwise.

    In a hand-off, it is also returned to the phone that confirms it for a computer. A verification
    that can't continue is ended first.
    """
    verification = app_handle.by_pk(pk)
    if verification is None or not (
        browser_session.is_own(request, verification)
        or browser_session.is_carrier(request, verification)
    ):
        return None
    return transitions.ended_if_stale(verification, request)


def authorize_url(request: HttpRequest, verification: PhoneVerification) -> str:
    """Return the URL at PlasGate for a pending verification.

    The URL contains the number. It is an empty text if other keys than this request's started the
    verification, because its callback would be refused. Raises ImproperlyConfigured.
    """
    client = exchange.client_for(request)
    is_same = verification.key_fingerprint == credentials.fingerprint(client.private_key)
    return exchange.authorize_url(client, verification) if is_same else ""


def is_verified(
    request: HttpRequest,
    max_age: timedelta | None = None,
    methods: Collection[str] | None = None,
) -> bool:
    """Whether this request's user, or its anonymous session, has a confirmed number.

    A row of the scope ``mobile_id`` alone has none. An account's unacknowledged changes do not
    matter (see `has_changed`).
    `max_age`: completed no longer ago than this; None: at any time. `methods`: by one of these
    methods, such as ``("network",)`` for PlasGate alone; None: by any (see `confirm`).
    """
    return _own(request).proves(max_age=max_age, methods=methods)


def last_verified(request: HttpRequest) -> PhoneVerification | None:
    """Return the newest verification that `is_verified` counts for this request, or None."""
    return _own(request).with_confirmed_number().order_by("-completed_at").first()


def has_changed(request: HttpRequest) -> bool:
    """Whether this request's user has a change that nobody has acknowledged.

    It is another SIM or device, another number, or a verification that a login claimed.
    """
    verifications = PhoneVerification.objects.on_primary().for_user(request.user)
    return verifications.with_unacknowledged_change().exists()


def confirm(
    user: Any, phone_number: Any, method: str = "sms", request: HttpRequest | None = None
) -> PhoneVerification:
    """Record that the site has confirmed `phone_number` for `user` by its own means.

    Call it where a code by SMS was right, for example. It stores a verified row and returns it.
    ``phone_verified`` is sent after the commit, with `request`. The row counts as a confirmed
    number unless a caller asks for ``methods=("network",)``. It is never `trusted`: it logs nobody
    in by phone.

    `user`: an account that is stored. An anonymous visitor logs in or signs up first.
    `phone_number`: in any form that `phones.parse` reads. `method`: the site's name for its means,
    of at most 32 lower-case letters, digits, hyphens and underscores. Raises `InvalidPhoneNumber`,
    and ValueError for another user or method, such as ``"network"``, which is PlasGate's.
    """
    # SECURITY: an error tracker stores local variables. The repr of a `Number` hides it.
    phone_number = phones.parse(phone_number or "")
    return confirmed_by_site.store(user, phone_number, method, request)


def _own(request: HttpRequest) -> PhoneVerificationQuerySet:
    """Return the verifications of this request's user, or of its anonymous session."""
    verifications = PhoneVerification.objects.on_primary()
    if request.user.is_authenticated:
        return verifications.for_user(request.user)
    session_id = browser_session.get_session_id(request)
    return verifications.for_session(session_id).filter(user=None)
