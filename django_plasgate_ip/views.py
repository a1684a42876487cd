"""The pages: each view reads the request, calls `flow` and chooses a response."""

import json
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import get_script_prefix
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from django_plasgate_ip import flow, redirects, responses
from django_plasgate_ip.apps import handoff_app
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import InvalidCallback, TooManyStarts
from django_plasgate_ip.forms import StartForm
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason, Status
from django_plasgate_ip.verification import browser_session


@login_not_required
@never_cache
@responses.return_404
@responses.outside_transactions
@csrf_protect
@sensitive_post_parameters("phone_number")
@sensitive_variables()
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """GET shows the form. POST starts a verification and sends the browser to PlasGate."""
    if request.method != "POST":
        # SECURITY: the request's Content-Type chooses the charset in which Django reads the query.
        # UTF-7 hides characters from filters, and some charsets decode to lone surrogates.
        request.encoding = "utf-8"
    return responses.vary(_start(request))


@csrf_exempt  # It changes nothing, and the visitor gets the app's page instead of Django's 403.
@login_not_required
@never_cache
@responses.return_404
@responses.outside_transactions
@sensitive_variables()
def callback(request: HttpRequest) -> HttpResponse:
    """Complete the verification, and redirect: the code must not stay in the address bar."""
    if request.method != "GET":
        return _not_allowed(request)
    if responses.is_prefetch(request):
        # Only a visit spends the code. A browser may store a 2xx response and show it later.
        return HttpResponse(status=503)
    try:
        url = _result_url(request, flow.complete(request))
    except (InvalidCallback, Http404) as error:
        # The site's function for keys may raise Http404.
        if not request.META.get("QUERY_STRING"):
            if isinstance(error, Http404):
                raise
            return _invalid_callback(request)
        url = redirects.callback_path()
    # Not `redirect`: it would read a next such as "foo" as the name of a view.
    response = HttpResponseRedirect(url, status=303)
    # SECURITY: the address holds the code and the private key. No other site may receive them in a
    # Referer header, no script of the site's pages may read them, and no cache may store them
    # (never_cache).
    response["Referrer-Policy"] = "no-referrer"
    return response


@login_not_required
@never_cache
@responses.return_404
@require_safe
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show the verification's own page to its owner: its status, and what to do next."""
    verification = flow.find(request, pk)
    if verification is None:
        raise Http404("No such verification.")
    if responses.wants_json(request):
        return responses.vary(JsonResponse(responses.verification_json(verification)))
    if browser_session.is_carrier(request, verification):
        response = _carrier_page(request, verification)
    else:
        response = _owner_page(request, verification)
    if verification.status == Status.EXCHANGING or (
        verification.is_live and verification.is_handed_over
    ):
        response["Refresh"] = str(responses.REFRESH_SECONDS)
    return responses.vary(response)


def _start(request: HttpRequest) -> HttpResponse:
    if request.method != "POST" and (url := redirects.start_on_public_host(request)):
        # The session's cookie belongs to one host, and the callback is on the public one.
        return HttpResponseRedirect(url)
    if conf.PLASGATE_IP_LOGIN_REQUIRED and not request.user.is_authenticated:
        return _login_needed(request)
    if request.method != "POST":
        next_url = request.GET.get("next", "")
        return _start_page(request, StartForm(initial={"next": next_url}), next_url)
    form = StartForm(_posted(request))
    if not form.is_valid():
        return _invalid_form(request, form)
    data = form.cleaned_data
    try:
        started = flow.begin(request, data.get("phone_number"), next_url=data["next"])
    except TooManyStarts as error:
        again_url = responses.start_url(redirects.safe_next(request, data["next"]))
        return responses.too_many_requests(request, error, again_url)
    return _redirect_or_json(request, started)


def _posted(request: HttpRequest) -> Any:
    """Return the fields of the form, or of the JSON object that a script sends."""
    if request.content_type != "application/json":
        return request.POST
    try:
        data = json.loads(request.body)
    except (ValueError, RecursionError):
        data = None
    fields = data.items() if isinstance(data, dict) else ()
    # The form explains what is wrong with a number that is not text.
    return {
        name: value for name, value in fields if isinstance(value, str) or name == "phone_number"
    }


def _login_needed(request: HttpRequest) -> HttpResponse:
    # A form that is sent after its session has ended holds next in a field. A GET has it in the
    # query.
    data = request.POST if request.method == "POST" else request.GET
    next_url = redirects.safe_next(request, data.get("next", ""))
    return responses.login_needed(request, responses.start_url(next_url))


