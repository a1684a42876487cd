"""The two pages of a hand-off: the phone's and the computer's."""

from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from django_plasgate_ip import csrf, flow, personal_data, redirects, responses
from django_plasgate_ip.exceptions import TooManyStarts
from django_plasgate_ip.handoff import claim_and_confirm, tokens
from django_plasgate_ip.handoff.claim_and_confirm import LINK_KEY, Progress, Stage
from django_plasgate_ip.handoff.errors import HandoffRefused, Refusal
from django_plasgate_ip.handoff.forms import HandoffForm
from django_plasgate_ip.handoff.invitation import screen_url
from django_plasgate_ip.redaction import Hidden
from django_plasgate_ip.verification import browser_session

# The other refusals get 403.
_STATUSES = {
    Refusal.INVALID: 404,
    Refusal.EXPIRED: 410,
    Refusal.USED: 410,
    Refusal.NOT_SHOWN: 409,
    Refusal.TOO_MANY_WRONG: 429,
    Refusal.SIGNED_OUT: 410,
    Refusal.ACCOUNT_GONE: 410,
}
# The query of the second request, which shows that the browser keeps the session cookie.
_SECOND_LOOK = "opened"


def _form_again(request: HttpRequest, rejection: csrf.Rejection, token: str) -> HttpResponse:
    """Return the page after a failed CSRF check, with the number that was typed into it."""
    message = rejection.visitor_message(_("This page was open too long. Please try again."))
    if rejection.is_from_here:
        return _answer(request, token, partial(_phone, message=message))
    # SECURITY: a forged request claims no link, and stores no session.
    context = {"message": message, "link": _link(token)}
    return responses.render_page(request, "plasgate_ip_handoff/refused.html", context, 403)


@login_not_required
@never_cache
@xframe_options_deny  # SECURITY: another site could frame this page and steal the tap.
@responses.outside_transactions
@sensitive_post_parameters("phone_number")
@sensitive_variables()
@csrf.checked(_form_again)
@responses.only("GET", "POST")
@responses.with_own_404
def phone(request: HttpRequest, token: str) -> HttpResponse:
    """Show the site, the account and the pairs of characters; a tap is a POST.

    The right pair redirects to PlasGate. The phone needs no login, because the verification belongs
    to the computer's account and session.
    """
    if responses.is_prefetch(request):
        # The first view ties the link to its browser, and no person has seen this one.
        return HttpResponse(status=503)
    if request.method != "POST":
        # SECURITY: as in `views.start`.
        request.encoding = "utf-8"
    return _answer(request, token, _phone)


def _answer(
    request: HttpRequest, token: str, act: Callable[[HttpRequest, str], HttpResponse]
) -> HttpResponse:
    """Return what `act` returns, or the page that explains why the phone may not go on."""
    try:
        response = act(request, token)
    except HandoffRefused as refused:
        response = _refused_page(request, token, refused.reason)
    except TooManyStarts as error:
        response = responses.too_many_requests(request, error, again_url=_link(token))
    # The address is a secret for five minutes. Not "no-referrer": see `views.callback`.
    response["Referrer-Policy"] = "same-origin"
    return response


def _link(token: str) -> str:
    # SECURITY: not the request's own path. If a site's URL pattern is not anchored, the path may
    # begin with "//evil.example", and the form would send the number there.
    return reverse("plasgate_ip:handoff", args=[token])


@login_not_required
@never_cache
@responses.only("GET")
@responses.with_own_404
def screen(request: HttpRequest, token: str) -> HttpResponse:
    """Show the computer how far the hand-off is, as a page or as JSON.

    The page redirects when the verification has ended. Others than its owner get 404.
    """
    # SECURITY: as in `views.start`.
    request.encoding = "utf-8"
    next_url = redirects.safe_next(request, request.GET.get("next", ""))
    try:
        progress = claim_and_confirm.progress(request, tokens.read(token), next_url)
    except HandoffRefused:
        raise Http404("No such hand-off.") from None
    if responses.wants_json(request):
        verification = progress.verification
        detail_url = responses.detail_url(verification) if verification else ""
        answer = {"stage": progress.stage.value, "code": progress.code, "detail_url": detail_url}
        return responses.vary(JsonResponse(answer))
    return responses.vary(_screen_page(request, progress, token, next_url))


