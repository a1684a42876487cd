"""The QR code that a page shows to a visitor at a computer."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_plasgate_ip import redirects
from django_plasgate_ip.conf import conf
from django_plasgate_ip.handoff import qr, tokens


@dataclass(frozen=True)
class Invitation:
    """The context of ``plasgate_ip_handoff/qr_code.html``, as ``handoff``."""

    #: The QR code.
    svg: SafeString
    #: Where the computer follows what the phone does: HTML for a person, JSON for a script.
    screen_url: str
    #: The page that shows a new code.
    again_url: str
    #: What a page includes to show all this.
    template: str = "plasgate_ip_handoff/qr_code.html"


def invite(request: HttpRequest, next_url: str, again_url: str) -> Invitation | None:
    """Return a new invitation, or None where this visitor may not start or is on a phone.

    An anonymous visitor gets none where ``PLASGATE_IP_LOGIN_REQUIRED`` is on, because the phone is
    not asked to log in. `next_url`: where the computer goes once verified; the caller has checked
    it. The only query is to save a session that has no id yet.
    """
    may_start = request.user.is_authenticated or not conf.PLASGATE_IP_LOGIN_REQUIRED
    # All phones have "Mobi" in their browser's name. They would load the QR code over mobile data,
    # and not show it. Tablets, and phones that ask for desktop pages, get it.
    if not may_start or "Mobi" in request.headers.get("User-Agent", ""):
        return None
    token = tokens.issue(request)
    url = redirects.absolute(request, reverse("plasgate_ip:handoff", args=[token]))
    query = {"next": next_url} if next_url else None
    screen_url = reverse("plasgate_ip:handoff_screen", args=[token], query=query)
    return Invitation(qr.svg(url, _("A QR code for your phone's camera")), screen_url, again_url)
