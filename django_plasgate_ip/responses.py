"""The views' responses: pages in the site's own frame, redirects, errors, and their URLs."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from itertools import product
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.db import connections, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render, resolve_url
from django.template import TemplateDoesNotExist, engines
from django.template.backends.django import DjangoTemplates
from django.urls import get_script_prefix, reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_plasgate_ip import redirects
from django_plasgate_ip.apps import handoff_app
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import TooManyStarts
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Status
from django_plasgate_ip.verification import browser_session

# After so many seconds, a page that waits for a verification reloads.
REFRESH_SECONDS = 3

View = Callable[..., HttpResponse]


def outside_transactions(view: View) -> View:
    """Exempt a view from ``ATOMIC_REQUESTS`` on every database.

    `callback` calls the provider, and must not hold a transaction open meanwhile. The row of
    `start` must be visible to other starts at once, because the limits count it.
    """
    for alias in connections:
        view = transaction.non_atomic_requests(alias)(view)
    return view


def with_own_404(view: View) -> View:
    """Return the app's own page, or JSON, where the view raises Http404.

    Decorators such as `never_cache` change a response that is returned, but not one that Django
    makes of an exception.
    """

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Http404:
            message = _("This page does not exist, or it is not yours.")
            title, url = _("Page not found"), again_url("")
            return _error(request, 404, "not_found", title, message, url)

    return wrapper


def only(*methods: str) -> Callable[[View], View]:
    """Return status 405, as the app's own page or JSON, for any other method than these."""

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in methods:
                return not_allowed(request, methods, again_url(""))
            return view(request, *args, **kwargs)

        return wrapper

    return decorate


def not_allowed(request: HttpRequest, methods: Iterable[str], start_url: str) -> HttpResponse:
    """Return status 405, with the `methods` that are allowed and a link to the start page."""
    message = _("Your browser can't open this page in this way. Please start again.")
    response = _error(request, 405, "method_not_allowed", _("Start again"), message, start_url)
    response["Allow"] = ", ".join(methods)
    return response


def _error(
    request: HttpRequest, status: int, code: str, title: str, message: str, start_url: str
) -> HttpResponse:
    if wants_json(request):
        return vary(json_error(message, code, status))
    context = {
        "title": title,
        "message": message,
        "start_url": start_url,
        "home_url": get_script_prefix(),
    }
    return vary(render_page(request, "django_plasgate_ip/error.html", context, status))


