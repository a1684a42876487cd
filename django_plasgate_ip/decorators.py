"""A decorator and a mixin for views that require a verified phone number."""

from collections.abc import Callable, Collection
from datetime import timedelta
from functools import wraps
from inspect import unwrap
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.translation import gettext as _

from django_plasgate_ip import flow, responses
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.conf import conf

View = Callable[..., Any]


def phone_verified_required(
    max_age: timedelta | View | None = None,
    *,
    changed_url: str | None = None,
    methods: Collection[str] | None = None,
) -> Any:
    """Redirect an unverified visitor to the start page, with this page as ``next``.

    A signed-in user needs a confirmed number of their own, and an anonymous visitor one of this
    session (see ``flow.is_verified``). Where ``PLASGATE_IP_LOGIN_REQUIRED`` is True, anonymous
    visitors are redirected to the login instead. A client that prefers JSON is not redirected: it
    gets status 403, or 401 instead of the login. The decorator works with and without brackets, on
    synchronous and asynchronous views, and on the methods of both through ``method_decorator``.

    `max_age`: how long ago the verification may have completed. None: at any time.

    `changed_url`: a path or url name of the site's own page, which may ask for the password. A user
    with a changed SIM, device or number, or with a verification that a login claimed, is redirected
    there, with ``next``, until the site calls ``for_user(user).acknowledge_changes()``. None: these
    are ignored.

    `methods`: which methods count. ``("network",)``: PlasGate's verifications alone, and not what
    ``flow.confirm`` recorded. None: any method.
    """
    if callable(max_age):
        return _guarded(max_age, None, None, None)
    return lambda view: _guarded(view, max_age, changed_url, methods)


def _guarded(view: View, *conditions: Any) -> View:
    """Return the view behind `_find_refusal`, whose arguments after the request these are."""
    if _is_async(view):
        find_refusal = sync_to_async(_find_refusal)

        @wraps(view)
        async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refusal = await find_refusal(request, *conditions)
            return refusal or await view(request, *args, **kwargs)

        return guarded_async

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return _find_refusal(request, *conditions) or view(request, *args, **kwargs)

    return guarded


def _is_async(view: View) -> bool:
    """Whether the view returns a coroutine.

    The ``dispatch`` of an async class-based view does so, and is not a coroutine function.
    """
    # `method_decorator` passes a partial of the bound method, or what another decorator made of it.
    inner = unwrap(view, stop=lambda each: hasattr(each, "func") or hasattr(each, "__self__"))
    owner = getattr(getattr(inner, "func", inner), "__self__", None)
    return iscoroutinefunction(view) or getattr(owner, "view_is_async", False)


class PhoneVerifiedRequiredMixin:
    """`phone_verified_required` for class-based views, synchronous and asynchronous.

    Put it before the view's own base class, and after a login mixin:
    ``class Members(LoginRequiredMixin, PhoneVerifiedRequiredMixin, TemplateView)``.
    """

    #: The decorator's `max_age`.
    phone_verified_max_age: timedelta | None = None
    #: The decorator's `changed_url`.
    phone_verified_changed_url: str | None = None
    #: The decorator's `methods`.
    phone_verified_methods: Collection[str] | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Refuse the visitor, or dispatch as usual."""
        dispatch: View = super().dispatch  # type: ignore[misc]
        max_age, changed_url = self.phone_verified_max_age, self.phone_verified_changed_url
        conditions = (max_age, changed_url, self.phone_verified_methods)
        return _guarded(dispatch, *conditions)(request, *args, **kwargs)


def _find_refusal(
    request: HttpRequest,
    max_age: timedelta | None,
    changed_url: str | None,
    methods: Collection[str] | None,
) -> HttpResponse | None:
    """Return the answer that leads to the page that this visitor needs first, or None."""
    if not flow.is_verified(request, max_age, methods):
        if conf.PLASGATE_IP_LOGIN_REQUIRED and not request.user.is_authenticated:
            # Not to the start page: the account may be verified, and a start may cost balance.
            return responses.login_needed(request, request.get_full_path())
        if not scope_sets.gives_number(scope_sets.normalise(conf.PLASGATE_IP_SCOPES)):
            # The start page would verify a device, and this view would send the visitor back to it.
            raise ImproperlyConfigured(
                "phone_verified_required needs a phone number, and no scope in PLASGATE_IP_SCOPES "
                "gives one. Add phone_verify."
            )
        message, code = _("Verify your phone number first."), "phone_verification_required"
        return _refuse(request, message, code, start_url=responses.again_url(""))
    if changed_url is not None and flow.has_changed(request):
        message, code = _("Confirm first that it is you."), "phone_change_unacknowledged"
        return _refuse(request, message, code, changed_url=resolve_url(changed_url))
    return None


def _refuse(request: HttpRequest, message: str, code: str, **page: str) -> HttpResponse:
    """Redirect to the one `page`, with this one as ``next``. A script gets 403 and its URL."""
    response: HttpResponse
    if responses.wants_json(request):
        response = responses.json_error(message, code, 403, **page)
    else:
        (url,) = page.values()
        path = request.get_full_path()
        response = HttpResponseRedirect(responses.with_next(request, url, path))
    return responses.vary(response)
