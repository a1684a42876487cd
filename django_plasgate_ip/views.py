"""The web: read the request, call `flow`, choose a response."""

import json
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.db import connections, transaction
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import render
from django.template import TemplateDoesNotExist, engines
from django.template.backends.django import DjangoTemplates
from django.urls import get_script_prefix, reverse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from django_plasgate_ip import flow, links
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import InvalidCallback, TooManyStarts
from django_plasgate_ip.forms import StartForm
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Status

# Seconds until the page of an attempt that is being exchanged looks again.
REFRESH_SECONDS = 3

View = Callable[..., HttpResponse]


def _outside_transactions(view: View) -> View:
    """Exempt from ``ATOMIC_REQUESTS`` on every database.

    The provider is called in `callback`; and what `start` stores must be seen by the next start at
    once, or a limit is no limit.
    """
    for alias in connections:
        view = transaction.non_atomic_requests(alias)(view)
    return view


@login_not_required
@never_cache
@_outside_transactions
@csrf_protect
@sensitive_post_parameters("phone_number")
@sensitive_variables()
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """GET shows the form, POST starts an attempt and sends the browser to PlasGate."""
    if request.method != "POST":
        # SECURITY: a Content-Type has Django read the query in any charset, utf-7 and lone
        # surrogates included; our URLs are UTF-8.
        request.encoding = "utf-8"
    if conf.PLASGATE_IP_LOGIN_REQUIRED and not request.user.is_authenticated:
        return _vary(_login_needed(request))
    if request.method != "POST":
        return _start_page(request, StartForm(initial={"next": request.GET.get("next", "")}))
    form = StartForm(_posted(request))
    if not form.is_valid():
        return _vary(_bad_form(request, form))
    data = form.cleaned_data
    try:
        attempt = flow.begin(request, data.get("phone_number"), next_url=data["next"])
    except TooManyStarts as error:
        return _vary(_slow_down(request, error))
    return _vary(_sent_off(request, attempt))


@login_not_required
@never_cache
@_outside_transactions
@sensitive_variables()
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Take what PlasGate sends back, and go on at once: the code must not stay in the address."""
    if _is_prefetch(request):
        # Not a 2xx, which the browser might keep and show: the code is spent by a visit only.
        return HttpResponse(status=503)
    try:
        verification = flow.complete(request)
    except InvalidCallback:
        response = _page(request, "invalid_callback", {}, status=400)
        # A page may have forms in the site's base.html, whose POST "no-referrer" would send with
        # "Origin: null", which Django's CSRF check refuses.
        response["Referrer-Policy"] = "same-origin"
    else:
        # Not `redirect`, which would take a next such as "foo" for the name of a view.
        response = HttpResponseRedirect(_after(request, verification))
        response["Referrer-Policy"] = "no-referrer"
    # The address holds the code and the private key: no other site shall read it in a Referer, and
    # no cache keep it (never_cache).
    return response


@login_not_required
@never_cache
@require_safe
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """An attempt's own page, for who made it: how it stands, and what to do next."""
    verification = flow.find(request, pk)
    if verification is None:
        raise Http404("No such attempt.")
    if _wants_json(request):
        return _vary(JsonResponse(_as_json(verification)))
    context = {
        "verification": verification,
        "next_url": _next_url(request, verification) or get_script_prefix(),
        "start_url": _start_url(verification.next_url),
        "fallback_url": links.fallback_url(request, verification),
    }
    response = _page(request, _DETAIL_TEMPLATES[Status(verification.status)], context)
    if verification.status == Status.EXCHANGING:
        response["Refresh"] = str(REFRESH_SECONDS)
    return _vary(response)


_DETAIL_TEMPLATES = {
    Status.PENDING: "waiting",
    Status.EXCHANGING: "waiting",
    Status.VERIFIED: "verified",
    Status.FAILED: "failed",
    Status.ERROR: "failed",
}