def render_page(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Return one of the app's templates, inside the site's own base.html.

    The template finds `context` in the variable ``plasgate_ip``. Its names would replace variables
    that the site's base.html reads, such as ``form`` or ``message``.
    """
    group = {"plasgate_ip_base": _base_template(), "plasgate_ip": context}
    response = render(request, template, group, status=status)
    if "handoff" in context:
        # The hand-off shows no QR code to a phone; see `handoff.devices`.
        patch_vary_headers(response, ["Sec-CH-UA-Mobile", "User-Agent"])
    return response


def _base_template() -> Any:
    # A template of Django's can't extend one of Jinja2.
    engines_of_django = [each for each in engines.all() if isinstance(each, DjangoTemplates)]
    names = ["base.html", "django_plasgate_ip/default_base.html"]
    for name, engine in product(names, engines_of_django):
        with suppress(TemplateDoesNotExist):
            return engine.get_template(name)
    raise TemplateDoesNotExist("django_plasgate_ip/default_base.html")


def too_many_requests(request: HttpRequest, error: TooManyStarts, again_url: str) -> HttpResponse:
    """Return status 429, with the time until the next start. `again_url`: where to retry."""
    message = too_many_message(error)
    response: HttpResponse
    if wants_json(request):
        response = json_error(message, "too_many_starts", status=429)
    else:
        context = {
            "message": message,
            "again_url": again_url,
            "fallback_url": redirects.fallback_url(request),
        }
        response = render_page(request, "django_plasgate_ip/too_many.html", context, status=429)
    response["Retry-After"] = str(error.seconds)
    return response


def too_many_message(error: TooManyStarts) -> str:
    """Return one sentence for a visitor whom a limit has refused."""
    minutes = -(-error.seconds // 60)  # rounded up
    return ngettext(
        "Too many attempts. Please try again in %(minutes)d minute.",
        "Too many attempts. Please try again in %(minutes)d minutes.",
        minutes,
    ) % {"minutes": minutes}


def login_needed(request: HttpRequest, path: str) -> HttpResponse:
    """Redirect to the login, which leads back to `path`, or return status 401 as JSON."""
    if wants_json(request):
        return vary(json_error(_("Sign in first."), "login_required", status=401))
    return vary(HttpResponseRedirect(login_url(request, path)))


def login_url(request: HttpRequest, path: str) -> str:
    """Return ``LOGIN_URL`` with `path` as ``next``."""
    return with_next(request, resolve_url(settings.LOGIN_URL), path)


def with_next(request: HttpRequest, url: str, path: str) -> str:
    """Return `url` with `path`, a path on this site, as ``next``.

    On another host, ``next`` is absolute, as Django's ``login_required`` has it.
    """
    here = request.build_absolute_uri(path)
    scheme, host = urlsplit(here)[:2]
    target = urlsplit(url)
    is_here = (target.scheme or scheme, target.netloc or host) == (scheme, host)
    return redirect_to_login(path if is_here else here, url).url


def json_error(message: str, code: str, status: int, **urls: str) -> JsonResponse:
    """Return one error, in the form that Django's forms have. `urls`: where to continue."""
    errors = {"__all__": [{"message": message, "code": code}]}
    return JsonResponse({"errors": errors, **urls}, status=status)


def verification_json(verification: PhoneVerification) -> dict[str, Any]:
    """Return what an owner's script or app reads of a verification."""
    # SECURITY: no claims, and neither of the operator's ids. A script or a browser's cache could
    # keep them.
    return {
        "id": str(verification.pk),
        "status": verification.status,
        "reason": verification.reason,
        "message": str(verification.visitor_message),
        "phone_number": verification.masked_number,
        "created_at": verification.created_at,
        "completed_at": verification.completed_at,
    }


def redirect_to_plasgate(request: HttpRequest, authorize_url: str) -> HttpResponse:
    """Redirect the browser to PlasGate, or return the page that does so."""
    if conf.PLASGATE_IP_CONTINUE_PAGE:
        # For sites whose CSP has form-action 'self'. Chromium applies it to a redirect that follows
        # a POST, but not to a link or a Refresh header.
        context = {"authorize_url": authorize_url}
        response = render_page(request, "django_plasgate_ip/continue_to_plasgate.html", context)
        response["Refresh"] = f"0; url={authorize_url}"
        return response
    return _RedirectToPlasGate(authorize_url)


class _RedirectToPlasGate(HttpResponseRedirect):
    """SECURITY: an error tracker stores the repr. This one hides the URL, which has the number."""

    def __repr__(self) -> str:
        return "<HttpResponseRedirect to PlasGate>"


def result_url(request: HttpRequest, verification: PhoneVerification) -> str:
    """Return ``next`` for a verified visitor, or the URL of the verification's own page.

    The phone of a hand-off always gets the page: ``next`` is for the computer.
    """
    if verification.status == Status.VERIFIED and not browser_session.is_carrier(
        request, verification
    ):
        return next_url(request, verification) or detail_url(verification)
    return detail_url(verification)


def detail_url(verification: PhoneVerification) -> str:
    """Return the URL of the verification's own page."""
    return reverse("plasgate_ip:detail", args=[verification.pk])


def next_url(request: HttpRequest, verification: PhoneVerification) -> str:
    """Return the verification's ``next`` if it is still on this site, or an empty text."""
    # SECURITY: checked again. The host may be another one than at the start, or staff may have
    # changed the row.
    return redirects.safe_next(request, verification.next_url)


def start_url(next_url: str) -> str:
    """Return the start page's URL, with ``next`` in its query unless `next_url` is empty."""
    return reverse("plasgate_ip:start", query={"next": next_url} if next_url else None)


def again_url(next_url: str) -> str:
    """Return the URL of the start page's form, also for a visitor who is verified already."""
    query = {"next": next_url} if next_url else {}
    return reverse("plasgate_ip:start", query={**query, redirects.AGAIN: "1"})


def invitation(request: HttpRequest, next_url: str, again_url: str) -> Any:
    """Return the QR code to continue on a phone, or None on a site without the hand-off."""
    handoff = handoff_app()
    return handoff.invite(request, next_url, again_url) if handoff else None


def wants_json(request: HttpRequest) -> bool:
    """Whether ``Accept`` prefers JSON to HTML by name. A browser's does not, nor does ``*/*``.

    Not `HttpRequest.get_preferred_type`: many clients send ``application/json; charset=UTF-8``,
    which it does not match with ``application/json``.
    """
    for accepted in request.accepted_types:
        if (accepted.main_type, accepted.sub_type) == ("application", "json"):
            return True
        if accepted.match("text/html"):
            return False
    return False


def vary(response: HttpResponse) -> HttpResponse:
    """Add ``Vary: Accept``, the header that `wants_json` reads, and return the response."""
    patch_vary_headers(response, ["Accept"])
    return response


def is_prefetch(request: HttpRequest) -> bool:
    """Whether the browser loads the page in advance, before its user has opened it."""
    names = ("Sec-Purpose", "X-Purpose", "Purpose", "X-Moz")
    purposes = " ".join(request.headers.get(name, "") for name in names).lower()
    return any(word in purposes for word in ("prefetch", "preview", "prerender"))
