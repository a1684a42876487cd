"""Which browser a request comes from: one small random id in its session, and nothing else."""

import secrets

from django.http import HttpRequest
from django.utils.crypto import salted_hmac

#: The session's one entry: a random id that this session's rows carry as ``browser``.
SESSION_KEY = "plasgate_ip"


def get_session_id(request: HttpRequest) -> str:
    """Return this session's id; an empty text where it has none yet."""
    session = getattr(request, "session", {})
    return str(session.get(SESSION_KEY, ""))


def new_session_id(request: HttpRequest) -> str:
    """Return an id for this session: the same one for its two first starts at once."""
    key = request.session.session_key
    if not key:
        return secrets.token_urlsafe(16)
    return salted_hmac("django_plasgate_ip.browser", key, algorithm="sha256").hexdigest()[:32]


def remember(request: HttpRequest, browser: str) -> None:
    """Put the id into the session, which is saved only if it was not there."""
    if get_session_id(request) != browser:
        request.session[SESSION_KEY] = browser


def is_phone(request: HttpRequest) -> bool:
    """Whether the browser says that it is a phone's: "Mobi" is in the name of all that are.

    Tablets, and a phone that asks for a computer's pages, say that they are no phones. Fit for
    choosing what to show, and for nothing else: the browser's name is what it likes to say.
    """
    return "Mobi" in request.headers.get("User-Agent", "")


def get_or_create_session_id(request: HttpRequest) -> str:
    """Return this session's id, and give it one if it has none."""
    browser = get_session_id(request) or new_session_id(request)
    remember(request, browser)
    return browser
