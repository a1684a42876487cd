"""Why a phone may not use a link, with a sentence for the person who holds the phone."""

from enum import Enum

from django.core.exceptions import SuspiciousOperation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_plasgate_ip.exceptions import PlasGateError


class Refusal(str, Enum):
    """Why the link can't be used."""

    #: The token was cut short or changed, or was signed with a key that is gone.
    INVALID = "invalid"
    EXPIRED = "expired"
    USED = "used"
    #: Another phone opened the link first. This one may have a photograph of the code.
    OTHER_PHONE = "other_phone"
    #: The computer's own browser opened the link.
    SAME_BROWSER = "same_browser"
    #: The browser did not send our cookie back, so it can't be told from another phone.
    NO_COOKIES = "no_cookies"
    #: The computer has not shown the characters yet, so nobody can know them.
    NOT_SHOWN = "not_shown"
    WRONG_CODE = "wrong_code"
    #: The computer's account was deleted or closed.
    ACCOUNT_GONE = "account_gone"

    @property
    def visitor_message(self) -> Promise:
        """A sentence for the visitor."""
        return _WORDS[self]


_WORDS = {
    Refusal.INVALID: _("This link is not complete, or not one of ours."),
    Refusal.EXPIRED: _("This code is more than five minutes old."),
    Refusal.USED: _("This code has been used already, and it works only once."),
    Refusal.OTHER_PHONE: _(
        "Another phone or browser opened this code first. If it is not yours, somebody has "
        "photographed your screen."
    ),
    Refusal.SAME_BROWSER: _("This is the browser that shows the code. Scan it with your phone."),
    Refusal.NO_COOKIES: _(
        "Your browser has not kept our cookie, without which we can't tell your phone from "
        "another. Try again. If this page comes back, allow cookies for this site, or use another "
        "browser."
    ),
    Refusal.NOT_SHOWN: _(
        "Your computer does not show the two characters yet. Keep its page open, go back and try "
        "again."
    ),
    Refusal.WRONG_CODE: _(
        "Your computer shows other characters, so nothing was verified. If no computer in front "
        "of you shows any, somebody wants to use your number: stop here."
    ),
    Refusal.ACCOUNT_GONE: _("The account on the computer is not there any more."),
}


class HandoffRefused(PlasGateError, SuspiciousOperation):
    """A phone may not use this link; ``reason`` says why."""

    def __init__(self, reason: Refusal) -> None:
        self.reason = reason
        super().__init__(f"The hand-off was refused: {reason.value}.")
