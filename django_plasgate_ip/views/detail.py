"""The page of one verification, for its owner and for the phone of a hand-off."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import get_script_prefix, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables

from django_plasgate_ip import flow, phones, redirects, responses
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.apps import handoff_app
from django_plasgate_ip.conf import conf
from django_plasgate_ip.forms import StartForm
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason, Status
from django_plasgate_ip.verification import browser_session


@login_not_required
@never_cache
@sensitive_variables()
@responses.only("GET", "HEAD")
@responses.with_own_404
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show the verification's own page to its owner: its status, and what to do next."""
    verification = flow.find(request, pk)
    if verification is None:
        return _not_found(request, pk)
    if responses.wants_json(request):
        return responses.vary(JsonResponse(responses.verification_json(verification)))
    if _is_for_phone(request, verification):
        return responses.vary(_carrier_page(request, verification))
    newer = _started_again_on_phone(request, verification)
    if newer is not None:
        return responses.vary(HttpResponseRedirect(responses.result_url(request, newer)))
    return responses.vary(_owner_page(request, verification))


def _not_found(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Return the login to an anonymous visitor where one is required. Raises Http404 otherwise.

    SECURITY: the same for every `pk`, so nobody learns which exist.
    """
    is_login_needed = conf.PLASGATE_IP_LOGIN_REQUIRED and not request.user.is_authenticated
    if is_login_needed and not responses.wants_json(request):
        return responses.login_needed(request, reverse("plasgate_ip:detail", args=[pk]))
    raise Http404("No such verification.")


def _is_for_phone(request: HttpRequest, verification: PhoneVerification) -> bool:
    """Whether to show the phone's page: it leads on to PlasGate, and to another try.

    The owner's own phone gets the owner's page once the verification is verified.
    """
    if verification.status == Status.VERIFIED:
        return browser_session.is_carrier(request, verification)
    return browser_session.is_continued_here(request, verification)


def _started_again_on_phone(
    request: HttpRequest, verification: PhoneVerification
) -> PhoneVerification | None:
    """Return the newer verification that the same phone has started for this computer, or None."""
    if not (_has_failed(verification) and verification.is_handed_over):
        return None
    newest = flow.latest(request)
    if newest is None or newest.callback_session_id != verification.callback_session_id:
        return None
    return newest if newest.created_at > verification.created_at else None


def _has_failed(verification: PhoneVerification) -> bool:
    return verification.status in (Status.FAILED, Status.ERROR)


def _owner_page(request: HttpRequest, verification: PhoneVerification) -> HttpResponse:
    context: dict[str, Any] = {
        "verification": verification,
        "detail_url": responses.detail_url(verification),
        "next_url": responses.next_url(request, verification) or redirects.landing_url(),
        "start_url": responses.again_url(verification.next_url),
        "fallback_url": redirects.fallback_url(request, verification),
        "home_url": get_script_prefix(),
    }
    must_wait = verification.status == Status.EXCHANGING or (
        verification.is_live and verification.is_handed_over
    )
    if _has_failed(verification):
        handoff = handoff_app()
        context["form"] = _retry_form(request, verification)
        context["may_be_wrong_number"] = Reason(verification.reason).may_be_wrong_number
        context["is_on_phone"] = must_wait = bool(
            verification.is_handed_over and handoff and handoff.may_retry(verification)
        )
        if verification.reason == Reason.NOT_ON_MOBILE_DATA and not must_wait:
            again_url = context["detail_url"]
            context["handoff"] = responses.invitation(request, verification.next_url, again_url)
    response = responses.render_page(request, _TEMPLATES[Status(verification.status)], context)
    if must_wait:
        response["Refresh"] = str(responses.REFRESH_SECONDS)
    return response


_TEMPLATES = {
    Status.PENDING: "django_plasgate_ip/in_progress.html",
    Status.EXCHANGING: "django_plasgate_ip/in_progress.html",
    Status.VERIFIED: "django_plasgate_ip/verified.html",
    Status.FAILED: "django_plasgate_ip/failed.html",
    Status.ERROR: "django_plasgate_ip/failed.html",
}


def _retry_form(request: HttpRequest, verification: PhoneVerification) -> StartForm | None:
    """Return the start form with the number that this visitor typed here, or None."""
    needs_number = scope_sets.needs_number(conf.PLASGATE_IP_SCOPES)
    if not verification.phone_number or not needs_number:
        return None
    if not browser_session.may_see_number(request, verification):
        return None
    if flow.latest(request) != verification:
        return None
    number = phones.typed(verification.phone_number)
    initial = {"phone_number": number, "next": responses.next_url(request, verification)}
    return StartForm(initial=initial)


def _carrier_page(request: HttpRequest, verification: PhoneVerification) -> HttpResponse:
    """Show the result to the phone of a hand-off. The visitor continues on the computer."""
    context = {"verification": verification, "authorize_url": "", "retry_url": ""}
    if verification.status == Status.PENDING:
        # After a second tap or Back, the phone needs the link to PlasGate again.
        context["authorize_url"] = flow.authorize_url(request, verification)
    elif _has_failed(verification) and (handoff := handoff_app()):
        context["retry_url"] = handoff.retry_url(request, verification)
    response = responses.render_page(request, "django_plasgate_ip/result_on_phone.html", context)
    if verification.is_live:
        response["Refresh"] = str(responses.REFRESH_SECONDS)
    return response
