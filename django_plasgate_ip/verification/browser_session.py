"""The id that ties a browser to its verifications: one small random text in its Django session."""

import secrets
from datetime import timedelta
from typing import Any

from django.db.models import Case, Q, Value, When
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from django_plasgate_ip.models import PhoneVerification

#: The session's entry for its id. The id is the ``session_id`` of this session's verifications.
SESSION_KEY = "plasgate_ip"
# For how long after a start its page fills the number in again.
NUMBER_SHOWN = timedelta(hours=1)


def account_of(request: HttpRequest) -> Any:
    """Return the primary key of the account that is signed in, or None."""
    # Django REST framework lets a site choose None as its anonymous user.
    user: Any = request.user
    if user is None or not user.is_authenticated:
        return None
    # The user of a token without a query has the key as text, which equals no stored key.
    field: Any = PhoneVerification._meta.get_field("user")
    return field.to_python(user.pk)


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


def change_session_id(request: HttpRequest, new: str, moved: Q) -> None:
    """Give this session the id `new`, and move what it still needs.

    These are its verifications that match `moved`, and those that this browser continues for
    another one. The others keep the old id.

    SECURITY: session fixation. Who planted this session earlier knows its old id.
    """
    old = get_session_id(request)
    is_own, is_continued = Q(session_id=old), Q(callback_session_id=old)
    # SECURITY: the empty id is no session's. The verifications of all apps have it.
    if old:
        rows = PhoneVerification.objects.on_primary().filter(
            (moved & is_own) | (is_continued & (moved | ~is_own))
        )
        # In one UPDATE: with one of its two ids, a verification would look handed over.
        rows.update(
            session_id=Case(When(is_own, then=Value(new)), default="session_id"),
            callback_session_id=Case(
                When(is_continued, then=Value(new)), default="callback_session_id"
            ),
        )
    remember(request, new)


def is_own(request: HttpRequest, verification: PhoneVerification) -> bool:
    """Whether the verification belongs to this request's user, or was started in its session.

    A verification with a user belongs to this user alone.
    """
    if verification.user_id is not None:
        return bool(verification.user_id == request.user.pk)
    session_id = get_session_id(request)
    return bool(session_id) and verification.session_id == session_id


def may_see_number(request: HttpRequest, verification: PhoneVerification) -> bool:
    """Whether this visitor typed the number in this session, at most an hour ago.

    SECURITY: a login keeps the failed verifications of its anonymous session, and an account finds
    its own in each browser. On a shared computer, another person may have typed that number.
    """
    return (
        bool(verification.session_id)
        and verification.session_id == get_session_id(request)
        and verification.user_id == request.user.pk
        and not verification.is_handed_over
        and timezone.now() - verification.created_at <= NUMBER_SHOWN
    )


def is_continued_here(request: HttpRequest, verification: PhoneVerification) -> bool:
    """Whether this browser continues another browser's verification: the phone in a hand-off."""
    is_here = verification.callback_session_id == get_session_id(request)
    return verification.is_handed_over and is_here


def is_carrier(request: HttpRequest, verification: PhoneVerification) -> bool:
    """Whether this browser is the phone in a hand-off, and not signed in to the same account."""
    return is_continued_here(request, verification) and not is_own(request, verification)
