"""The QR code on a page for a visitor at a computer."""

from dataclasses import dataclass, field

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_plasgate_ip import redirects
from django_plasgate_ip.conf import conf
from django_plasgate_ip.handoff import qr, tokens
from django_plasgate_ip.handoff.devices import Device, device_of


@dataclass(frozen=True)
class Invitation:
    """What ``plasgate_ip_handoff/qr_code.html`` reads from the context, as ``handoff``."""

    # SECURITY: error trackers store the repr of a template's context. Both contain the link.
    #: The QR code, as SVG.
    svg: SafeString = field(repr=False)
    #: The page on which the computer follows the phone. It returns JSON to the script.
    screen_url: str = field(repr=False)
    #: The page that shows a new code.
    again_url: str
    #: Whether the code comes before the form: the browser names a computer, which is never on
    #: mobile data. An unknown device gets the form first.
    is_first: bool
    #: The template that a page includes.
    template: str = "plasgate_ip_handoff/qr_code.html"


def invite(request: HttpRequest, next_url: str, again_url: str) -> Invitation | None:
    """Return a new invitation, or None if this visitor may not start or uses a phone.

    Anonymous visitors may not start if ``PLASGATE_IP_LOGIN_REQUIRED`` is on: the phone's page does
    not require a login. `next_url`: where the computer is redirected after a success; the caller
    has checked it. `again_url`: the page that shows a new code. The only query saves a session that
    has no id yet.
    """
    may_start = request.user.is_authenticated or not conf.PLASGATE_IP_LOGIN_REQUIRED
    device = device_of(request)
    if not may_start or device is Device.PHONE:
        return None
    token = tokens.issue(request)
    url = redirects.absolute(request, reverse("plasgate_ip:handoff", args=[token]))
    svg = qr.svg(url, _("A QR code for your phone's camera"))
    is_first = device is Device.COMPUTER
    return Invitation(svg, screen_url(token, next_url), again_url, is_first)


def screen_url(token: str, next_url: str) -> str:
    """Return the URL of the computer's page, with ``next`` in its query unless that is empty."""
    query = {"next": next_url} if next_url else None
    return reverse("plasgate_ip:handoff_screen", args=[token], query=query)