def _invalid_form(request: HttpRequest, form: StartForm) -> HttpResponse:
    if responses.wants_json(request):
        return JsonResponse({"errors": form.errors.get_json_data()}, status=400)
    return _start_page(request, form, form.cleaned_data.get("next", ""), status=400)


def _start_page(
    request: HttpRequest, form: StartForm, next_url: str, status: int = 200
) -> HttpResponse:
    next_url = redirects.safe_next(request, next_url)
    context = {
        "form": form,
        "handoff": _invitation(request, next_url, again_url=responses.start_url(next_url)),
    }
    return responses.render_page(request, "django_plasgate_ip/start.html", context, status)


def _redirect_or_json(request: HttpRequest, started: flow.StartedVerification) -> HttpResponse:
    if not responses.wants_json(request):
        return responses.redirect_to_plasgate(request, started.authorize_url)
    verification = started.verification
    return JsonResponse(
        {
            "id": str(verification.pk),
            "authorize_url": started.authorize_url,
            "detail_url": responses.detail_url(verification),
        }
    )


def _not_allowed(request: HttpRequest) -> HttpResponse:
    message = _("Your browser can't open this page in this way. Please start again.")
    response = _refusal(request, message, "method_not_allowed", status=405)
    response["Allow"] = "GET"
    # The address may hold a code, and the site's base.html may have forms. "no-referrer" would send
    # their POST with "Origin: null", which Django's CSRF check refuses.
    response["Referrer-Policy"] = "same-origin"
    return response


def _invalid_callback(request: HttpRequest) -> HttpResponse:
    message = _(
        "You did not start in this browser, or you started too long ago. The link may have opened "
        "in another app."
    )
    return _refusal(request, message, "invalid_callback", status=400)


def _refusal(request: HttpRequest, message: str, code: str, status: int) -> HttpResponse:
    if responses.wants_json(request):
        return responses.vary(responses.json_error(message, code, status))
    # A computer whose verification continues on a phone has one, but gets no callback.
    latest = flow.latest(request)
    start_url = responses.start_url(latest.next_url if latest else "")
    context = {
        "message": message,
        "start_url": start_url,
        "start_address": redirects.absolute(request, start_url),
    }
    template = "django_plasgate_ip/invalid_callback.html"
    return responses.vary(responses.render_page(request, template, context, status))


def _result_url(request: HttpRequest, verification: PhoneVerification) -> str:
    # The callback's path may be in the default language. The visitor's page is in theirs.
    with translation.override(verification.language or translation.get_language()):
        # A repeated callback shows the result. If the site's own page at `next` redirected back to
        # the callback, the browser would follow both for ever.
        if not verification.just_ended:
            return responses.detail_url(verification)
        return responses.result_url(request, verification)


def _owner_page(request: HttpRequest, verification: PhoneVerification) -> HttpResponse:
    context: dict[str, Any] = {
        "verification": verification,
        "detail_url": responses.detail_url(verification),
        "next_url": responses.next_url(request, verification) or get_script_prefix(),
        "start_url": responses.start_url(verification.next_url),
        "fallback_url": redirects.fallback_url(request, verification),
    }
    if verification.reason == Reason.NOT_ON_MOBILE_DATA:
        again_url = context["detail_url"]
        context["handoff"] = _invitation(request, verification.next_url, again_url)
    return responses.render_page(request, _TEMPLATES[Status(verification.status)], context)


_TEMPLATES = {
    Status.PENDING: "django_plasgate_ip/in_progress.html",
    Status.EXCHANGING: "django_plasgate_ip/in_progress.html",
    Status.VERIFIED: "django_plasgate_ip/verified.html",
    Status.FAILED: "django_plasgate_ip/failed.html",
    Status.ERROR: "django_plasgate_ip/failed.html",
}


def _carrier_page(request: HttpRequest, verification: PhoneVerification) -> HttpResponse:
    """Show the result to the phone of a hand-off. The visitor continues on the computer."""
    context = {"verification": verification, "authorize_url": ""}
    if verification.status == Status.PENDING:
        # After a second tap or Back, the phone needs the link to PlasGate again.
        context["authorize_url"] = flow.authorize_url(request, verification)
    return responses.render_page(request, "django_plasgate_ip/result_on_phone.html", context)


def _invitation(request: HttpRequest, next_url: str, again_url: str) -> Any:
    """Return the QR code to continue on a phone, or None on a site without the hand-off."""
    handoff = handoff_app()
    return handoff.invite(request, next_url, again_url) if handoff else None
