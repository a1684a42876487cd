"""The id that ties a browser to its verifications: one small random text in its Django session."""

import secrets

from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from django_plasgate_ip.models import PhoneVerification

#: The session's one entry: the id that this session's verifications have as ``session_id``.
SESSION_KEY = "plasgate_ip"


def get_session_id(request: HttpRequest) -> str:
    """Return this session's id, or an empty text where it has none yet."""
    # Some APIs log in without a session, or with None for one.
    session = getattr(request, "session", None) or {}
    return str(session.get(SESSION_KEY, ""))


def new_session_id(request: HttpRequest) -> str:
    """Return an id for this session. Two first starts at the same moment get the same one."""
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
    """Store the id in the session, which is saved only if the id is new to it."""
    if get_session_id(request) != session_id:
        request.session[SESSION_KEY] = session_id


def is_own(request: HttpRequest, verification: PhoneVerification) -> bool:
    """Whether the verification belongs to this request's user, or to its anonymous session."""
    if verification.user_id is not None:
        return bool(verification.user_id == request.user.pk)
    session_id = get_session_id(request)
    return bool(session_id) and verification.session_id == session_id


def is_carrier(request: HttpRequest, verification: PhoneVerification) -> bool:
    """Whether this browser only takes another session's verification to PlasGate and back."""
    return (
        verification.is_handed_over
        and verification.callback_session_id == get_session_id(request)
        and not is_own(request, verification)
    )
