"""A decorator and a mixin for views that require a verified phone number."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.http import urlencode

from django_plasgate_ip import flow
from django_plasgate_ip.conf import conf

View = Callable[..., Any]


def phone_verified_required(
    max_age: timedelta | View | None = None, *, changed_url: str | None = None
) -> Any:
    """Redirect an unverified visitor to the start page, with this page as ``next``.

    A signed-in user needs a confirmed number of their own, and an anonymous visitor one of this
    session (see ``flow.is_verified``). Where ``PLASGATE_IP_LOGIN_REQUIRED`` is True, anonymous
    visitors are redirected to the login instead. The decorator works with and without brackets, on
    synchronous and asynchronous views.

    `max_age`: how long ago the verification may have completed. None: at any time.

    `changed_url`: a path or url name of the site's own page, which may ask for the password. A user
    with a changed SIM, device or number, or with a verification that a login claimed, is redirected
    there, with ``next``, until the site calls ``for_user(user).acknowledge_changes()``. None: these
    are ignored.
    """
    if callable(max_age):
        return _guarded(max_age, None, None)
    return lambda view: _guarded(view, max_age, changed_url)


def _guarded(view: View, max_age: timedelta | None, changed_url: str | None) -> View:
    if iscoroutinefunction(view):
        find_redirect = sync_to_async(_find_redirect)

        @wraps(view)
        async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            response = await find_redirect(request, max_age, changed_url)
            return response or await view(request, *args, **kwargs)

        return guarded_async

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        response = _find_redirect(request, max_age, changed_url)
        return response or view(request, *args, **kwargs)

    return guarded


class PhoneVerifiedRequiredMixin:
    """`phone_verified_required` for class-based views; put it first, after a login mixin."""

    #: As the decorator's `max_age` and `changed_url`.
    phone_verified_max_age: timedelta | None = None
    phone_verified_changed_url: str | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Redirect the visitor, or dispatch as usual."""
        dispatch: View = super().dispatch  # type: ignore[misc]
        response = _find_redirect(
            request, self.phone_verified_max_age, self.phone_verified_changed_url
        )
        return response or dispatch(request, *args, **kwargs)


def _find_redirect(
    request: HttpRequest, max_age: timedelta | None, changed_url: str | None
) -> HttpResponseBase | None:
    """Return a redirect to the page that this visitor needs first, or None."""
    if not flow.is_verified(request, max_age):
        if conf.PLASGATE_IP_LOGIN_REQUIRED and not request.user.is_authenticated:
            # Not to the start page: the account may be verified, and a start may cost balance.
            return redirect_to_login(request.get_full_path())
        return _redirect_with_next(request, reverse("plasgate_ip:start"))
    if changed_url is not None and flow.has_changed(request):
        return _redirect_with_next(request, resolve_url(changed_url))
    return None


def _redirect_with_next(request: HttpRequest, url: str) -> HttpResponseBase:
    return HttpResponseRedirect(f"{url}?{urlencode({'next': request.get_full_path()})}")
