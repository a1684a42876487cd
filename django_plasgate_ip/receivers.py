"""The receivers that this app connects: of Django's login, and of its own signal."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

if TYPE_CHECKING:
    from django_plasgate_ip.models import PhoneVerification


def claim_session(sender: Any, request: HttpRequest | None, user: Any, **kwargs: Any) -> None:
    """On ``user_logged_in``: the account takes over what the session verified while anonymous."""
    # Some APIs log in without a request, or without a session.
    if getattr(request, "session", None) is None:
        return
    from django_plasgate_ip import backends, flow

    assert request is not None  # noqa: S101 - for the type checker; told by the line above
    if flow.SESSION_KEY in request.session:
        flow.claim_session(request, user, since=backends.claimable_since())


def note_for_login(
    sender: Any, verification: "PhoneVerification", request: HttpRequest | None, **kwargs: Any
) -> None:
    """On ``phone_verified``: an anonymous session may log in by it, where the site lets it."""
    if request is None or verification.user_id is not None:
        return
    from django_plasgate_ip import backends

    backends.note_for_login(request, verification)
