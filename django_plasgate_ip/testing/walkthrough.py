"""Walks Django's test client through a verification on the site's own pages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.middleware.csrf import get_token
from django.test import Client
from django.urls import reverse

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.redirects import AGAIN, MOVED
from django_plasgate_ip.verification.browser_session import SESSION_KEY

_HINTS = {
    302: "Sign the client in (client.force_login(user)), or set PLASGATE_IP_LOGIN_REQUIRED = False",
    400: "This is not a phone number that could be verified",
    403: "The site's start.html needs {% csrf_token %} in its form",
    429: "A limit was reached: PLASGATE_IP_MAX_STARTS_PER_NUMBER, …_PER_USER and the like",
}


@dataclass(frozen=True)
class Result:
    """How a walk ended."""

    #: The callback's redirect to ``next`` or to the verification's page, not followed.
    response: Any
    #: The finished verification, as it is stored.
    verification: PhoneVerification


def walk(
    client: Client, phone_number: str, next_url: str, callback_url: Callable[[str], str]
) -> Result:
    """Walk `client` from the start page to PlasGate and through the callback.

    `callback_url` returns where PlasGate sends the browser that came with the given URL. Raises
    AssertionError where the site stops the walk.
    """
    authorize_url = _start(client, phone_number, next_url)
    rows = PhoneVerification.objects.on_primary()
    started = rows.for_session(client.session[SESSION_KEY])[0]
    response = _open(client, callback_url(authorize_url))
    verification = rows.get(pk=started.pk)
    if verification.is_live:
        raise _stopped("The callback", response)
    return Result(response, verification)


def _start(client: Client, phone_number: str, next_url: str) -> str:
    path = reverse("plasgate_ip:start")
    # The client's host is rarely the public one: the page must not redirect. It must show the form
    # also to a visitor who is verified already.
    page = _open(client, path, {"next": next_url, MOVED: "1", AGAIN: "1"})
    if page.status_code != 200:
        raise _stopped(f"GET {path}", page)
    form = {
        "phone_number": phone_number,
        "next": next_url,
        "csrfmiddlewaretoken": get_token(page.wsgi_request),
    }
    # Over https, Django's CSRF check requires the Referer.
    referer = page.wsgi_request.build_absolute_uri()
    response = client.post(
        path, form, secure=settings.SECURE_SSL_REDIRECT, headers={"referer": referer}
    )
    # With PLASGATE_IP_CONTINUE_PAGE, a page refreshes to PlasGate instead of a redirect.
    url = str(response.get("Location") or response.get("Refresh", "").partition("url=")[2])
    if not urlsplit(url).path.endswith("/authenticate"):
        raise _stopped(f"POST {path}", response)
    return url


def _open(client: Client, path: str, query: dict[str, str] | None = None) -> Any:
    return client.get(path, query, secure=settings.SECURE_SSL_REDIRECT)


def _stopped(where: str, response: Any) -> AssertionError:
    status = response.status_code
    to = f" to {response['Location']}" if "Location" in response else ""
    hint = f" {_HINTS[status]}." if status in _HINTS else ""
    return AssertionError(f"{where} answered {status}{to}.{hint}")
