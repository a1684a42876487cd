"""The callback, to which PlasGate redirects the visitor."""

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from django_plasgate_ip import flow, redirects, responses
from django_plasgate_ip.exceptions import InvalidCallback
from django_plasgate_ip.models import PhoneVerification


@csrf_exempt  # It changes nothing, and the visitor gets the app's page instead of Django's 403.
@login_not_required
@never_cache
@responses.outside_transactions
@sensitive_variables()
@responses.with_own_404
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


def _result_url(request: HttpRequest, verification: PhoneVerification) -> str:
    # The callback's path may be in the default language. The visitor's page is in theirs.
    with translation.override(verification.language or translation.get_language()):
        # A repeated callback shows the result. If the site's own page at `next` redirected back to
        # the callback, the browser would follow both for ever.
        if not verification.just_ended:
            return responses.detail_url(verification)
        return responses.result_url(request, verification)


def _not_allowed(request: HttpRequest) -> HttpResponse:
    response = responses.not_allowed(request, ["GET"], _start_url(request))
    # The address may hold a code, and the site's base.html may have forms. "no-referrer" would send
    # their POST with "Origin: null", which Django's CSRF check refuses.
    response["Referrer-Policy"] = "same-origin"
    return response


def _invalid_callback(request: HttpRequest) -> HttpResponse:
    message = _(
        "You did not start in this browser, or you started too long ago. The link may have opened "
        "in another app."
    )
    if responses.wants_json(request):
        return responses.vary(responses.json_error(message, "invalid_callback", status=400))
    start_url = _start_url(request)
    context = {
        "message": message,
        "start_url": start_url,
        "start_address": redirects.absolute(request, start_url),
    }
    template = "django_plasgate_ip/invalid_callback.html"
    return responses.vary(responses.render_page(request, template, context, status=400))


def _start_url(request: HttpRequest) -> str:
    # A computer whose verification continues on a phone has one, but gets no callback.
    latest = flow.latest(request)
    return responses.again_url(latest.next_url if latest else "")