def _phone(request: HttpRequest, text: str, message: str = "") -> HttpResponse:
    """Start the verification that a valid form asks for, or show the form.

    `message`: why a form that was sent is shown again.
    """
    token, link = tokens.read(text), _link(text)
    # SECURITY: an error tracker stores local variables, and the text opens the hand-off.
    text = Hidden(text)
    if not (browser_session.get_session_id(request) or token.is_expired):
        return _look_again(request, link)
    claim = claim_and_confirm.claim(request, token)
    data = request.POST if request.method == "POST" else None
    choices = [] if claim.failed else claim.handoff.choices.split()
    form = HandoffForm(data, choices=choices)
    if not message and form.is_valid():
        code, number = form.cleaned_data.get("code", ""), form.cleaned_data.get("phone_number", "")
        started = claim_and_confirm.confirm(request, claim, code, number)
        # The page of a verification that fails leads back to the link.
        request.session[LINK_KEY] = text
        return responses.redirect_to_plasgate(request, started.authorize_url)
    user = claim.user
    context = {
        "link": link,
        # Behind a proxy, the request may have an internal host.
        "host": urlsplit(redirects.absolute(request, link)).netloc,
        "account": _masked_login(personal_data.login_name(user)) if user else "",
        "is_other_account": request.user.is_authenticated and request.user != user,
        "form": form,
        "message": message,
    }
    status = 403 if message else 400 if form.is_bound else 200
    return responses.render_page(request, "plasgate_ip_handoff/phone.html", context, status)


def _look_again(request: HttpRequest, link: str) -> HttpResponse:
    """Set the session cookie, and redirect the browser to the link, so that it sends the cookie.

    Most link scanners and chat previews keep no cookie. Without this redirect, one of them would
    claim the link, and the visitor's phone would be refused.
    """
    browser_session.get_or_create_session_id(request)
    # A browser that posts has opened the page before. It has lost its session since then.
    if request.method == "POST" or _SECOND_LOOK in request.GET:
        raise HandoffRefused(Refusal.NO_COOKIES)
    return HttpResponseRedirect(f"{link}?{_SECOND_LOOK}")


def _masked_login(name: str) -> str:
    """Return a login name that only its owner recognises: ``t**k``, ``t**k@example.com``."""
    # The first character may be an "@" that does not begin a domain, as in a chat handle.
    local, at, domain = name[1:].partition("@")
    last = local[-1:] if len(local) > 2 else ""
    return name[:1] + "*" * max(2, len(local) - 1) + last + at + domain


def _refused_page(request: HttpRequest, token: str, reason: Refusal) -> HttpResponse:
    verification = None
    if reason is Refusal.USED:
        # Found only if this phone started it.
        verification = flow.find(request, claim_and_confirm.newest_pk(request, tokens.read(token)))
    context = {
        "message": reason.visitor_message,
        # The code is still unused, so the phone may open the link again.
        "link": _link(token) if reason in (Refusal.NOT_SHOWN, Refusal.NO_COOKIES) else "",
        "is_warning": reason in (Refusal.OTHER_PHONE, Refusal.WRONG_CODE),
        "verification_url": responses.detail_url(verification) if verification else "",
    }
    status = _STATUSES.get(reason, 403)
    return responses.render_page(request, "plasgate_ip_handoff/refused.html", context, status)


def _screen_page(
    request: HttpRequest, progress: Progress, token: str, next_url: str
) -> HttpResponse:
    verification = progress.verification
    if verification is not None and not verification.is_live:
        # `redirect` would read a next URL such as "foo" as the name of a view.
        return HttpResponseRedirect(responses.result_url(request, verification))
    context = {
        "stage": progress.stage.value,
        "code": progress.code,
        "screen_url": screen_url(token, next_url),
        "start_url": responses.again_url(next_url),
    }
    response = responses.render_page(request, "plasgate_ip_handoff/computer.html", context)
    if progress.stage not in (Stage.WRONG, Stage.EXPIRED):
        response["Refresh"] = str(responses.REFRESH_SECONDS)
    return response
