"""The whole life of an attempt: `begin`, `complete`, and what else can end it.

A site with its own form and pages needs nothing else of this app. State is the row and one small
id in the session; any worker on any machine can take the next step.
"""

import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import router, transaction
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables

from django_plasgate_ip import limits, links, phones, signals, sims, verdict
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.callback import refusal
from django_plasgate_ip.client import PlasGateClient
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import ExchangeError, InvalidCallback, TooManyStarts
from django_plasgate_ip.fields import Sealed, cipher
from django_plasgate_ip.models import PhoneVerification, rows
from django_plasgate_ip.reasons import Reason, Status
from django_plasgate_ip.verdict import Verdict

logger = logging.getLogger("django_plasgate_ip")

#: The session's one entry: a random id that this session's rows carry as ``browser``.
SESSION_KEY = "plasgate_ip"
# Of a session's attempts; those before them were ended by these.
MOST_EARLIER = 100


@dataclass(frozen=True)
class Attempt:
    """What `begin` returns: the row, and where to send the visitor's browser."""

    verification: PhoneVerification
    #: Holds the number and the private key, so it is not in the repr.
    authorize_url: str = field(repr=False)


def begin(
    request: HttpRequest,
    phone_number: Any = None,
    scopes: str | Iterable[str] | None = None,
    next_url: str = "",
) -> Attempt:
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
    nonce = secrets.token_urlsafe(16) if conf.PLASGATE_IP_CALLBACK_NONCE else ""
    browser = _browser(request)
    # Even an empty queryset would be compiled, which a first start need not pay for.
    earlier = list(rows().for_browser(browser).defer("claims")[:MOST_EARLIER]) if browser else []
    verification = PhoneVerification(
        user=request.user if request.user.is_authenticated else None,
        phone_number=phone_number,
        scopes=" ".join(wanted),
        browser=browser or _new_browser(request),
        created_at=_later_than(earlier),
        redirect_uri=links.redirect_uri(request, nonce),
        nonce=nonce,
        next_url=links.safe_next(request, next_url),
        language=translation.get_language() or "",
        address=limits.address_of(request),
    )
    url = _client().authorize_url(verification.redirect_uri, wanted, phone_number)
    _admit(verification)
    if browser != verification.browser:
        request.session[SESSION_KEY] = verification.browser
    # Those that were there before, and not all but this one: of two starts at once, each would end
    # the other. Both live then, and the newer one is what a callback is for.
    for superseded in earlier:
        if superseded.is_live:
            _end_live(superseded, _superseded, request)
    return Attempt(verification, url)


@sensitive_variables()
def complete(request: HttpRequest) -> PhoneVerification:
    """Finish this session's attempt with the code that `request`, the callback, brings.

    Returns the finished attempt; a repeated callback gets the stored one. Only while another
    request is exchanging its code is it returned unfinished (``is_live``). Raises
    `InvalidCallback` where this browser has no attempt. Calls the provider, so it raises
    RuntimeError inside a transaction: decorate your view with ``non_atomic_requests``.
    """
    verification = rows().for_browser(_browser(request)).first()
    if verification is None:
        raise InvalidCallback("There is no attempt of this browser's.")
    if verification.status != Status.PENDING:
        return verification
    client = _client()
    end = refusal(request, verification)
    if end is None:
        if not verification.commit(status=Status.EXCHANGING, exchanging_at=timezone.now()):
            return _stored(verification)
        end = _exchange(client, request, verification)
    values = _values(end)
    number = values.get("phone_number", verification.phone_number)
    previous = sims.changed_from(verification.user_id, number, end.mobile_id)
    if not verification.commit(**values, mobile_id_changed=previous is not None):
        return _stored(verification)
    _announce(verification, request, previous)
    return verification


def find(request: HttpRequest, pk: Any) -> PhoneVerification | None:
    """Return the attempt `pk` if it is this user's or this session's own, else None.

    One that can't go on any more is ended first.
    """
    verification = rows().filter(pk=pk).first()
    if verification is None or not _is_own(request, verification):
        return None
    if verification.stale_reason is None or end_if_stale(verification, request):
        return verification
    return rows().filter(pk=pk).first()


def end_if_stale(verification: PhoneVerification, request: HttpRequest | None = None) -> bool:
    """End an attempt that can't go on; return whether this call did.

    As ``expired`` if it came back too late, as ``interrupted`` if its exchange was cut off.
    """
    stale = verification.stale_reason
    return stale is not None and _end(verification, Verdict(stale), request)


