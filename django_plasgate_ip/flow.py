"""The whole life of an attempt: `begin`, `complete`, and what else can end it.

A site with its own form and pages needs nothing else of this app. State is the row and one small
id in the session; any worker on any machine can take the next step.
"""

import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone, translation
from django.views.decorators.debug import sensitive_variables

from django_plasgate_ip import phones, redirects
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.client import credentials
from django_plasgate_ip.client.api import PlasGateClient
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import ExchangeError, InvalidCallback, TooManyStarts
from django_plasgate_ip.fields import cipher
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason, Status
from django_plasgate_ip.redaction import Hidden
from django_plasgate_ip.verification import browser_session, limits, newest, sim_change, verdict
from django_plasgate_ip.verification.callback import validate
from django_plasgate_ip.verification.transitions import (
    finish,
    finish_if_live,
    result_columns,
    send_signals,
    superseded,
)
from django_plasgate_ip.verification.verdict import Verdict

logger = logging.getLogger("django_plasgate_ip")

SESSION_KEY = browser_session.SESSION_KEY
# Of a session's attempts; those before them were ended by these.
MOST_EARLIER = 100


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
    """Start an attempt for this request's user and session.

    `phone_number`: in any form that `phones.parse` reads; required, and used at all, only where
    the scopes need one. `scopes`: by default ``PLASGATE_IP_SCOPES``. `next_url`: where the visitor
    goes once verified; dropped unless it is on this site. A live attempt of this session ends.
    Raises `InvalidPhoneNumber`, `InvalidScopes`, `TooManyStarts`, and ImproperlyConfigured for
    missing keys; then nothing is stored. Limits are exact where no transaction is open.
    """
    wanted = scope_sets.normalise(conf.PLASGATE_IP_SCOPES if scopes is None else scopes)
    # SECURITY: an error tracker keeps the frames' locals; from here on none of them shows a number,
    # and the decorator that hides them from Django's own reports would hold the argument itself.
    phone_number = phones.parse(phone_number or "") if scope_sets.needs_number(wanted) else ""
    known = browser_session.get_session_id(request)
    browser = known or browser_session.new_session_id(request)
    verification = PhoneVerification(
        # Not the user itself, which is lazy: the row would take a third longer to make.
        user_id=request.user.pk if request.user.is_authenticated else None,
        phone_number=phone_number,
        scopes=" ".join(wanted),
        session_id=browser,
        callback_session_id=browser,
        next_url=redirects.safe_next(request, next_url),
    )
    attempt = launch(request, verification, earlier_of(known), told=request)
    browser_session.remember(request, browser)
    return attempt


def earlier_of(browser: str) -> list[PhoneVerification]:
    """Return what the next start of this session must be later than, and ends; newest first."""
    # Even an empty queryset would be compiled, which a first start need not pay for.
    return (
        list(
            PhoneVerification.objects.on_primary()
            .for_session(browser)
            .defer("claims")[:MOST_EARLIER]
        )
        if browser
        else []
    )


def launch(
    request: HttpRequest,
    verification: PhoneVerification,
    earlier: list[PhoneVerification],
    told: HttpRequest | None,
) -> StartedVerification:
    """Store `verification`, which knows whose it is and what is asked, and end the `earlier` ones.

    `request` is of the browser that goes to PlasGate; `told` is what receivers of the ended ones
    get. Raises as `begin` does.
    """
    client = _client(request)
    verification.key_fingerprint = credentials.fingerprint(client.private_key)
    verification.nonce = secrets.token_urlsafe(16) if conf.PLASGATE_IP_CALLBACK_NONCE else ""
    verification.redirect_uri = redirects.redirect_uri(request, verification.nonce)
    verification.created_at = _later_than(earlier)
    verification.language = translation.get_language() or ""
    verification.address = limits.address_of(request)
    url = _authorize_url(client, verification)
    _admit(verification)
    # Those that were there before, and not all but this one: of two starts at once, each would end
    # the other. Both live then, and the newer one is what a callback is for.
    for earlier_one in earlier:
        if earlier_one.is_live:
            finish_if_live(earlier_one, superseded, told)
    return StartedVerification(verification, url)


def authorize_url(request: HttpRequest, verification: PhoneVerification) -> str:
    """Return where the browser goes; it holds the number. Raises ImproperlyConfigured.

    An empty text where it was started with other keys than this request's: what would come back of
    that is refused, and may have cost something.
    """
    client = _client(request)
    is_same = verification.key_fingerprint == credentials.fingerprint(client.private_key)
    return _authorize_url(client, verification) if is_same else ""


@sensitive_variables()
def complete(request: HttpRequest) -> PhoneVerification:
    """Finish this session's attempt with the code that `request`, the callback, brings.

    Returns the finished attempt; a repeated callback gets the stored one. Only while another
    request is exchanging its code is it returned unfinished (``is_live``). Raises
    `InvalidCallback` where this browser has no attempt. Calls the provider, so it raises
    RuntimeError inside a transaction: decorate your view with ``non_atomic_requests``.
    """
    verification = newest.for_callback(browser_session.get_session_id(request))
    if verification is None:
        raise InvalidCallback("There is no attempt of this browser's.")
    if verification.status != Status.PENDING:
        return verification
    client = _client(request)
    end = validate(request, verification, client.private_key)
    if end is None:
        if not verification.commit(status=Status.EXCHANGING.value, exchanging_at=timezone.now()):
            return _stored(verification)
        end = _exchange(client, request, verification)
    values = result_columns(end)
    number = values.get("phone_number", verification.phone_number)
    previous = sim_change.changed(verification, number, end.mobile_id)
    if not verification.commit(**values, mobile_id_changed=previous is not None):
        return _stored(verification)
    send_signals(verification, request, previous)
    return verification


