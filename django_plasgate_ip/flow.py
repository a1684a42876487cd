"""The whole life of an attempt: `begin`, `complete`, and what else can end it.

A site with its own form and pages needs nothing else of this app. State is the row and one small
id in the session; any worker on any machine can take the next step.
"""

import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import router, transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_variables

from django_plasgate_ip import phones, signals, verdict
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.client import PlasGateClient, clean_text
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import ExchangeError, InvalidCallback
from django_plasgate_ip.fields import cipher
from django_plasgate_ip.models import PhoneVerification, PhoneVerificationQuerySet
from django_plasgate_ip.reasons import Reason, Status
from django_plasgate_ip.verdict import Verdict

logger = logging.getLogger("django_plasgate_ip")

#: The session's one entry: a random id that this session's rows carry as ``browser``.
SESSION_KEY = "plasgate_ip"
MAX_URL_LENGTH = 2000


@dataclass(frozen=True)
class Attempt:
    """What `begin` returns: the row, and where to send the visitor's browser."""

    verification: PhoneVerification
    #: Holds the number and the private key, so it is not in the repr.
    authorize_url: str = field(repr=False)


# SECURITY: an error report shows the frames' locals: the number, and the URL that holds it.
@sensitive_variables()
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
    Raises `InvalidPhoneNumber`, `InvalidScopes`, and ImproperlyConfigured for missing keys; then
    nothing is stored.
    """
    wanted = scope_sets.normalise(conf.PLASGATE_IP_SCOPES if scopes is None else scopes)
    number = phones.parse(phone_number or "") if scope_sets.needs_number(wanted) else None
    nonce = secrets.token_urlsafe(16) if conf.PLASGATE_IP_CALLBACK_NONCE else ""
    verification = PhoneVerification(
        user=request.user if request.user.is_authenticated else None,
        phone_number=number or "",
        scopes=" ".join(wanted),
        browser=_browser(request) or secrets.token_urlsafe(16),
        redirect_uri=_redirect_uri(request, nonce),
        nonce=nonce,
        next_url=next_url if is_safe_url(request, next_url) else "",
        language=translation.get_language() or "",
    )
    url = _client().authorize_url(verification.redirect_uri, wanted, number)
    with transaction.atomic(using=router.db_for_write(PhoneVerification)):
        _end_live(request, verification.browser)
        verification.save(force_insert=True)
    if _browser(request) != verification.browser:
        request.session[SESSION_KEY] = verification.browser
    return Attempt(verification, url)


@sensitive_variables()
def complete(request: HttpRequest) -> PhoneVerification:
    """Finish this session's attempt with the code that `request`, the callback, brings.

    Returns the finished attempt; a repeated callback gets the stored one. Only while another
    request is exchanging its code is it returned unfinished (``is_live``). Raises
    `InvalidCallback` where this browser has no attempt. Calls the provider, so it raises
    RuntimeError inside a transaction: decorate your view with ``non_atomic_requests``.
    """
    verification = _rows().for_browser(_browser(request)).first()
    if verification is None:
        raise InvalidCallback("There is no attempt of this browser's.")
    if verification.status != Status.PENDING:
        return verification
    client = _client()
    end = _refusal(request, verification)
    if end is None:
        if not _committed(verification, status=Status.EXCHANGING, exchanging_at=timezone.now()):
            return _stored(verification)
        end = _exchange(client, request, verification)
    if not _committed(verification, **_values(end)):
        return _stored(verification)
    _announce(verification, request)
    return verification


def find(request: HttpRequest, pk: Any) -> PhoneVerification | None:
    """Return the attempt `pk` if it is this user's or this session's own, else None.

    One that can't go on any more is ended first.
    """
    verification = _rows().filter(pk=pk).first()
    if verification is None or not _is_own(request, verification):
        return None
    stale = verification.stale_reason
    if stale is None or _end(verification, Verdict(stale), request):
        return verification
    return _rows().filter(pk=pk).first()


def is_verified(request: HttpRequest, max_age: timedelta | None = None) -> bool:
    """Whether this request's user, or for an anonymous one this session, has been verified.

    `max_age`: completed no longer ago than this.
    """
    if request.user.is_authenticated:
        return _rows().is_verified(request.user, max_age=max_age)
    session = _rows().for_browser(_browser(request))
    return session.filter(user=None).proves(max_age=max_age)


def claim_session(request: HttpRequest, user: Any) -> None:
    """Give `user`, who has just logged in, what this session did while anonymous.

    Finished attempts become the user's. A live one ends as ``user_changed``: whoever brings its
    code back is not who started it.
    """
    anonymous = _rows().for_browser(_browser(request)).filter(user=None)
    for verification in anonymous.live():
        _end(verification, Verdict(Reason.USER_CHANGED), request)
    anonymous.ended().exclude(reason=Reason.USER_CHANGED).update(user=user)


def is_safe_url(request: HttpRequest, url: str) -> bool:
    """Whether `url` stays on this site, so that it may be redirected to."""
    # SECURITY: Django's function looks at the first character only; a NUL or a line break further
    # on breaks a database or a header.
    return (
        len(url) <= MAX_URL_LENGTH
        and url.isprintable()
        and url_has_allowed_host_and_scheme(
            url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        )
    )


def _rows() -> PhoneVerificationQuerySet:
    """Return all rows, from the database that is written: a replica may lag behind it."""
    return PhoneVerification.objects.using(router.db_for_write(PhoneVerification))


def _client() -> PlasGateClient:
    """Return the client, having made sure that what it brings can be stored.

    A key that is missing or malformed must fail before a code is spent, not after.
    """
    cipher()
    return PlasGateClient()


def _browser(request: HttpRequest) -> str:
    session = getattr(request, "session", {})
    return str(session.get(SESSION_KEY, ""))


def _redirect_uri(request: HttpRequest, nonce: str) -> str:
    """Return the one callback URL, the same in every language: it may have to be registered."""
    with translation.override(settings.LANGUAGE_CODE):
        path = reverse("plasgate_ip:callback")
    public = conf.PLASGATE_IP_PUBLIC_URL
    url = public + path if public else request.build_absolute_uri(path)
    return f"{url}?{urlencode({'nonce': nonce})}" if nonce else url


def _end_live(request: HttpRequest, browser: str) -> None:
    """End what this session left unfinished: its code, if it still comes, counts no more."""
    for verification in _rows().for_browser(browser).live():
        cut_off = verification.status == Status.EXCHANGING
        reason = Reason.INTERRUPTED if cut_off else Reason.SUPERSEDED
        _end(verification, Verdict(reason), request)


def _refusal(request: HttpRequest, verification: PhoneVerification) -> Verdict | None:
    """Return how the attempt ends without a call to the provider, or None."""
    if stale := verification.stale_reason:
        return Verdict(stale)
    # SECURITY: somebody else signed in meanwhile: the number is not theirs.
    if verification.user_id != request.user.pk:
        return Verdict(Reason.USER_CHANGED)
    if not _is_trusted(request, verification):
        return Verdict(Reason.INVALID_CALLBACK)
    denial = clean_text(request.GET.get("error_description")) or clean_text(
        request.GET.get("error")
    )
    if denial:
        return Verdict(Reason.PROVIDER_DENIED, denial)
    if not (request.GET.get("code") and request.GET.get("state")):
        return Verdict(Reason.INVALID_CALLBACK)
    return None


def _is_trusted(request: HttpRequest, verification: PhoneVerification) -> bool:
    """Whether what the provider sends back of ours is ours, and said once."""
    # SECURITY: of a doubled parameter, one reader takes the first and another the last.
    if any(len(values) > 1 for _name, values in request.GET.lists()):
        return False
    if verification.nonce and not constant_time_compare(
        request.GET.get("nonce", ""), verification.nonce
    ):
        return False
    ours = {
        "private_key": conf.PLASGATE_IP_PRIVATE_KEY,
        "redirect_uri": verification.redirect_uri,
    }
    return all(request.GET.get(name, value) == value for name, value in ours.items())


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
        "claims": end.claims,
        "completed_at": timezone.now(),
    }
    if end.phone_number:
        values["phone_number"] = phones.from_wire(end.phone_number)
    return values


def _committed(verification: PhoneVerification, **values: Any) -> bool:
    """Change the row if nobody else has, and commit. Raises RuntimeError inside a transaction."""
    with transaction.atomic(using=router.db_for_write(PhoneVerification), durable=True):
        return verification.transition(**values)


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


def _announce(verification: PhoneVerification, request: HttpRequest | None) -> None:
    verified = verification.status == Status.VERIFIED
    signal = signals.phone_verified if verified else signals.phone_verification_failed
    signal.send_robust(PhoneVerification, verification=verification, request=request)


def _stored(verification: PhoneVerification) -> PhoneVerification:
    """Return what somebody else made of the row. Raises `InvalidCallback` if it was deleted."""
    stored = _rows().filter(pk=verification.pk).first()
    if stored is None:
        raise InvalidCallback("The attempt has been deleted.")
    return stored


def _is_own(request: HttpRequest, verification: PhoneVerification) -> bool:
    if verification.user_id is not None:
        return bool(verification.user_id == request.user.pk)
    return bool(verification.browser) and verification.browser == _browser(request)
