"""What every endpoint of the sandbox does besides its work."""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse

from django_plasgate_ip.sandbox.exceptions import Refused

View = Callable[[HttpRequest], HttpResponse]


def debug_only(view: View) -> View:
    """Answer 404 unless ``DEBUG`` is on."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        # SECURITY: the sandbox verifies whatever number it is told. Mounted on a live site whose
        # base URL points at it, it would let anybody own any number. WSGI servers run no checks.
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
