"""The id that ties a browser to its verifications: one small random text in its Django session."""

import secrets
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason

#: The app's only key in the session. Its value is the ``session_id`` of this session's
#: verifications.
SESSION_KEY = "plasgate_ip"


def get_session_id(request: HttpRequest) -> str:
    """Return this session's id, or an empty text if it has none yet."""
    # Some APIs log in without a session, or with None as the session.
    session = getattr(request, "session", None) or {}
    return str(session.get(SESSION_KEY, ""))


def new_session_id(request: HttpRequest) -> str:
    """Return a new id for this session, of at most 32 characters.

    It is derived from the session's key, so two first starts at the same moment get the same id.
    Without a key, it is random.
    """
    key = request.session.session_key
    if not key:
        return secrets.token_urlsafe(16)
    return salted_hmac("django_plasgate_ip.session_id", key, algorithm="sha256").hexdigest()[:32]


def get_or_create_session_id(request: HttpRequest) -> str:
    """Return this session's id; store a new one in the session if it has none."""
    session_id = get_session_id(request) or new_session_id(request)
    remember(request, session_id)
    return session_id


def remember(request: HttpRequest, session_id: str) -> None:
    """Store the id in the session. A session that has this id already is not saved again."""
    if get_session_id(request) != session_id:
        request.session[SESSION_KEY] = session_id


def change_session_id(request: HttpRequest, user: Any, new: str) -> None:
    """Give the session of `user`, who has just logged in, the id `new`; move what they still need.

    These are the verifications of `user`, those that the login ended, and those that this browser
    continues for another one. Other anonymous verifications keep the old id.

    SECURITY: session fixation. Who planted this session before the login knows its old id.
    """
    old = get_session_id(request)
    verifications = PhoneVerification.objects.on_primary()
    moved = Q(user_id=user.pk) | Q(user=None, reason=Reason.USER_CHANGED)
    is_continued = ~Q(session_id=old)
    # In one transaction: with one of its two ids, a verification would look handed over.
    with transaction.atomic(using=verifications.db):
        continued = verifications.filter(moved | is_continued, callback_session_id=old)
        continued.update(callback_session_id=new)
        verifications.filter(moved, session_id=old).update(session_id=new)
    remember(request, new)


def is_own(request: HttpRequest, verification: PhoneVerification) -> bool:
    """Whether the verification belongs to this request's user, or was started in its session.

    A verification with a user belongs to this user alone.
    """
    if verification.user_id is not None:
        return bool(verification.user_id == request.user.pk)
    session_id = get_session_id(request)
    return bool(session_id) and verification.session_id == session_id


def is_carrier(request: HttpRequest, verification: PhoneVerification) -> bool:
    """Whether this browser confirms another browser's verification: the phone in a hand-off."""
    return (
        verification.is_handed_over
        and verification.callback_session_id == get_session_id(request)
        and not is_own(request, verification)
    )
