"""The start page."""

import json
from typing import Any

from django.contrib.auth import get_backends
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from django_plasgate_ip import csrf, flow, redirects, responses
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import TooManyStarts
from django_plasgate_ip.forms import StartForm
from django_plasgate_ip.models import PhoneVerification


def _form_again(request: HttpRequest, rejection: csrf.Rejection) -> HttpResponse:
    """Return the form after a failed CSRF check, with what was typed into it on this site."""
    form = StartForm(_posted(request) if rejection.is_from_here else None)
    next_url = str(form["next"].value() or "")
    message = rejection.visitor_message(_("This page was open too long. Tap Verify again."))
    context = {"form": form, "message": message, "handoff": None}
    if rejection.is_from_here:
        # SECURITY: not after a forged request. The invitation stores a session, whose cookie would
        # replace the visitor's: browsers do not send it with such a request.
        context["handoff"] = _invitation(request, redirects.safe_next(request, next_url))
    return responses.render_page(request, "django_plasgate_ip/start.html", context, 403)


@login_not_required
@never_cache
@responses.outside_transactions
@sensitive_post_parameters("phone_number")
@sensitive_variables()
@csrf.checked(_form_again)
@responses.only("GET", "HEAD", "POST")
@responses.with_own_404
def start(request: HttpRequest) -> HttpResponse:
    """GET shows the form. POST starts a verification and sends the browser to PlasGate."""
    if request.method != "POST":
        # SECURITY: the request's Content-Type chooses the charset in which Django reads the query.
        # UTF-7 hides characters from filters, and some charsets decode to lone surrogates.
        request.encoding = "utf-8"
    return responses.vary(_start(request))


def _start(request: HttpRequest) -> HttpResponse:
    is_post = request.method == "POST"
    if not is_post and (url := redirects.start_on_public_host(request)):
        # The session's cookie belongs to one host, and the callback is on the public one.
        return HttpResponseRedirect(url)
    if conf.PLASGATE_IP_LOGIN_REQUIRED and not request.user.is_authenticated:
        return _login_needed(request)
    if not is_post:
        next_url = request.GET.get("next", "")
        if verification := _already_verified(request):
            return _already_verified_page(request, verification, next_url)
        return _start_page(request, StartForm(initial={"next": next_url}), next_url)
    form = StartForm(_posted(request))
    if not form.is_valid():
        return _invalid_form(request, form)
    data = form.cleaned_data
    try:
        started = flow.begin(request, data.get("phone_number"), next_url=data["next"])
    except TooManyStarts as error:
        again_url = responses.again_url(redirects.safe_next(request, data["next"]))
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
    url = responses.again_url if redirects.AGAIN in request.GET else responses.start_url
    return responses.login_needed(request, url(next_url))


def _already_verified(request: HttpRequest) -> PhoneVerification | None:
    """Return what this visitor has verified, unless they come to verify again or to log in."""
    if redirects.AGAIN in request.GET:
        return None
    is_anonymous = not request.user.is_authenticated
    # Only `VerifiedPhoneBackend` has this method. Imports run one way, so its name is not here.
    if is_anonymous and any(hasattr(each, "fresh_verification") for each in get_backends()):
        return None
    return flow.last_verified(request)


def _already_verified_page(
    request: HttpRequest, verification: PhoneVerification, next_url: str
) -> HttpResponse:
    next_url = redirects.safe_next(request, next_url)
    context = {
        "verification": verification,
        "next_url": next_url or redirects.landing_url(),
        "again_url": responses.again_url(next_url),
    }
    return responses.render_page(request, "django_plasgate_ip/already_verified.html", context)


def _invalid_form(request: HttpRequest, form: StartForm) -> HttpResponse:
    if responses.wants_json(request):
        return JsonResponse({"errors": form.errors.get_json_data()}, status=400)
    return _start_page(request, form, form.cleaned_data.get("next", ""), status=400)


def _start_page(
    request: HttpRequest, form: StartForm, next_url: str, status: int = 200
) -> HttpResponse:
    next_url = redirects.safe_next(request, next_url)
    context = {"form": form, "message": "", "handoff": _invitation(request, next_url)}
    return responses.render_page(request, "django_plasgate_ip/start.html", context, status)


def _invitation(request: HttpRequest, next_url: str) -> Any:
    return responses.invitation(request, next_url, responses.again_url(next_url))


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
