"""The token in a hand-off's link: signed, valid for five minutes, stored nowhere.

It is not encrypted: everybody who sees it can read the ids of the session and the account. These
ids give no access, because the session cookie holds a different key.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from django.core import signing
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from django_plasgate_ip.handoff.errors import HandoffRefused, Refusal
from django_plasgate_ip.verification import browser_session

SALT = "django_plasgate_ip.handoff"
LIFETIME = timedelta(minutes=5)
# Of a UUID, in bytes.
_PK_SIZE = 16


@dataclass(frozen=True)
class Token:
    """The content of a link."""

    #: The primary key of the hand-off, and of the verification that it starts.
    pk: UUID
    #: The id of the session that showed the link (see `browser_session`).
    session_id: str
    #: The primary key of that session's account as text. Empty for an anonymous visitor.
    account: str
    #: A digest of the account's session auth hash, which changes with the password.
    auth_digest: bytes
    #: How old the link is.
    age: timedelta = field(compare=False)
    #: Whether the link is more than five minutes old.
    is_expired: bool

    def is_of(self, request: HttpRequest) -> bool:
        """Whether this request comes from the session and the account that showed the link."""
        session_id = browser_session.get_session_id(request)
        return (
            self.session_id == session_id
            and self.account == _account(request.user)
            and self.has_password_of(request.user)
        )

    def has_password_of(self, user: Any) -> bool:
        """Whether this user's password is the one of the moment when the link was shown.

        Always true for a user model whose sessions outlive a new password.
        """
        return self.auth_digest in map(_digest, _auth_hashes(user))

    @property
    def owner(self) -> str:
        """A keyed hash of the account, or of an anonymous visitor's session: 32 characters."""
        name = self.account or self.session_id
        return salted_hmac(SALT, name, algorithm="sha256").hexdigest()[:32]


def issue(request: HttpRequest) -> str:
    """Return a new token of this request's session and account.

    A session without an id gets one (see `browser_session`).
    """
    session_id = browser_session.get_or_create_session_id(request)
    account = urlsafe_base64_encode(_account(request.user).encode())
    # JSON would be longer, and its QR code too dense for a cheap camera.
    ids = uuid4().bytes + _digest(next(_auth_hashes(request.user)))
    parts = (session_id, urlsafe_base64_encode(ids), account)
    return signing.TimestampSigner(salt=SALT).sign(".".join(parts))


def read(text: str) -> Token:
    """Return the content of a token, also of one that has expired.

    Raises `HandoffRefused` if it was not signed with one of the site's keys.
    """
    signer = signing.TimestampSigner(salt=SALT)
    try:
        signed = signer.unsign(text)
        age = timedelta(seconds=time.time() - signing.b62_decode(text.split(signer.sep)[-2]))
        session_id, packed, account = signed.split(".")
        ids = urlsafe_base64_decode(packed)
        return Token(
            pk=UUID(bytes=ids[:_PK_SIZE]),
            session_id=session_id,
            account=urlsafe_base64_decode(account).decode(),
            auth_digest=ids[_PK_SIZE:],
            age=age,
            is_expired=age > LIFETIME,
        )
    except (signing.BadSignature, ValueError):
        # Another version of this app may have signed other parts: ValueError.
        raise HandoffRefused(Refusal.INVALID) from None


def _account(user: Any) -> str:
    return user._meta.pk.value_to_string(user) if user.is_authenticated else ""


def _auth_hashes(user: Any) -> Iterator[Any]:
    """Yield the user's session auth hash, and then those with former keys of the site.

    Anonymous visitors and some user models have none: an empty text.
    """
    yield getattr(user, "get_session_auth_hash", str)()
    yield from getattr(user, "get_session_auth_fallback_hash", tuple)()


def _digest(auth_hash: Any) -> bytes:
    # 64 bits keep the QR code small. The link is signed, so nobody can try others.
    return sha256(str(auth_hash).encode()).digest()[:8]
