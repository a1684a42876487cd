"""The steps of a hand-off: a phone claims the link, the computer shows a code, the phone taps it.

1. The first phone that opens the link and keeps a cookie claims it. No other phone can use it. At
   this moment two random characters are stored.
2. The computer shows these characters. The phone shows six pairs, and its owner taps one, once.
3. The right pair starts a verification of the computer's account and session. The phone only takes
   it to PlasGate and back. If it fails, the same phone may start again while the link is in time.

SECURITY: these steps stop two attacks. The first is a photograph of the screen: only the first
phone can use the link, and the photograph does not show the characters. The second is a link that
somebody sends to a victim. The phone's page names the site and the account, and nothing starts
unless the session of that account shows the characters at this moment. A login or a logout there,
or a new password, ends the hand-off.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth import get_user_model
from django.db import IntegrityError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from django_plasgate_ip import flow, redirects
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.conf import conf
from django_plasgate_ip.handoff.errors import HandoffRefused, Refusal
from django_plasgate_ip.handoff.models import PhoneHandoff
from django_plasgate_ip.handoff.tokens import Token
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason, Status
from django_plasgate_ip.security_events import SecurityEvent, record
from django_plasgate_ip.verification import browser_session, start, transitions
from django_plasgate_ip.verification.verdict import Verdict

#: The session's entry on a phone: the token of the link that it confirmed last.
LINK_KEY = "plasgate_ip_link"
# Characters that can't be confused: no 0 O, 1 I L, 2 Z, 5 S, 6 G, 8 B, U V.
ALPHABET = "3479ACDEFHJKMNPRTWXY"
# The number of pairs to choose from. A person who can't see the computer's screen has one guess.
CHOICES = 6
# How many of the rows of one account, or of one anonymous session, may have a wrong tap.
MAX_WRONG = 5
# A tap counts for so long after the computer showed the code. The computer asks every few seconds,
# but browsers let the script of a hidden tab run only once a minute.
SHOWN_FOR = timedelta(seconds=90)
# How old ``shown_at`` may become before the computer's next question updates it.
SHOWN_AGAIN = timedelta(seconds=15)


@dataclass(frozen=True)
class Claim:
    """A link, and the row of the one phone that may use it."""

    token: Token
    handoff: PhoneHandoff
    #: The computer's account; None for an anonymous visitor.
    user: Any
    #: What this phone has confirmed without success: it starts again without another tap.
    failed: PhoneVerification | None = None


def claim(request: HttpRequest, token: Token) -> Claim:
    """Return the claim of this phone. The first phone to call this creates it.

    The request's session must have an id already (see `browser_session`). Raises `HandoffRefused`.
    """
    session_id = browser_session.get_session_id(request)
    if session_id == token.session_id:
        raise HandoffRefused(Refusal.SAME_BROWSER)
    handoff = _stored(session_id, token)
    if handoff is None:
        raise HandoffRefused(Refusal.EXPIRED)
    if handoff.opened_by != session_id:
        raise HandoffRefused(Refusal.OTHER_PHONE)
    failed = failed_verification(handoff)
    if handoff.used_at is not None and failed is None:
        raise HandoffRefused(Refusal.USED)
    if token.is_expired:
        raise HandoffRefused(Refusal.EXPIRED)
    if handoff.session_id != token.session_id:
        raise HandoffRefused(Refusal.SIGNED_OUT)
    return Claim(token, handoff, _user_of(token), failed)


def failed_verification(handoff: PhoneHandoff) -> PhoneVerification | None:
    """Return the verification that the phone of a used link may start again, or None.

    It is the newest one of the computer's session, this phone has confirmed it, and it has failed.
    """
    # SECURITY: a login or a logout has emptied `session_id`, and a wrong tap has proved nothing.
    if handoff.used_at is None or handoff.was_wrong or not handoff.session_id:
        return None
    newest = PhoneVerification.objects.on_primary().for_session(handoff.session_id).first()
    if newest is None or newest.callback_session_id != handoff.opened_by:
        return None
    return newest if newest.status in (Status.FAILED, Status.ERROR) else None


def newest_pk(request: HttpRequest, token: Token) -> UUID:
    """Return the primary key of this phone's newest verification for the link's computer."""
    session = PhoneVerification.objects.on_primary().for_session(token.session_id)
    newest = session.filter(callback_session_id=browser_session.get_session_id(request)).first()
    return newest.pk if newest else token.pk


def confirm(
    request: HttpRequest, claim: Claim, code: str, phone_number: Any = ""
) -> flow.StartedVerification:
    """Start the verification of the computer's account, and return where this phone continues.

    `code`: the two characters that were tapped. Wrong ones end the hand-off. It is ignored if the
    phone starts again. `phone_number`: needed if the scopes need one. Raises `HandoffRefused`, and
    the errors of `flow.begin`. After such an error the phone can tap again, unless the verification
    was stored.
    """
    scopes = scope_sets.normalise(conf.PLASGATE_IP_SCOPES)
    nonce = redirects.new_nonce(scopes)
    verification = PhoneVerification(
        pk=uuid4() if claim.failed else claim.token.pk,
        user=claim.user,
        phone_number=phone_number,
        scopes=" ".join(scopes),
        session_id=claim.token.session_id,
        callback_session_id=claim.handoff.opened_by,
        nonce=nonce,
        redirect_uri=redirects.redirect_uri(request, nonce),
        next_url=claim.failed.next_url if claim.failed else "",
    )
    if claim.failed is None:
        _compare(claim, code)
    elif not claim.handoff.use_again():
        raise HandoffRefused(Refusal.USED)
    authorize_url = _start(request, verification)
    # SECURITY: a logout before the row was stored has found no verification to end. A later one
    # finds it.
    if not claim.handoff.change(used_at=timezone.now()):
        transitions.finish(verification, Verdict(Reason.USER_CHANGED), request=None)
        raise HandoffRefused(Refusal.SIGNED_OUT)
    return flow.StartedVerification(verification, authorize_url)


def _compare(claim: Claim, code: str) -> None:
    """Use the hand-off up. Raises `HandoffRefused` for a wrong code."""
    handoff = claim.handoff
    ids = {"verification": handoff.pk, "user": claim.user and claim.user.pk}
    if not handoff.was_shown_within(SHOWN_FOR):
        # SECURITY: no screen shows the characters, so this tap is a guess, or comes from somebody
        # who saw them before the computer's visitor left.
        raise HandoffRefused(Refusal.NOT_SHOWN)
    # SECURITY: each new link allows one more guess at one in six. A tap is stored as a wrong one
    # before it is counted, so taps on several links at the same moment can't exceed the limit.
    if not handoff.change_if_open(was_wrong=True):
        raise HandoffRefused(Refusal.USED)
    wrong = PhoneHandoff.objects.on_primary().filter(owner=handoff.owner, was_wrong=True)
    if wrong.count() > MAX_WRONG:
        handoff.change(was_wrong=False)
        record(SecurityEvent.START_REFUSED, **ids)
        raise HandoffRefused(Refusal.TOO_MANY_WRONG)
    is_right = constant_time_compare(code, handoff.code)
    handoff.change(used_at=timezone.now(), was_wrong=not is_right)
    if not is_right:
        record(SecurityEvent.WRONG_TAP, **ids)
        raise HandoffRefused(Refusal.WRONG_CODE)


def _start(request: HttpRequest, verification: PhoneVerification) -> str:
    try:
        return start.launch(request, verification)
    except Exception as error:
        # The site's own function for keys may raise anything.
        if not PhoneVerification.objects.on_primary().filter(pk=verification.pk).exists():
            # Nothing was stored, so the phone may tap again.
            PhoneHandoff.objects.on_primary().filter(pk=verification.pk).update(used_at=None)
        if isinstance(error, IntegrityError):
            # The account was deleted after it was read.
            raise HandoffRefused(Refusal.ACCOUNT_GONE) from None
        raise


class Stage(str, Enum):
    """How far a hand-off is, as its computer sees it."""

    WAITING = "waiting"
    OPENED = "opened"
    STARTED = "started"
    WRONG = "wrong"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Progress:
    """How far a hand-off is, and what its computer shows at that stage."""

    stage: Stage
    #: The two characters at ``OPENED``; otherwise empty.
    code: str = ""
    #: The verification at ``STARTED``; otherwise None.
    verification: PhoneVerification | None = None


def progress(request: HttpRequest, token: Token, next_url: str = "") -> Progress:
    """Return how far the hand-off is. Raises `HandoffRefused` if it is not this request's.

    A login changes the id of the computer's session. After it, the verification is still found, but
    a hand-off without one is not.

    `next_url`: where the computer is redirected after a success; the caller has checked it. The
    computer sends it here and not in the link, so that no phone learns it. The first one is stored
    in the verification.
    """
    verification = flow.find(request, token.pk)
    if verification is not None and not browser_session.is_carrier(request, verification):
        if next_url and not verification.next_url:
            # The phone may have started again before the computer asks.
            same = PhoneVerification.objects.on_primary().filter(
                session_id=verification.session_id,
                callback_session_id=verification.callback_session_id,
                next_url="",
            )
            same.update(next_url=next_url)
            verification.next_url = next_url
        return Progress(Stage.STARTED, verification=verification)
    if not token.is_of(request):
        raise HandoffRefused(Refusal.SIGNED_OUT)
    handoff = PhoneHandoff.objects.on_primary().filter(pk=token.pk).first()
    if handoff is not None and handoff.used_at is not None and handoff.was_wrong:
        return Progress(Stage.WRONG)
    if token.is_expired:
        return Progress(Stage.EXPIRED)
    if handoff is None:
        return Progress(Stage.WAITING)
    if not handoff.was_shown_within(SHOWN_AGAIN):
        handoff.change_if_open(shown_at=timezone.now())
    return Progress(Stage.OPENED, handoff.code)


def _user_of(token: Token) -> Any:
    if not token.account:
        return None
    users: Any = get_user_model()
    user = users._default_manager.filter(pk=token.account).first()
    if user is None or not user.is_active:
        raise HandoffRefused(Refusal.ACCOUNT_GONE)
    if not token.has_password_of(user):
        # SECURITY: a new password ends the account's other sessions, and their hand-offs.
        raise HandoffRefused(Refusal.SIGNED_OUT)
    return user


def _stored(session_id: str, token: Token) -> PhoneHandoff | None:
    """Return the row. The first phone creates it: of two at once, the primary key admits one."""
    handoffs = PhoneHandoff.objects.on_primary()
    if token.is_expired:
        return handoffs.filter(pk=token.pk).first()
    # SECURITY: the pairs differ and have a random order, so that no choice is likelier.
    pairs = ["".join(pair) for pair in permutations(ALPHABET, 2)]
    choices = secrets.SystemRandom().sample(pairs, CHOICES)
    handoff, created = handoffs.get_or_create(
        pk=token.pk,
        defaults={
            "session_id": token.session_id,
            "owner": token.owner,
            "opened_by": session_id,
            "code": secrets.choice(choices),
            "choices": " ".join(choices),
            # See `may_retry`: the computer must not wait for a phone whose link has expired.
            "created_at": timezone.now() - token.age,
        },
    )
    if created:
        handoffs.old().delete()
    return handoff
