"""The two ends of a hand-off: what the phone opens, and what the computer follows."""

from http import HTTPStatus
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods

from django_plasgate_ip import flow, personal_data, phones, redirects, responses
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import HandoffRefused, TooManyStarts
from django_plasgate_ip.forms import HandoffForm
from django_plasgate_ip.handoff import lifecycle
from django_plasgate_ip.handoff.errors import Refusal
from django_plasgate_ip.handoff.lifecycle import Progress, Stage, Task, Token
from django_plasgate_ip.verification import browser_session

_STATUSES = {
    Refusal.INVALID: HTTPStatus.NOT_FOUND,
    Refusal.EXPIRED: HTTPStatus.GONE,
    Refusal.USED: HTTPStatus.GONE,
    Refusal.OTHER_PHONE: HTTPStatus.FORBIDDEN,
    Refusal.SAME_BROWSER: HTTPStatus.FORBIDDEN,
    Refusal.NO_COOKIES: HTTPStatus.FORBIDDEN,
    Refusal.NOT_SHOWN: HTTPStatus.CONFLICT,
    Refusal.WRONG_CODE: HTTPStatus.FORBIDDEN,
    Refusal.ACCOUNT_GONE: HTTPStatus.GONE,
}


# The query of the second look of a browser that was not known at its first.
_SECOND_LOOK = "opened"


@login_not_required
@never_cache
@xframe_options_deny  # a tap that a frame of another site's has stolen would be the right one
@responses.outside_transactions
@csrf_protect
@sensitive_post_parameters("phone_number")
@sensitive_variables()
@require_http_methods(["GET", "POST"])
def phone(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows the phone what it is about, POST (a tap on the right characters) goes to PlasGate.

    The phone needs no login: whatever comes of it belongs to the computer's account and session.
    """
    _must_be_on()
    if responses.is_prefetch(request):
        # Whoever looks first ties the link to their browser; nobody has looked yet.
        return HttpResponse(status=503)
    if request.method != "POST":
        # SECURITY: as in `views.start`.
        request.encoding = "utf-8"
    # SECURITY: not the request's own path. Where a site's pattern is not anchored, that may begin
    # with "//evil.example", and the form would go there with the number.
    link = reverse("plasgate_ip:handoff", args=[token])
    try:
        response = _phone(request, link, lifecycle.read(token))
    except HandoffRefused as refused:
        response = _refused(request, link, token, Refusal(refused.reason))
    except TooManyStarts as error:
        response = responses.too_many_requests(request, error, again_url=link)
    # The address is a secret for its five minutes. Not "no-referrer": see `views.callback`.
    response["Referrer-Policy"] = "same-origin"
    return response


@login_not_required
@never_cache
@require_GET
def screen(request: HttpRequest, token: str) -> HttpResponse:
    """What the computer shows meanwhile, to a person or to a script; to anybody else, a 404.

    It leads on by itself when the attempt has ended.
    """
    _must_be_on()
    # SECURITY: as in `views.start`.
    request.encoding = "utf-8"
    try:
        offer = lifecycle.read(token)
    except HandoffRefused:
        raise Http404("No such hand-off.") from None
    if not offer.is_of(request):
        raise Http404("No such hand-off.")
    next_url = redirects.safe_next(request, request.GET.get("next", ""))
    progress = lifecycle.progress(request, offer, next_url)
    if responses.wants_json(request):
        return responses.vary(JsonResponse(_as_json(progress)))
    return responses.vary(_screen(request, progress, next_url))


def _must_be_on() -> None:
    if not conf.PLASGATE_IP_HANDOFF:
        raise Http404("PLASGATE_IP_HANDOFF is off.")


def _phone(request: HttpRequest, link: str, offer: Token) -> HttpResponse:
    if not (browser_session.get_session_id(request) or offer.is_late):
        return _look_again(request, link)
    taken = lifecycle.take(request, offer)
    known: dict[str, Any] = {"choices": taken.choices, "asks_number": taken.task.asks_number}
    if request.method != "POST":
        return _phone_page(request, link, taken.task, HandoffForm(**known))
    form = HandoffForm(request.POST, **known)
    if not form.is_valid():
        return _phone_page(request, link, taken.task, form, status=400)
    data = form.cleaned_data
    attempt = lifecycle.confirm(request, taken, data["code"], data.get("phone_number", ""))
    return responses.redirect_to_plasgate(request, attempt.authorize_url)


def _look_again(request: HttpRequest, link: str) -> HttpResponse:
    """Give the browser its cookie, and let it prove that it keeps it.

    What opens links on its own (a scanner's preview, a chat's) mostly keeps none, and would be the
    first phone otherwise: the person's own would find the code taken, and the next code, too.
    """
    browser_session.get_or_create_session_id(request)
    # Who taps has looked before, and their session is gone.
    if request.method == "POST" or _SECOND_LOOK in request.GET:
        raise HandoffRefused(Refusal.NO_COOKIES)
    return HttpResponseRedirect(f"{link}?{_SECOND_LOOK}")


def _phone_page(
    request: HttpRequest, link: str, task: Task, form: HandoffForm, status: int = 200
) -> HttpResponse:
    context = {
        "link": link,
        "host": request.get_host(),
        "account": _masked_login(personal_data.login_name(task.user)) if task.user else "",
        "is_other_account": request.user.is_authenticated and request.user != task.user,
        "masked_number": phones.mask(task.phone_number),
        "form": form,
    }
    return responses.render_page(request, "handoff", context, status)


def _masked_login(name: str) -> str:
    """Return enough of a login name to know one's own: ``t**k``, ``t**k@example.com``."""
    local, at, domain = name.partition("@")
    if not local:
        # A name as it is in chats: "@sok".
        local, at, domain = domain, "", ""
    shown = local[:1] + "*" * max(2, len(local) - 2) + (local[-1:] if len(local) > 3 else "")
    return shown + at + domain


def _refused(request: HttpRequest, link: str, token: str, refusal: Refusal) -> HttpResponse:
    context = {
        "message": refusal.visitor_message,
        # To look again at a code that is still good.
        "link": link if refusal in (Refusal.NOT_SHOWN, Refusal.NO_COOKIES) else "",
        "is_warning": refusal in (Refusal.OTHER_PHONE, Refusal.WRONG_CODE),
        "own_attempt_url": _own_attempt_url(request, token) if refusal is Refusal.USED else "",
    }
    return responses.render_page(request, "handoff_refused", context, _STATUSES[refusal])


def _own_attempt_url(request: HttpRequest, token: str) -> str:
    """Return the page of what came of this phone's tap, or an empty text."""
    verification = flow.find(request, lifecycle.read(token).pk)
    return reverse("plasgate_ip:detail", args=[verification.pk]) if verification else ""


def _as_json(progress: Progress) -> dict[str, str]:
    verification = progress.verification
    detail_url = reverse("plasgate_ip:detail", args=[verification.pk]) if verification else ""
    return {"stage": progress.stage.value, "code": progress.code, "detail_url": detail_url}


def _screen(request: HttpRequest, progress: Progress, next_url: str) -> HttpResponse:
    verification = progress.verification
    if verification is not None and not verification.is_live:
        # Not `redirect`, which would take a next such as "foo" for the name of a view.
        return HttpResponseRedirect(responses.result_url(request, verification))
    context = {
        "stage": progress.stage.value,
        "code": progress.code,
        "start_url": responses.start_url(next_url),
    }
    response = responses.render_page(request, "handoff_screen", context)
    if progress.stage not in (Stage.WRONG, Stage.EXPIRED):
        response["Refresh"] = str(responses.REFRESH_SECONDS)
    return response
