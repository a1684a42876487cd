"""PlasGate's endpoints, for a site to be pointed at while it is developed."""

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
from django_plasgate_ip.sandbox.conf import conf
from django_plasgate_ip.sandbox.magic_numbers import Outcome
from django_plasgate_ip.sandbox.models import AuthorizationCode
from django_plasgate_ip.sandbox.request_parsing import Refused, UnusableNumber

View = Callable[[HttpRequest], HttpResponse]


def debug_only(view: View) -> View:
    """Answer 404 unless ``DEBUG`` is on."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        # SECURITY: the sandbox verifies whatever number it is sent. On a live site whose base URL
        # points at it, anybody could own any number. WSGI servers run no system checks.
        if not settings.DEBUG:
            raise Http404("The PlasGate sandbox needs DEBUG = True.")
        return view(request)

    return guarded


def refusals_as_json(view: View) -> View:
    """Turn `Refused` into its status and a JSON body that says why."""

    @wraps(view)
    def answered(request: HttpRequest) -> HttpResponse:
        try:
            return view(request)
        except Refused as refusal:
            return JsonResponse({"error_description": str(refusal)}, status=refusal.status_code)

    return answered


@login_not_required
@debug_only
@never_cache
@require_GET
@refusals_as_json
def authenticate(request: HttpRequest) -> HttpResponse:
    """Send the browser straight back to ``redirect_uri``, as the operator does on mobile data."""
    request_parsing.check_private_key(request.GET.get("private_key", ""))
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
    return _send_back_with_code(phone_number, redirect_uri, scopes)


@login_not_required
@csrf_exempt
# A transaction would keep the row of a code locked while a late answer waits.
@transaction.non_atomic_requests
@debug_only
@never_cache
@require_POST
@refusals_as_json
def ip_auth(request: HttpRequest) -> HttpResponse:
    """Exchange a code, once, for what the operator found; also mounted as ``check-info``."""
    body = request_parsing.json_body(request)
    # The API page has the key in the query; PlasGate's iOS SDK puts it into the body.
    request_parsing.check_private_key(request.GET.get("private_key") or body.get("private_key", ""))
    request_parsing.check_secret(request)
    if body.get("response_type") != "code":
        raise Refused("response_type must be code.")
    code = _spend(body)
    if Outcome.of(code.phone_number) is Outcome.NO_ANSWER_IN_TIME:
        time.sleep(conf.PLASGATE_IP_SANDBOX_DELAY)
    reply = magic_numbers.reply(code.phone_number, code.scope.split())
    return HttpResponse(reply.content, status=reply.status, content_type=reply.content_type)


def _send_back_with_code(phone_number: str, redirect_uri: str, scopes: list[str]) -> HttpResponse:
    issued = AuthorizationCode.objects.issue(
        phone_number=phone_number, redirect_uri=redirect_uri, scopes=scopes
    )
    query = answers.callback(
        issued.code,
        str(issued.state),
        private_key=conf.PLASGATE_IP_SANDBOX_PRIVATE_KEY,
        redirect_uri=redirect_uri,
    )
    return _send_back(redirect_uri, query)


def _send_back(uri: str, query: Mapping[str, str]) -> HttpResponse:
    """Return the redirect to `uri` with `query` after the query that `uri` has itself."""
    location = f"{uri}{'&' if '?' in uri else '?'}{urlencode(query)}"
    response = HttpResponseRedirect(location)
    # Django has quoted it once more; a site's own query must come back unchanged.
    response["Location"] = location
    return response


def _spend(body: Mapping[str, str]) -> AuthorizationCode:
    """Return the body's code, spent. Raises `Refused`.

    SECURITY: the code is spent before it is compared. Whoever stole it can guess the rest once.
    """
    try:
        code = AuthorizationCode.objects.spend(body.get("code", ""))
    except AuthorizationCode.DoesNotExist:
        raise Refused("code is unknown, used or expired.") from None
    if body.get("state") != str(code.state):
        raise Refused("state is not the one that came with the code.")
    if body.get("redirect_uri") != code.redirect_uri:
        raise Refused("redirect_uri is not the one that the code was sent to.")
    return code
