"""Walks a test client through a verification: on the site's pages, or as an app without cookies."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

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

_AUTHENTICATE = "Give the client a token: Client(headers={'Authorization': 'Token …'})"
_APP_HINTS = _HINTS | {401: _AUTHENTICATE, 403: _AUTHENTICATE}


@dataclass(frozen=True)
class Result:
    """How a walk ended."""

    #: The callback's redirect to ``next`` or to the verification's page, not followed. For an app,
    #: the JSON that completes it.
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


def walk_for_app(client: Client, phone_number: str, callback_url: Callable[[str], str]) -> Result:
    """Walk `client` through the endpoints of `contrib.rest`, which the site includes.

    It posts what an app catches at the end of PlasGate's redirects. Otherwise as `walk`.
    """
    path = reverse("plasgate_ip_rest:start")
    response = _post_json(client, path, {"phone_number": phone_number})
    if response.status_code != 201:
        raise _stopped(f"POST {path}", response, _APP_HINTS)
    started = response.json()
    query = dict(parse_qsl(urlsplit(callback_url(started["authorize_url"])).query))
    names = {"code", "state", "error", "error_description"} & set(query)
    path = reverse("plasgate_ip_rest:complete", args=[started["id"]])
    body = {"handle": started["handle"], **{name: query[name] for name in names}}
    response = _post_json(client, path, body)
    verification = PhoneVerification.objects.on_primary().get(pk=started["id"])
    if verification.is_live:
        raise _stopped(f"POST {path}", response, _APP_HINTS)
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


def _post_json(client: Client, path: str, body: dict[str, str]) -> Any:
    # Not `post`: Django REST framework's client gives it other arguments.
    kwargs: Any = {"content_type": "application/json", "secure": settings.SECURE_SSL_REDIRECT}
    return client.generic("POST", path, json.dumps(body), **kwargs)


def _stopped(where: str, response: Any, hints: dict[int, str] = _HINTS) -> AssertionError:
    status = response.status_code
    to = f" to {response['Location']}" if "Location" in response else ""
    hint = f" {hints[status]}." if status in hints else ""
    return AssertionError(f"{where} answered {status}{to}.{hint}")
