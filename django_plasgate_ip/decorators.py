"""Views for visitors whose phone is verified."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from django_plasgate_ip import flow

View = Callable[..., Any]


def phone_verified_required(max_age: timedelta | View | None = None) -> Any:
    """Send a visitor who is not verified to ``start``, with this page as ``next``.

    `max_age`: the verification completed no longer ago than this; None: whenever. Works with and
    without brackets. A signed-in user needs a verification of their own; an anonymous visitor
    (where ``PLASGATE_IP_LOGIN_REQUIRED`` is False) one of this session.
    """
    if callable(max_age):
        return _guarded(max_age, None)
    return lambda view: _guarded(view, max_age)


def _guarded(view: View, max_age: timedelta | None) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return _detour(request, max_age) or view(request, *args, **kwargs)

    return guarded


class PhoneVerifiedRequiredMixin:
    """`phone_verified_required` for class-based views; put it first, after a login mixin."""

    #: As for the decorator.
    phone_verified_max_age: timedelta | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Send the visitor to ``start``, or go on."""
        go_on: View = super().dispatch  # type: ignore[misc]
        return _detour(request, self.phone_verified_max_age) or go_on(request, *args, **kwargs)


def _detour(request: HttpRequest, max_age: timedelta | None) -> HttpResponseBase | None:
    if flow.is_verified(request, max_age):
        return None
    query = urlencode({"next": request.get_full_path()})
    return redirect(f"{reverse('plasgate_ip:start')}?{query}")
