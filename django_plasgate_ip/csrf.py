"""Django's CSRF check for the app's forms, with the form as the answer instead of a bare page.

Django's middleware answers before a view runs. So the views are exempt from it, and `checked` makes
the same check.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.log import log_response
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from django_plasgate_ip import responses

# Django's own, which sites may watch already.
logger = logging.getLogger("django.security.csrf")

View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Rejection:
    """What the answer to a rejected request depends on."""

    #: Whether a page of this site sent the request. None: the browser does not say.
    is_from_here: bool | None
    #: Whether it has the cookie that the check needs.
    has_cookie: bool

    def visitor_message(self, too_long: str) -> str:
        """Return what the page says. `too_long`: the sentence about a form of this site."""
        if self.is_from_here is False:
            return _("This form was sent from another site, so nothing was started.")
        if self.has_cookie:
            return too_long
        cookies = _("If this comes back, allow cookies for this site or use another browser.")
        return f"{too_long} {cookies}"


def checked(form_again: View) -> Callable[[View], View]:
    """Make Django's CSRF check before the view.

    A rejected request gets status 403: JSON, or the page that `form_again` returns for the request,
    the `Rejection` and the view's arguments.

    SECURITY: another site may have sent the request. `form_again` fills nothing in unless
    ``is_from_here`` is True, and it changes nothing in the session.
    """

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            check = _with_refusal(_middleware())(view)
            if "CSRF_COOKIE" not in request.META:
                # SECURITY: the site's middleware has read the cookie, and a login in a middleware
                # has made a new secret since then. The cookie would bring the old one back.
                check.process_request(request)
            try:
                response = check.process_view(request, view, args, kwargs)
            except _Rejected as rejected:
                response = _refuse(request, rejected, form_again, *args, **kwargs)
            else:
                response = response or view(request, *args, **kwargs)
            answer: HttpResponse = check.process_response(request, response)
            return answer

        return wrapper

    return decorate


class _Rejected(Exception):
    def __init__(self, reason: str, is_origin_verified: bool) -> None:
        self.reason = reason
        self.is_origin_verified = is_origin_verified
        super().__init__(reason)


def _middleware() -> Any:
    """Return the site's CSRF middleware, which may be a subclass of Django's; else Django's."""
    classes = [import_string(path) for path in settings.MIDDLEWARE]
    own = [each for each in classes if isinstance(each, type)]
    return next((each for each in own if issubclass(each, CsrfViewMiddleware)), CsrfViewMiddleware)


@cache
def _with_refusal(middleware: Any) -> Any:
    """Return the middleware, which raises `_Rejected` instead of returning Django's page."""

    class Check(middleware):  # type: ignore[misc]
        is_origin_verified = False

        def _check_token(self, request: HttpRequest) -> None:
            # Django has compared the Origin by now, or over HTTPS the Referer.
            self.is_origin_verified = True
            super()._check_token(request)

        def _reject(self, request: HttpRequest, reason: str) -> None:
            raise _Rejected(reason, self.is_origin_verified)

    return Check


def _refuse(
    request: HttpRequest, rejected: _Rejected, form_again: View, *args: Any, **kwargs: Any
) -> HttpResponse:
    is_from_here = rejected.is_origin_verified and _is_from_here(request)
    response: HttpResponse
    if responses.wants_json(request):
        message = _("This page was open too long. Load it again.")
        response = responses.json_error(message, "csrf_failed", status=403)
    else:
        names = (settings.CSRF_COOKIE_NAME, settings.SESSION_COOKIE_NAME)
        cookie = names[settings.CSRF_USE_SESSIONS] in request.COOKIES
        rejection = Rejection(is_from_here, cookie)
        response = form_again(request, rejection, *args, **kwargs)
    if is_from_here is False:
        # SECURITY: browsers do not send the cookie with such a request, so the page has a new
        # token. Its cookie would replace the visitor's, and break the forms that are open.
        request.META["CSRF_COOKIE_NEEDS_UPDATE"] = False
    values = (rejected.reason, request.path)
    log_response("Forbidden (%s): %s", *values, response=response, request=request, logger=logger)
    return responses.vary(response)


def _is_from_here(request: HttpRequest) -> bool | None:
    """Whether a page of this site sent a request that passed Django's look at its headers."""
    site = request.headers.get("Sec-Fetch-Site")
    if site in ("cross-site", "same-site"):
        return False
    if "Origin" in request.headers or request.is_secure():
        return True
    # Django does not look at the Referer over HTTP.
    referer = request.headers.get("Referer")
    if referer and not url_has_allowed_host_and_scheme(referer, {request.get_host()}):
        return False
    return True if referer or site == "same-origin" else None