def latest(request: HttpRequest) -> PhoneVerification | None:
    """Return this session's newest attempt, whatever became of it, or None."""
    return (
        PhoneVerification.objects.on_primary()
        .for_session(browser_session.get_session_id(request))
        .first()
    )


def find(request: HttpRequest, pk: Any) -> PhoneVerification | None:
    """Return the attempt `pk` if it is this user's or this session's own, else None.

    The phone that it was handed over to may see it, too (`is_carrier`). One that can't go on any
    more is ended first.
    """
    verification = PhoneVerification.objects.on_primary().filter(pk=pk).first()
    if verification is None or not (
        _is_own(request, verification) or is_carrier(request, verification)
    ):
        return None
    if verification.stale_reason is None or end_if_stale(verification, request):
        return verification
    return PhoneVerification.objects.on_primary().filter(pk=pk).first()


def end_if_stale(verification: PhoneVerification, request: HttpRequest | None = None) -> bool:
    """End an attempt that can't go on; return whether this call did.

    As ``expired`` if it came back too late, as ``interrupted`` if its exchange was cut off.
    """
    stale = verification.stale_reason
    return stale is not None and finish(verification, Verdict(stale), request)


def is_verified(request: HttpRequest, max_age: timedelta | None = None) -> bool:
    """Whether this request's user, or anonymous session, was verified, `max_age` ago at most."""
    if request.user.is_authenticated:
        return PhoneVerification.objects.on_primary().is_verified(request.user, max_age=max_age)
    session = PhoneVerification.objects.on_primary().for_session(
        browser_session.get_session_id(request)
    )
    return session.filter(user=None).proves(max_age=max_age)


def has_changed(request: HttpRequest) -> bool:
    """Whether this request's user came with another SIM or device, and nobody has approved it."""
    return (
        PhoneVerification.objects.on_primary()
        .for_user(request.user)
        .with_unacknowledged_change()
        .exists()
    )


def claim_session(request: HttpRequest, user: Any, since: datetime | None = None) -> None:
    """Give `user`, who has just logged in, what this session did while anonymous.

    Attempts that ended `since` then, or None for ever, become the user's. A live one ends as
    ``user_changed``: whoever brings its code back is not who started it.
    """
    anonymous = (
        PhoneVerification.objects.on_primary()
        .for_session(browser_session.get_session_id(request))
        .filter(user=None)
    )
    for verification in anonymous.live():
        finish_if_live(verification, lambda live: Reason.USER_CHANGED, request)
    ended = anonymous.ended() if since is None else anonymous.filter(completed_at__gte=since)
    for verification in ended.verified().exclude(mobile_id="").order_by("completed_at"):
        sim_change.claim(verification, user)
    ended.exclude(reason=Reason.USER_CHANGED).update(user=user)


def _client(request: HttpRequest) -> PlasGateClient:
    """Return the client; what is missing for its answer must fail before a code is spent."""
    cipher()
    keys = credentials.for_request(request)
    return PlasGateClient(keys.private_key, keys.secret_key)


def _authorize_url(client: PlasGateClient, verification: PhoneVerification) -> str:
    scopes, number = verification.scopes.split(), verification.phone_number
    return Hidden(client.authorize_url(verification.redirect_uri, scopes, number))


def _admit(verification: PhoneVerification) -> None:
    """Store the row, unless a limit is reached. Raises `TooManyStarts`."""
    verification.save(force_insert=True)
    try:
        limits.check(verification)
    except TooManyStarts:
        # Only as it was stored: another request of this session may have ended it in this moment,
        # and sent its signal, or have taken it for its own attempt.
        verification.if_unmoved().delete()
        raise


def _later_than(earlier: list[PhoneVerification]) -> datetime:
    """Return now, or a moment after this session's newest attempt where another clock is ahead."""
    now = timezone.now()
    return max(now, earlier[0].created_at + timedelta(microseconds=1)) if earlier else now


def _exchange(
    client: PlasGateClient, request: HttpRequest, verification: PhoneVerification
) -> Verdict:
    """Call the provider. No transaction is open here, and no row locked."""
    try:
        answer = client.exchange(
            request.GET["code"], request.GET["state"], verification.redirect_uri
        )
    except ExchangeError as error:
        logger.error("Attempt %s: %s (%s)", verification.pk, error, error.reason)
        return Verdict(Reason(error.reason))
    asked = verification.phone_number
    return verdict.judge(answer, verification.scopes.split(), phones.e164(asked) if asked else "")


def _stored(verification: PhoneVerification) -> PhoneVerification:
    """Return what somebody else made of the row. Raises `InvalidCallback` if it was deleted."""
    stored = PhoneVerification.objects.on_primary().filter(pk=verification.pk).first()
    if stored is None:
        raise InvalidCallback("The attempt has been deleted.")
    return stored


def _is_own(request: HttpRequest, verification: PhoneVerification) -> bool:
    if verification.user_id is not None:
        return bool(verification.user_id == request.user.pk)
    return bool(
        verification.session_id
    ) and verification.session_id == browser_session.get_session_id(request)


def is_carrier(request: HttpRequest, verification: PhoneVerification) -> bool:
    """Whether this browser is the phone that the attempt was handed over to, and no more."""
    return (
        verification.is_handed_over
        and verification.callback_session_id == browser_session.get_session_id(request)
        and not _is_own(request, verification)
    )