def _page(
    request: HttpRequest, name: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
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


def _start_page(request: HttpRequest, form: StartForm, status: int = 200) -> HttpResponse:
    return _page(request, "start", {"form": form}, status)


def _posted(request: HttpRequest) -> Any:
    """Return the fields of the form, or of the JSON object that a script's client sends."""
    if request.content_type != "application/json":
        return request.POST
    try:
        data = json.loads(request.body)
    except (ValueError, RecursionError):
        data = None
    fields = data.items() if isinstance(data, dict) else ()
    return {name: value for name, value in fields if isinstance(value, str)}


def _login_needed(request: HttpRequest) -> HttpResponse:
    if _wants_json(request):
        error = {"message": _("Sign in first."), "code": "login_required"}
        return JsonResponse({"errors": {"__all__": [error]}}, status=401)
    # A form that outlived its session brings its next along; a GET has it in its address.
    data = request.POST if request.method == "POST" else request.GET
    return redirect_to_login(_start_url(links.safe_next(request, data.get("next", ""))))


def _bad_form(request: HttpRequest, form: StartForm) -> HttpResponse:
    if _wants_json(request):
        return JsonResponse({"errors": form.errors.get_json_data()}, status=400)
    return _start_page(request, form, status=400)


def _slow_down(request: HttpRequest, error: TooManyStarts) -> HttpResponse:
    minutes = -(-error.seconds // 60)  # rounded up: earlier would be too early
    message = ngettext(
        "Too many attempts. Please try again in %(minutes)d minute.",
        "Too many attempts. Please try again in %(minutes)d minutes.",
        minutes,
    ) % {"minutes": minutes}
    response: HttpResponse
    if _wants_json(request):
        errors = {"__all__": [{"message": message, "code": "too_many_starts"}]}
        response = JsonResponse({"errors": errors}, status=429)
    else:
        # Its next came with the form, and goes along to the next try.
        next_url = links.safe_next(request, request.POST.get("next", ""))
        context = {
            "message": message,
            "start_url": _start_url(next_url),
            "fallback_url": links.fallback_url(request),
        }
        response = _page(request, "too_many", context, status=429)
    response["Retry-After"] = str(error.seconds)
    return response


class _ToPlasGate(HttpResponseRedirect):
    """A redirect that does not show its URL, with the number in it, in an error tracker."""

    def __repr__(self) -> str:
        return "<HttpResponseRedirect to PlasGate>"


def _sent_off(request: HttpRequest, attempt: flow.Attempt) -> HttpResponse:
    if _wants_json(request):
        pk = attempt.verification.pk
        detail_url = reverse("plasgate_ip:detail", args=[pk])
        urls = {"authorize_url": attempt.authorize_url, "detail_url": detail_url}
        return JsonResponse({"id": str(pk), **urls})
    if conf.PLASGATE_IP_CONTINUE_PAGE:
        # For sites whose CSP has form-action 'self': Chromium applies it to the redirect after a
        # POST, too, but not to a link or a refresh.
        response = _page(request, "continue", {"authorize_url": attempt.authorize_url})
        response["Refresh"] = f"0; url={attempt.authorize_url}"
        return response
    return _ToPlasGate(attempt.authorize_url)


def _after(request: HttpRequest, verification: PhoneVerification) -> str:
    """Return where the browser goes from the callback: ``next`` once verified, else its page."""
    next_url = _next_url(request, verification)
    if verification.status == Status.VERIFIED and next_url:
        return next_url
    # The callback's path may be the default language's; the visitor's page is not.
    with translation.override(verification.language or translation.get_language()):
        return reverse("plasgate_ip:detail", args=[verification.pk])


def _next_url(request: HttpRequest, verification: PhoneVerification) -> str:
    # SECURITY: checked at the start, and again here: allowed hosts change, rows can be edited.
    return links.safe_next(request, verification.next_url)


def _start_url(next_url: str) -> str:
    url = reverse("plasgate_ip:start")
    return f"{url}?{urlencode({'next': next_url})}" if next_url else url


def _as_json(verification: PhoneVerification) -> dict[str, Any]:
    # SECURITY: no claim and no id of the operator's, which outlive this page in a browser's cache
    # or in a script's hands.
    return {
        "id": str(verification.pk),
        "status": verification.status,
        "reason": verification.reason,
        "message": str(verification.message),
        "phone_number": verification.masked_number,
        "created_at": verification.created_at,
        "completed_at": verification.completed_at,
    }


def _wants_json(request: HttpRequest) -> bool:
    """Whether ``Accept`` names JSON ahead of HTML; a browser's, and ``*/*``, do not."""
    for accepted in request.accepted_types:
        # Not `get_preferred_type`: to it, "application/json; charset=utf-8" is something else.
        if (accepted.main_type, accepted.sub_type) == ("application", "json"):
            return True
        if accepted.match("text/html"):
            return False
    return False


def _vary(response: HttpResponse) -> HttpResponse:
    patch_vary_headers(response, ["Accept"])
    return response


def _is_prefetch(request: HttpRequest) -> bool:
    purposes = (request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz"))
    return any("prefetch" in purpose for purpose in purposes)
