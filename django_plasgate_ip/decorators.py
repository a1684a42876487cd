"""Views for visitors whose phone is verified."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.urls import reverse

from django_plasgate_ip import flow
from django_plasgate_ip.conf import conf

View = Callable[..., Any]


def phone_verified_required(
    max_age: timedelta | View | None = None, *, changed_url: str | None = None
) -> Any:
    """Send a visitor who is not verified to ``start``, with this page as ``next``.

    `max_age`: the verification completed no longer ago than this; None: whenever. Works with and
    without brackets. A signed-in user needs a verification of their own; an anonymous visitor
    (where ``PLASGATE_IP_LOGIN_REQUIRED`` is False) one of this session.

    `changed_url`: where a user goes (with ``next``) whose number came back with another SIM or
    device, until ``for_user(user).acknowledge_changes()`` was called: a path or url name of a page
    of the site's own, which asks for the password, say. None: a change is no obstacle.
    """
    if callable(max_age):
        return _guarded(max_age, None, None)
    return lambda view: _guarded(view, max_age, changed_url)


def _guarded(view: View, max_age: timedelta | None, changed_url: str | None) -> View:
    if iscoroutinefunction(view):
        detour = sync_to_async(_detour)

        @wraps(view)
        async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            away = await detour(request, max_age, changed_url)
            return away or await view(request, *args, **kwargs)

        return guarded_async

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return _detour(request, max_age, changed_url) or view(request, *args, **kwargs)

    return guarded


class PhoneVerifiedRequiredMixin:
    """`phone_verified_required` for class-based views; put it first, after a login mixin."""

    #: As for the decorator.
    phone_verified_max_age: timedelta | None = None
    phone_verified_changed_url: str | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Send the visitor to ``start``, or go on."""
        go_on: View = super().dispatch  # type: ignore[misc]
        detour = _detour(request, self.phone_verified_max_age, self.phone_verified_changed_url)
        return detour or go_on(request, *args, **kwargs)


def _detour(
    request: HttpRequest, max_age: timedelta | None, changed_url: str | None
) -> HttpResponseBase | None:
    if not flow.is_verified(request, max_age):
        if conf.PLASGATE_IP_LOGIN_REQUIRED and not request.user.is_authenticated:
            # Not by way of start: whoever logs in may be verified already, and a start costs.
            return redirect_to_login(request.get_full_path())
        return _go(request, reverse("plasgate_ip:start"))
    if changed_url is not None and flow.has_changed(request):
        return _go(request, resolve_url(changed_url))
    return None


def _go(request: HttpRequest, url: str) -> HttpResponseBase:
    return redirect(f"{url}?{urlencode({'next': request.get_full_path()})}")
