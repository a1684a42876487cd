"""``{% load plasgate_ip %}``: a badge and a form for a site's own pages.

How they look is in ``django_plasgate_ip/badge.html`` and ``start_form.html``, which a site may
override as any template.
"""

from typing import Any

from django import template
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from django_plasgate_ip.conf import conf
from django_plasgate_ip.forms import StartForm
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Status

register = template.Library()


@register.inclusion_tag("django_plasgate_ip/badge.html")
def plasgate_ip_badge(who: Any, show_unverified: bool = False) -> dict[str, bool]:
    """Say that somebody's phone is verified; otherwise nothing, or with `show_unverified` so.

    `who`: a user, which takes a query; a `PhoneVerification`; or, for lists, what the query of the
    list knows already, True or False (see ``PhoneVerificationQuerySet.exists_for``).
    """
    return {"verified": _is_verified(who), "show_unverified": show_unverified}


@register.inclusion_tag("django_plasgate_ip/start_form.html", takes_context=True)
def plasgate_ip_start_form(context: template.Context, next: str = "") -> dict[str, Any]:
    """Show the form that starts an attempt, or to who must sign in first a link to do so.

    `next`: a path on this site to go to once verified. The link comes back to this page. What is
    wrong with a number is told on the app's own start page. Raises ImproperlyConfigured where the
    page is rendered without its request.
    """
    request = context.get("request")
    if not isinstance(request, HttpRequest):
        raise ImproperlyConfigured(
            "plasgate_ip_start_form needs the request: render the page with it, and have "
            "django.template.context_processors.request in TEMPLATES."
        )
    if conf.PLASGATE_IP_LOGIN_REQUIRED and not request.user.is_authenticated:
        return {"login_url": redirect_to_login(request.get_full_path()).url}
    # The page may have another form that asks for a number.
    form = StartForm(initial={"next": next}, auto_id="plasgate-ip-%s")
    if "phone_number" in form.fields:
        # It is not what the page is for, as it is on ours.
        del form.fields["phone_number"].widget.attrs["autofocus"]
    return {"form": form}


def _is_verified(who: Any) -> bool:
    if isinstance(who, bool):
        return who
    if isinstance(who, PhoneVerification):
        return who.status == Status.VERIFIED
    # Text is what Django makes of a variable that is not there.
    if who is None or isinstance(who, str):
        return False
    return PhoneVerification.objects.is_verified(who)
