"""What every view of ours needs: the site's own frame, and how a request likes its answer."""

from collections.abc import Callable
from contextlib import suppress
from itertools import product
from typing import Any
from urllib.parse import urlencode

from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.template import TemplateDoesNotExist, engines
from django.template.backends.django import DjangoTemplates
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import ngettext

from django_plasgate_ip import flow, redirects
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import TooManyStarts
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Status

# Seconds until a page that waits for an attempt looks again.
REFRESH_SECONDS = 3

View = Callable[..., HttpResponse]


def outside_transactions(view: View) -> View:
    """Exempt from ``ATOMIC_REQUESTS`` on every database.

    The provider is called in `callback`; and what `start` stores must be seen by the next start at
    once, or a limit is no limit.
    """
    for alias in connections:
        view = transaction.non_atomic_requests(alias)(view)
    return view


def render_page(
    request: HttpRequest, name: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Return our template `name`, inside the site's own base.html."""
    context = {"plasgate_ip_base": _base_template(), **context}
    return render(request, f"django_plasgate_ip/{name}.html", context, status=status)


def _base_template() -> Any:
    """Return the site's own base.html, or a bare one where it has none.

    Asks Django's own engines only: their ``extends`` can't extend another's template.
    """
    ours = [engine for engine in engines.all() if isinstance(engine, DjangoTemplates)]
    for name, engine in product(["base.html", "django_plasgate_ip/bare.html"], ours):
        with suppress(TemplateDoesNotExist):
            return engine.get_template(name)
    raise TemplateDoesNotExist("django_plasgate_ip/bare.html")


def too_many_requests(request: HttpRequest, error: TooManyStarts, again_url: str) -> HttpResponse:
    """Say, with status 429, when the next start is let through, at `again_url`."""
    minutes = -(-error.seconds // 60)  # rounded up: earlier would be too early
    message = ngettext(
        "Too many attempts. Please try again in %(minutes)d minute.",
        "Too many attempts. Please try again in %(minutes)d minutes.",
        minutes,
    ) % {"minutes": minutes}
    response: HttpResponse
    if wants_json(request):
        errors = {"__all__": [{"message": message, "code": "too_many_starts"}]}
        response = JsonResponse({"errors": errors}, status=429)
    else:
        context = {
            "message": message,
            "again_url": again_url,
            "fallback_url": redirects.fallback_url(request),
        }
        response = render_page(request, "too_many", context, status=429)
    response["Retry-After"] = str(error.seconds)
    return response


def redirect_to_plasgate(request: HttpRequest, authorize_url: str) -> HttpResponse:
    """Send the browser that has posted a form to PlasGate."""
    if conf.PLASGATE_IP_CONTINUE_PAGE:
        # For sites whose CSP has form-action 'self': Chromium applies it to the redirect after a
        # POST, too, but not to a link or a refresh.
        response = render_page(request, "continue", {"authorize_url": authorize_url})
        response["Refresh"] = f"0; url={authorize_url}"
        return response
    return _ToPlasGate(authorize_url)


class _ToPlasGate(HttpResponseRedirect):
    """A redirect that does not show its URL, with the number in it, in an error tracker."""

    def __repr__(self) -> str:
        return "<HttpResponseRedirect to PlasGate>"


def result_url(request: HttpRequest, verification: PhoneVerification) -> str:
    """Return where a browser goes with an attempt: ``next`` once verified, else its own page."""
    if verification.status == Status.VERIFIED and not flow.is_carrier(request, verification):
        return next_url(request, verification) or _own_page(verification)
    return _own_page(verification)


def _own_page(verification: PhoneVerification) -> str:
    return reverse("plasgate_ip:detail", args=[verification.pk])


def next_url(request: HttpRequest, verification: PhoneVerification) -> str:
    """Return the attempt's ``next``, or an empty text."""
    # SECURITY: checked at the start, and again here: allowed hosts change, rows can be edited.
    return redirects.safe_next(request, verification.next_url)


def start_url(next_url: str) -> str:
    """Return the start page's URL, which brings the visitor to `next_url` in the end."""
    url = reverse("plasgate_ip:start")
    return f"{url}?{urlencode({'next': next_url})}" if next_url else url


def wants_json(request: HttpRequest) -> bool:
    """Whether ``Accept`` names JSON ahead of HTML; a browser's, and ``*/*``, do not."""
    # Hardly a request gets past this; to parse all its headers took a hundredth of a start.
    if "json" not in request.META.get("HTTP_ACCEPT", "").lower():
        return False
    for accepted in request.accepted_types:
        # Not `get_preferred_type`: to it, "application/json; charset=utf-8" is something else.
        if (accepted.main_type, accepted.sub_type) == ("application", "json"):
            return True
        if accepted.match("text/html"):
            return False
    return False


def vary(response: HttpResponse) -> HttpResponse:
    """Tell caches that the answer depends on what `wants_json` looks at."""
    patch_vary_headers(response, ["Accept"])
    return response


def is_prefetch(request: HttpRequest) -> bool:
    """Whether a browser asks in advance, for a page that nobody may come to see."""
    purposes = (request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz"))
    return any("prefetch" in purpose for purpose in purposes)
