"""Continue on a phone: a computer shows a link as a QR code, and one phone may take it up.

The link is signed and five minutes good, and names the account and the session that showed it. The
first phone that opens it, and keeps a cookie, is the only one that can use it. Two characters are
drawn at that moment, which the computer shows and which are tapped on the phone, once. The attempt
that this begins is the computer's in every respect; the phone only carries it to PlasGate and back.

SECURITY: what each of these stops. A photograph of the screen: the first phone, and characters that
no photograph holds. A link that is sent on, or a code shown to a victim: the phone says which site
and account it is about, and can't go on unless that account's own session is looking right now.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth import get_user_model
from django.core import signing
from django.db import IntegrityError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from django_plasgate_ip import flow, redirects
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import HandoffRefused
from django_plasgate_ip.handoff.errors import Refusal
from django_plasgate_ip.handoff.models import PhoneHandoff, handoffs
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import browser_session

SALT = "django_plasgate_ip.handoff"
LIFETIME = timedelta(minutes=5)
# Without what looks like another one: 0 O, 1 I L, 2 Z, 5 S, 6 G, 8 B, U V.
ALPHABET = "3479ACDEFHJKMNPRTWXY"
#: Pairs of characters to choose from. Whoever can't see the computer's screen has one guess.
CHOICES = 6


@dataclass(frozen=True)
class Token:
    """What a link says."""

    #: Of the hand-off, and of the attempt that may come of it.
    pk: UUID
    #: The session that showed it, and its account's primary key as text; None for nobody's.
    session_id: str
    account: str | None
    #: The failed attempt whose number and scopes are to be tried again.
    repeats: UUID | None
    is_late: bool = False

    def is_of(self, request: HttpRequest) -> bool:
        """Whether this request comes from the session and the account that showed the link."""
        known = browser_session.get_session_id(request)
        return self.session_id == known and self.account == _account(request.user)


@dataclass(frozen=True)
class Task:
    """What a phone is asked to do, and for whom."""

    user: Any
    scopes: Sequence[str]
    #: A `phones.Number`; empty where none is known.
    phone_number: Any = field(default="", repr=False)

    @property
    def asks_number(self) -> bool:
        """Whether the phone has to be asked for the number."""
        return scope_sets.needs_number(self.scopes) and not self.phone_number


@dataclass(frozen=True)
class Claim:
    """An offer in the hands of the one phone that may use it."""

    offer: Token
    row: PhoneHandoff
    task: Task

    @property
    def choices(self) -> list[str]:
        """The pairs of characters to tap, one of which the computer shows."""
        return self.row.choices.split()


def make_token(request: HttpRequest, repeats: UUID | None = None) -> str:
    """Return what identifies a new offer of this request's account and session.

    `repeats`: a failed attempt of theirs to try again. Nothing is stored but the session's id. What
    the token says can be read in it: ids that open nothing without the session that they are of.
    """
    browser = browser_session.get_or_create_session_id(request)
    account = (_account(request.user) or "").encode()
    parts = (uuid4().bytes, repeats.bytes if repeats else b"", account)
    # Not JSON in base64, which makes a QR code with half as many modules again.
    return _signer().sign(".".join([browser, *map(urlsafe_base64_encode, parts)]))


def read(token: str) -> Token:
    """Return the offer; one that is too old says so itself. Raises `HandoffRefused`."""
    try:
        return _signed(token)
    except (signing.BadSignature, ValueError):
        # ValueError: what another version of this app has signed.
        raise HandoffRefused(Refusal.INVALID) from None


def task(offer: Token) -> Task:
    """Return what is to be done. Raises `HandoffRefused` if its account is gone."""
    user = None if offer.account is None else _active_user(offer.account)
    again = (
        PhoneVerification.objects.on_primary().filter(pk=offer.repeats).defer("claims").first()
        if offer.repeats
        else None
    )
    if again is None:
        return Task(user, scope_sets.normalise(conf.PLASGATE_IP_SCOPES))
    return Task(user, again.scopes.split(), again.phone_number)


def take(request: HttpRequest, offer: Token) -> Claim:
    """Return the offer for this phone; its first look ties it to it. Raises `HandoffRefused`.

    The request's browser has to be known already (see `browser_session.get_session_id`).
    """
    if browser_session.get_session_id(request) == offer.session_id:
        raise HandoffRefused(Refusal.SAME_BROWSER)
    row = _stored(request, offer)
    if row is None:
        raise HandoffRefused(Refusal.EXPIRED)
    if row.opened_by != browser_session.get_session_id(request):
        raise HandoffRefused(Refusal.OTHER_PHONE)
    if row.used_at is not None:
        raise HandoffRefused(Refusal.USED)
    if offer.is_late:
        raise HandoffRefused(Refusal.EXPIRED)
    return Claim(offer, row, task(offer))


def confirm(
    request: HttpRequest, taken: Claim, code: str, phone_number: Any = ""
) -> flow.StartedVerification:
    """Start the attempt of the account that made the offer, by way of this phone.

    `code`: the two characters tapped; wrong ones end the hand-off. `phone_number`: where the task
    asks for one. Raises `HandoffRefused`, and as `flow.begin` does; then it can be tapped again.
    """
    row = taken.row
    if row.shown_at is None:
        # SECURITY: no screen has shown them, so it would be a guess.
        raise HandoffRefused(Refusal.NOT_SHOWN)
    is_right = constant_time_compare(code, row.code)
    if not row.change(used_at=timezone.now(), was_wrong=not is_right):
        raise HandoffRefused(Refusal.USED)
    if not is_right:
        raise HandoffRefused(Refusal.WRONG_CODE)
    verification = PhoneVerification(
        pk=taken.offer.pk,
        user=taken.task.user,
        phone_number=taken.task.phone_number or phone_number,
        scopes=" ".join(taken.task.scopes),
        session_id=taken.offer.session_id,
        callback_session_id=row.opened_by,
    )
    return _launched(request, verification)


class Stage(str, Enum):
    """How far a hand-off is, as its computer sees it."""

    WAITING = "waiting"
    OPENED = "opened"
    STARTED = "started"
    WRONG = "wrong"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Progress:
    """A stage, with what belongs to it."""

    stage: Stage
    code: str = ""
    verification: PhoneVerification | None = None


def progress(request: HttpRequest, offer: Token, next_url: str = "") -> Progress:
    """Return how far the offer of this request's own session is (see `Token.is_of`).

    `next_url`: where the computer goes once verified. It comes from there and not from the link, so
    that no phone learns it, and the attempt takes it over here.
    """
    handoff = handoffs().filter(pk=offer.pk).first()
    if handoff is not None and handoff.used_at is not None:
        verification = flow.find(request, offer.pk)
        if verification is not None:
            _keep_next(verification, redirects.safe_next(request, next_url))
            return Progress(Stage.STARTED, verification=verification)
        if handoff.was_wrong:
            return Progress(Stage.WRONG)
    if offer.is_late:
        return Progress(Stage.EXPIRED)
    if handoff is None:
        return Progress(Stage.WAITING)
    if handoff.shown_at is None:
        handoff.change(shown_at=timezone.now())
    return Progress(Stage.OPENED, handoff.code)


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=SALT)


def _signed(token: str) -> Token:
    try:
        return _offer(_signer().unsign(token, max_age=LIFETIME), is_late=False)
    except signing.SignatureExpired:
        return _offer(_signer().unsign(token), is_late=True)


def _offer(text: str, *, is_late: bool) -> Token:
    browser, *parts = text.split(".")
    pk, repeats, account = map(urlsafe_base64_decode, parts)
    again = UUID(bytes=repeats) if repeats else None
    return Token(UUID(bytes=pk), browser, account.decode() or None, again, is_late)


def _account(user: Any) -> str | None:
    return user._meta.pk.value_to_string(user) if user.is_authenticated else None


def _active_user(account: str) -> Any:
    users: Any = get_user_model()
    user = users._default_manager.filter(pk=account).first()
    if user is None or not user.is_active:
        raise HandoffRefused(Refusal.ACCOUNT_GONE)
    return user


def _stored(request: HttpRequest, offer: Token) -> PhoneHandoff | None:
    """Return the row; the first phone that asks in time makes it, and of two at once one."""
    if offer.is_late:
        return handoffs().filter(pk=offer.pk).first()
    choices = _choices()
    first = {
        "opened_by": browser_session.get_session_id(request),
        "code": secrets.choice(choices),
        "choices": " ".join(choices),
    }
    handoff, _created = handoffs().get_or_create(pk=offer.pk, defaults=first)
    return handoff


def _choices() -> list[str]:
    """Return different pairs of characters, in no order."""
    pairs = [first + second for first in ALPHABET for second in ALPHABET if first != second]
    return secrets.SystemRandom().sample(pairs, CHOICES)


def _launched(request: HttpRequest, verification: PhoneVerification) -> flow.StartedVerification:
    try:
        # SECURITY: the phone's request reaches no receiver: see `transitions.send_signals`.
        earlier = flow.earlier_of(verification.session_id)
        return flow.launch(request, verification, earlier, told=None)
    except Exception as error:
        # Whatever the site's own function for keys raises, too.
        if not PhoneVerification.objects.on_primary().filter(pk=verification.pk).exists():
            # Nothing was stored, so nothing was used.
            handoffs().filter(pk=verification.pk).update(used_at=None)
        if isinstance(error, IntegrityError):
            # The account was deleted this very moment.
            raise HandoffRefused(Refusal.ACCOUNT_GONE) from None
        raise


def _keep_next(verification: PhoneVerification, next_url: str) -> None:
    if next_url and not verification.next_url:
        PhoneVerification.objects.on_primary().filter(pk=verification.pk, next_url="").update(
            next_url=next_url
        )
        verification.next_url = next_url
