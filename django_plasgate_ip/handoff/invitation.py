"""What a page shows a visitor at a computer, so that they can go on with their phone."""

from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_plasgate_ip import redirects
from django_plasgate_ip.conf import conf
from django_plasgate_ip.handoff import lifecycle, qr
from django_plasgate_ip.verification import browser_session


@dataclass(frozen=True)
class Invitation:
    """The context of ``_handoff.html``."""

    #: The QR code.
    svg: SafeString
    #: Where the computer follows what the phone does: HTML for a person, JSON for a script.
    screen_url: str
    #: The page that shows a new code.
    again_url: str


def invite(
    request: HttpRequest, next_url: str, again_url: str, repeats: UUID | None = None
) -> Invitation | None:
    """Return a new invitation; None where this visitor may not start, or not like this.

    That is for a phone, where ``PLASGATE_IP_HANDOFF`` is off, and for an anonymous visitor where
    ``PLASGATE_IP_LOGIN_REQUIRED`` is on, since the phone is asked for no login. `repeats`: as for
    `lifecycle.make_token`. It costs no query, but for the first one of a session, which must
    be saved.
    """
    is_allowed = request.user.is_authenticated or not conf.PLASGATE_IP_LOGIN_REQUIRED
    # A phone would not show it, but would load it, over mobile data: a quarter of the page.
    if not (conf.PLASGATE_IP_HANDOFF and is_allowed) or browser_session.is_phone(request):
        return None
    token = lifecycle.make_token(request, repeats)
    url = redirects.absolute(request, reverse("plasgate_ip:handoff", args=[token]))
    screen_url = reverse("plasgate_ip:handoff_screen", args=[token])
    if next_url:
        screen_url += f"?{urlencode({'next': next_url})}"
    return Invitation(qr.svg(url, _("A QR code for your phone's camera")), screen_url, again_url)
