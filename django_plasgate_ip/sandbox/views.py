"""PlasGate's endpoints, for a site to be pointed at while it is developed."""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from django_plasgate_ip.sandbox import answers, request_parsing, scopes
from django_plasgate_ip.sandbox.conf import conf
from django_plasgate_ip.sandbox.decorators import debug_only, refusals_as_json
from django_plasgate_ip.sandbox.exceptions import Refused, UnusableNumber
from django_plasgate_ip.sandbox.magic_numbers import Outcome
from django_plasgate_ip.sandbox.models import AuthorizationCode


@login_not_required
@debug_only
@never_cache
@require_GET
@refusals_as_json
def authenticate(request: HttpRequest) -> HttpResponse:
    """Send the visitor straight back to ``redirect_uri``, as the operator does on mobile data."""
    request_parsing.check_private_key(request.GET.get("private_key", ""))
    redirect_uri = request_parsing.redirect_uri(request.GET)
    granted = scopes.granted(request.GET.get("scope", ""))
    try:
        phone_number = request_parsing.phone_number(request.GET, granted)
    except UnusableNumber as error:
        return _send_back(redirect_uri, error="invalid_request", error_description=str(error))
    return _authorize(request, phone_number, redirect_uri, granted)


@login_not_required
@csrf_exempt
@transaction.non_atomic_requests  # or the answer that comes too late holds its row's lock so long
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
    return answers.respond(_spend(body))


def _authorize(
    request: HttpRequest, phone_number: str, redirect_uri: str, granted: frozenset[str]
) -> HttpResponse:
    outcome = Outcome.of(phone_number)
    if outcome is Outcome.NEVER_COMES_BACK:
        return render(
            request, "plasgate_ip_sandbox/never_comes_back.html", {"ending": outcome.ending}
        )
    if outcome is Outcome.DENIED:
        return _send_back(
            redirect_uri, error="access_denied", error_description="The user denied the request"
        )
    code = AuthorizationCode.objects.issue(
        phone_number=phone_number, redirect_uri=redirect_uri, granted=granted
    )
    return _send_back(
        redirect_uri,
        code=code.code,
        private_key=conf.PLASGATE_IP_SANDBOX_PRIVATE_KEY,
        redirect_uri=redirect_uri,
        session_state=code.session_state,
        state=str(code.state),
    )


def _send_back(uri: str, /, **parameters: str) -> HttpResponse:
    """Return the redirect to `uri` with `parameters` after whatever query it has of its own."""
    location = f"{uri}{'&' if '?' in uri else '?'}{urlencode(parameters)}"
    response = HttpResponseRedirect(location)
    # Django has quoted it once more; a site's own query must come back as it went.
    response["Location"] = location
    return response


def _spend(body: Mapping[str, str]) -> AuthorizationCode:
    """Return the row of the body's code, spent. Raises `Refused`.

    The code is spent first and compared then: a thief of codes gets one guess at the rest.
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
