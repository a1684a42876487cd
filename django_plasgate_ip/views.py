"""The web: read the request, call `flow`, choose a response."""

import json
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import get_script_prefix, reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from django_plasgate_ip import flow, redirects, responses
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import InvalidCallback, TooManyStarts
from django_plasgate_ip.forms import StartForm
from django_plasgate_ip.handoff.invitation import invite
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason, Status


@login_not_required
@never_cache
@responses.outside_transactions
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
    if not request.user.is_authenticated and conf.PLASGATE_IP_LOGIN_REQUIRED:
        return responses.vary(_login_needed(request))
    if request.method != "POST":
        next_url = request.GET.get("next", "")
        return _start_page(request, StartForm(initial={"next": next_url}), next_url)
    form = StartForm(_posted(request))
    if not form.is_valid():
        return responses.vary(_bad_form(request, form))
    data = form.cleaned_data
    try:
        attempt = flow.begin(request, data.get("phone_number"), next_url=data["next"])
    except TooManyStarts as error:
        return responses.vary(
            responses.too_many_requests(
                request, error, responses.start_url(redirects.safe_next(request, data["next"]))
            )
        )
    return responses.vary(_sent_off(request, attempt))


@login_not_required
@never_cache
@responses.outside_transactions
@sensitive_variables()
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Take what PlasGate sends back, and go on at once: the code must not stay in the address."""
    if responses.is_prefetch(request):
        # Not a 2xx, which the browser might keep and show: the code is spent by a visit only.
        return HttpResponse(status=503)
    try:
        verification = flow.complete(request)
    except InvalidCallback:
        response = responses.render_page(request, "invalid_callback", {}, status=400)
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
    if responses.wants_json(request):
        return responses.vary(JsonResponse(_as_json(verification)))
    if flow.is_carrier(request, verification):
        response = _carriers_page(request, verification)
    else:
        response = _owners_page(request, verification)
    if verification.status == Status.EXCHANGING or (
        verification.is_live and verification.is_handed_over
    ):
        response["Refresh"] = str(responses.REFRESH_SECONDS)
    return responses.vary(response)


def _owners_page(request: HttpRequest, verification: PhoneVerification) -> HttpResponse:
    context = {
        "verification": verification,
        "next_url": responses.next_url(request, verification) or get_script_prefix(),
        "start_url": responses.start_url(verification.next_url),
        "fallback_url": redirects.fallback_url(request, verification),
    }
    if verification.reason == Reason.NOT_ON_MOBILE_DATA:
        own_url = reverse("plasgate_ip:detail", args=[verification.pk])
        context["handoff"] = invite(
            request, verification.next_url, again_url=own_url, repeats=verification.pk
        )
    return responses.render_page(request, _DETAIL_TEMPLATES[Status(verification.status)], context)


def _carriers_page(request: HttpRequest, verification: PhoneVerification) -> HttpResponse:
    """Tell the phone how the computer's attempt went; where that goes next is not for the phone."""
    context = {"verification": verification, "authorize_url": ""}
    if verification.status == Status.PENDING:
        # For one whose way to PlasGate was lost, by a second tap or by going back.
        context["authorize_url"] = flow.authorize_url(request, verification)
    return responses.render_page(request, "carried", context)


_DETAIL_TEMPLATES = {
    Status.PENDING: "waiting",
    Status.EXCHANGING: "waiting",
    Status.VERIFIED: "verified",
    Status.FAILED: "failed",
    Status.ERROR: "failed",
}


def _start_page(
    request: HttpRequest, form: StartForm, next_url: str, status: int = 200
) -> HttpResponse:
    next_url = redirects.safe_next(request, next_url)
    invitation = invite(request, next_url, again_url=responses.start_url(next_url))
    return responses.render_page(request, "start", {"form": form, "handoff": invitation}, status)


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
    if responses.wants_json(request):
        error = {"message": _("Sign in first."), "code": "login_required"}
        return JsonResponse({"errors": {"__all__": [error]}}, status=401)
    # A form that outlived its session brings its next along; a GET has it in its address.
    data = request.POST if request.method == "POST" else request.GET
    return redirect_to_login(
        responses.start_url(redirects.safe_next(request, data.get("next", "")))
    )


def _bad_form(request: HttpRequest, form: StartForm) -> HttpResponse:
    if responses.wants_json(request):
        return JsonResponse({"errors": form.errors.get_json_data()}, status=400)
    next_url = form.cleaned_data.get("next", "")
    return _start_page(request, form, next_url, status=400)


def _sent_off(request: HttpRequest, attempt: flow.StartedVerification) -> HttpResponse:
    if responses.wants_json(request):
        pk = attempt.verification.pk
        detail_url = reverse("plasgate_ip:detail", args=[pk])
        urls = {"authorize_url": attempt.authorize_url, "detail_url": detail_url}
        return JsonResponse({"id": str(pk), **urls})
    return responses.redirect_to_plasgate(request, attempt.authorize_url)


def _after(request: HttpRequest, verification: PhoneVerification) -> str:
    """Return where the browser goes from the callback."""
    # The callback's path may be the default language's; the visitor's page is not.
    with translation.override(verification.language or translation.get_language()):
        return responses.result_url(request, verification)


def _as_json(verification: PhoneVerification) -> dict[str, Any]:
    # SECURITY: no claim and no id of the operator's, which outlive this page in a browser's cache
    # or in a script's hands.
    return {
        "id": str(verification.pk),
        "status": verification.status,
        "reason": verification.reason,
        "message": str(verification.visitor_message),
        "phone_number": verification.masked_number,
        "created_at": verification.created_at,
        "completed_at": verification.completed_at,
    }
