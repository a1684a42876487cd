"""The one receiver of Django's own signals that this app connects."""

from typing import Any

from django.http import HttpRequest


def claim_session(sender: Any, request: HttpRequest | None, user: Any, **kwargs: Any) -> None:
    """On ``user_logged_in``: the account takes over what the session verified while anonymous."""
    # Some APIs log in without a request, or without a session.
    if getattr(request, "session", None) is None:
        return
    from django_plasgate_ip import flow

    assert request is not None  # noqa: S101 - for the type checker; told by the line above
    if flow.SESSION_KEY in request.session:
        flow.claim_session(request, user)
