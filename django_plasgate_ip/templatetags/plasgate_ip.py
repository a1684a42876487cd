"""``{% load plasgate_ip %}``: a badge and a form for a site's own pages.

A site may override their templates, in ``django_plasgate_ip/tags/``.
"""

from typing import Any

from django import template
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from django_plasgate_ip import responses
from django_plasgate_ip.conf import conf
from django_plasgate_ip.forms import StartForm
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Status

register = template.Library()


@register.inclusion_tag("django_plasgate_ip/tags/badge.html")
def plasgate_ip_badge(who: Any, show_unverified: bool = False) -> dict[str, bool]:
    """Show whether somebody's phone is verified: "not verified" only if `show_unverified` is True.

    `who`: a user, for whom the tag makes a query; a `PhoneVerification`; or True or False. For a
    list, annotate its query with ``with_confirmed_number().exists_for()``, and pass the annotation.
    """
    return {"verified": _is_verified(who), "show_unverified": show_unverified}


@register.inclusion_tag("django_plasgate_ip/tags/start_form.html", takes_context=True)
def plasgate_ip_start_form(context: template.Context, next: str = "") -> dict[str, Any]:
    """Show the form that starts a verification, or a link to log in where a login is required.

    `next`: a path on this site, where a verified visitor is redirected. After the login, the
    visitor returns to this page. Invalid numbers are reported on the app's own page. Raises
    ImproperlyConfigured if the page is rendered without its request.
    """
    request = context.get("request")
    if not isinstance(request, HttpRequest):
        raise ImproperlyConfigured(
            "plasgate_ip_start_form needs the request. Pass the request when you render the page, "
            "and add django.template.context_processors.request to TEMPLATES."
        )
    if conf.PLASGATE_IP_LOGIN_REQUIRED and not request.user.is_authenticated:
        return {"login_url": responses.login_url(request, request.get_full_path())}
    # Not Django's own ids: the page may have another form with a field of this name.
    return {"form": StartForm(initial={"next": next}, auto_id="plasgate-ip-%s")}


def _is_verified(who: Any) -> bool:
    if isinstance(who, bool):
        return who
    if isinstance(who, PhoneVerification):
        return who.status == Status.VERIFIED and bool(who.phone_number)
    # Django passes an empty text for a variable that does not exist.
    if who is None or isinstance(who, str):
        return False
    return PhoneVerification.objects.is_verified(who)