def is_verified(request: HttpRequest, max_age: timedelta | None = None) -> bool:
    """Whether this request's user, or for an anonymous one this session, has been verified.

    `max_age`: completed no longer ago than this.
    """
    if request.user.is_authenticated:
        return rows().is_verified(request.user, max_age=max_age)
    session = rows().for_browser(_browser(request))
    return session.filter(user=None).proves(max_age=max_age)


def has_changed(request: HttpRequest) -> bool:
    """Whether this request's user came with another SIM or device, and nobody has approved it."""
    return rows().for_user(request.user).with_unacknowledged_change().exists()


def claim_session(request: HttpRequest, user: Any) -> None:
    """Give `user`, who has just logged in, what this session did while anonymous.

    Finished attempts become the user's. A live one ends as ``user_changed``: whoever brings its
    code back is not who started it.
    """
    anonymous = rows().for_browser(_browser(request)).filter(user=None)
    for verification in anonymous.live():
        _end_live(verification, lambda live: Reason.USER_CHANGED, request)
    for verification in anonymous.verified().exclude(mobile_id="").order_by("completed_at"):
        sims.claim(verification, user)
    anonymous.ended().exclude(reason=Reason.USER_CHANGED).update(user=user)


def _client() -> PlasGateClient:
    """Return the client, having made sure that what it brings can be stored.

    A key that is missing or malformed must fail before a code is spent, not after.
    """
    cipher()
    return PlasGateClient()


def _browser(request: HttpRequest) -> str:
    session = getattr(request, "session", {})
    return str(session.get(SESSION_KEY, ""))


def _new_browser(request: HttpRequest) -> str:
    """Return an id for this session: the same one for its two first starts at once."""
    key = request.session.session_key
    if not key:
        return secrets.token_urlsafe(16)
    return salted_hmac("django_plasgate_ip.browser", key, algorithm="sha256").hexdigest()[:32]


def _admit(verification: PhoneVerification) -> None:
    """Store the row, unless a limit is reached. Raises `TooManyStarts`."""
    verification.save(force_insert=True)
    try:
        limits.check(verification)
    except TooManyStarts:
        rows().filter(pk=verification.pk).delete()
        raise


def _later_than(earlier: list[PhoneVerification]) -> datetime:
    """Return now, or a moment after this session's newest attempt where another clock is ahead."""
    now = timezone.now()
    return max(now, earlier[0].created_at + timedelta(microseconds=1)) if earlier else now


def _superseded(live: PhoneVerification) -> Reason:
    return Reason.INTERRUPTED if live.status == Status.EXCHANGING else Reason.SUPERSEDED


def _end_live(
    verification: PhoneVerification,
    why: Callable[[PhoneVerification], Reason],
    request: HttpRequest,
) -> None:
    """End an attempt in whichever state it is: its code, if it still comes, counts no more."""
    live: PhoneVerification | None = verification
    # A callback may take the code between the look and the UPDATE; the status only moves forward.
    while live is not None and not _end(live, Verdict(why(live)), request):
        live = rows().live().filter(pk=verification.pk).first()


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


def _values(end: Verdict) -> dict[str, Any]:
    values: dict[str, Any] = {
        "status": end.status,
        "reason": end.reason or "",
        "error_description": end.error_description,
        "sub": end.sub,
        "mobile_id": end.mobile_id,
        # Sealed here: an error tracker keeps what lies in the frames of a failing database.
        "claims": Sealed.seal(end.claims),
        "completed_at": timezone.now(),
    }
    if end.phone_number:
        values["phone_number"] = phones.from_wire(end.phone_number)
    return values


def _end(verification: PhoneVerification, end: Verdict, request: HttpRequest | None) -> bool:
    """End an attempt from inside whatever transaction is open; its signal waits for the commit."""
    if not verification.transition(**_values(end)):
        return False
    transaction.on_commit(
        partial(_announce, verification, request),
        using=router.db_for_write(PhoneVerification),
        robust=True,
    )
    return True


def _announce(
    verification: PhoneVerification,
    request: HttpRequest | None,
    previous: PhoneVerification | None = None,
) -> None:
    verified = verification.status == Status.VERIFIED
    signal = signals.phone_verified if verified else signals.phone_verification_failed
    signal.send_robust(PhoneVerification, verification=verification, request=request)
    if previous is not None:
        sims.announce(verification, previous, request)


def _stored(verification: PhoneVerification) -> PhoneVerification:
    """Return what somebody else made of the row. Raises `InvalidCallback` if it was deleted."""
    stored = rows().filter(pk=verification.pk).first()
    if stored is None:
        raise InvalidCallback("The attempt has been deleted.")
    return stored


def _is_own(request: HttpRequest, verification: PhoneVerification) -> bool:
    if verification.user_id is not None:
        return bool(verification.user_id == request.user.pk)
    return bool(verification.browser) and verification.browser == _browser(request)
