"""The token in a hand-off's link: signed, valid for five minutes, stored nowhere.

It is not encrypted: everybody who sees it can read the ids of the session and the account. These
ids give no access, because the session cookie holds a different key.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.core import signing
from django.http import HttpRequest
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from django_plasgate_ip.handoff.errors import HandoffRefused, Refusal
from django_plasgate_ip.verification import browser_session

SALT = "django_plasgate_ip.handoff"
LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True)
class Token:
    """The content of a link."""

    #: The primary key of the hand-off, and of the verification that it starts.
    pk: UUID
    #: The id of the session that showed the link (see `browser_session`).
    session_id: str
    #: The primary key of that session's account as text. Empty for an anonymous visitor.
    account: str
    #: Whether the link is more than five minutes old.
    is_expired: bool

    def is_of(self, request: HttpRequest) -> bool:
        """Whether this request comes from the session and the account that showed the link."""
        session_id = browser_session.get_session_id(request)
        return self.session_id == session_id and self.account == _account(request.user)


def issue(request: HttpRequest) -> str:
    """Return a new token of this request's session and account.

    A session without an id gets one (see `browser_session`).
    """
    session_id = browser_session.get_or_create_session_id(request)
    account = urlsafe_base64_encode(_account(request.user).encode())
    # JSON would be longer, and its QR code too dense for a cheap camera.
    parts = (session_id, urlsafe_base64_encode(uuid4().bytes), account)
    return signing.TimestampSigner(salt=SALT).sign(".".join(parts))


def read(text: str) -> Token:
    """Return the content of a token, also of one that has expired.

    Raises `HandoffRefused` if it was not signed with one of the site's keys.
    """
    signer = signing.TimestampSigner(salt=SALT)
    is_expired = False
    try:
        try:
            signed = signer.unsign(text, max_age=LIFETIME)
        except signing.SignatureExpired:
            signed, is_expired = signer.unsign(text), True
        session_id, pk, account = signed.split(".")
        return Token(
            pk=UUID(bytes=urlsafe_base64_decode(pk)),
            session_id=session_id,
            account=urlsafe_base64_decode(account).decode(),
            is_expired=is_expired,
        )
    except (signing.BadSignature, ValueError):
        # Another version of this app may have signed other parts: ValueError.
        raise HandoffRefused(Refusal.INVALID) from None


def _account(user: Any) -> str:
    return user._meta.pk.value_to_string(user) if user.is_authenticated else ""
