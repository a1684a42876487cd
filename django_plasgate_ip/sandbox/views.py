"""PlasGate's two endpoints, for a site in development."""

import time
from collections.abc import Callable, Mapping
from functools import wraps
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from django_plasgate_ip.sandbox import answers, magic_numbers, request_parsing
from django_plasgate_ip.sandbox.conf import setting
from django_plasgate_ip.sandbox.magic_numbers import Outcome
from django_plasgate_ip.sandbox.models import AuthorizationCode
from django_plasgate_ip.sandbox.request_parsing import Refused, UnusableNumber

View = Callable[[HttpRequest], HttpResponse]


def sandbox_endpoint(view: View) -> View:
    """Answer 404 unless ``DEBUG`` is on. Answer `Refused` as JSON with its text."""

    @wraps(view)
    def answered(request: HttpRequest) -> HttpResponse:
        # SECURITY: the sandbox verifies any number for anybody, so a live site must not serve it.
        # The system check is not enough: WSGI servers do not run it.
        if not settings.DEBUG:
            raise Http404("The PlasGate sandbox needs DEBUG = True.")
        try:
            return view(request)
        except Refused as refusal:
            return JsonResponse({"error_description": str(refusal)}, status=refusal.status)

    return answered


@login_not_required
@never_cache
@sandbox_endpoint
@require_GET
def authenticate(request: HttpRequest) -> HttpResponse:
    """Send the browser straight back to ``redirect_uri``, as the operator does on mobile data."""
    _check_private_key(request.GET.get("private_key", ""))
    redirect_uri = request_parsing.redirect_uri(request.GET)
    scopes = request_parsing.requested_scopes(request.GET)
    try:
        phone_number = request_parsing.phone_number(request.GET, scopes)
    except UnusableNumber as error:
        return _send_back(
            redirect_uri, {"error": "invalid_request", "error_description": str(error)}
        )
    outcome = Outcome.of(phone_number)
    if outcome is Outcome.NEVER_COMES_BACK:
        return render(
            request, "plasgate_ip_sandbox/never_comes_back.html", {"ending": outcome.ending}
        )
    if outcome is Outcome.DENIED:
        return _send_back(redirect_uri, answers.DENIED)
    AuthorizationCode.delete_expired()
    code = AuthorizationCode.objects.create(
        phone_number=phone_number, redirect_uri=redirect_uri, scope=" ".join(scopes)
    )
    query = answers.callback(
        code.code,
        str(code.state),
        private_key=setting("PLASGATE_IP_SANDBOX_PRIVATE_KEY"),
        redirect_uri=magic_numbers.repeated(redirect_uri, phone_number),
    )
    return _send_back(redirect_uri, query)


@login_not_required
@csrf_exempt
# A transaction would keep the row of a code locked while a late answer waits.
@transaction.non_atomic_requests
@never_cache
@sandbox_endpoint
@require_POST
def ip_auth(request: HttpRequest) -> HttpResponse:
    """Exchange a code, once, for what the operator found; also mounted as ``check-info``."""
    body = request_parsing.json_body(request)
    # The API page has the key in the query; PlasGate's iOS SDK puts it into the body.
    _check_private_key(request.GET.get("private_key") or body.get("private_key", ""))
    if request.headers.get("X-Secret") != setting("PLASGATE_IP_SANDBOX_SECRET_KEY"):
        raise Refused("The X-Secret header is missing or wrong.")
    if body.get("response_type") != "code":
        raise Refused("response_type must be code.")
    code = _spend(body)
    if Outcome.of(code.phone_number) is Outcome.NO_ANSWER_IN_TIME:
        time.sleep(setting("PLASGATE_IP_SANDBOX_DELAY"))
    reply = magic_numbers.reply(code.phone_number, code.scope.split())
    return HttpResponse(reply.content, status=reply.status, content_type=reply.content_type)


def _check_private_key(given: str) -> None:
    if given != setting("PLASGATE_IP_SANDBOX_PRIVATE_KEY"):
        raise Refused("private_key is missing or wrong.")


def _send_back(uri: str, query: Mapping[str, str]) -> HttpResponse:
    """Return the redirect to `uri` with `query` after the query that `uri` has itself."""
    location = f"{uri}{'&' if '?' in uri else '?'}{urlencode(query)}"
    response = HttpResponseRedirect(location)
    # Django quoted it once more. The query of `uri` must come back unchanged.
    response["Location"] = location
    return response


def _spend(body: Mapping[str, str]) -> AuthorizationCode:
    """Return the body's code, spent. Raises `Refused`.

    SECURITY: the code is spent before the comparisons, so a stolen code allows one guess.
    """
    AuthorizationCode.delete_expired()
    code = AuthorizationCode.objects.filter(code=body.get("code", "")).first()
    # Of two simultaneous requests, one deletes the row.
    if code is None or not code.delete()[0]:
        raise Refused("code is unknown, used or expired.")
    if body.get("state") != str(code.state):
        raise Refused("state is not the one that came with the code.")
    if body.get("redirect_uri") != code.redirect_uri:
        raise Refused("redirect_uri is not the one that the code was sent to.")
    return code
