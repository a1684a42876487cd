"""The reasons why a phone may not use a link, each with a message for its owner."""

from enum import Enum

from django.core.exceptions import SuspiciousOperation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_plasgate_ip.exceptions import PlasGateError


class Refusal(str, Enum):
    """The reason why the link can't be used."""

    #: The token was cut short or changed, or the key that signed it was removed.
    INVALID = "invalid"
    EXPIRED = "expired"
    USED = "used"
    #: Another phone opened the link first. This phone's owner may have a photograph of the code.
    OTHER_PHONE = "other_phone"
    #: The computer's own browser opened the link.
    SAME_BROWSER = "same_browser"
    #: The browser did not send the session cookie back, so it can't be recognised later.
    NO_COOKIES = "no_cookies"
    #: The computer does not show the characters at this moment, so nobody can see them.
    NOT_SHOWN = "not_shown"
    WRONG_CODE = "wrong_code"
    #: Phones have tapped wrong characters for this account or session again and again.
    TOO_MANY_WRONG = "too_many_wrong"
    #: The computer's session has logged in or out, or its account has a new password.
    SIGNED_OUT = "signed_out"
    #: The computer's account was deleted or closed.
    ACCOUNT_GONE = "account_gone"

    @property
    def visitor_message(self) -> Promise:
        """What the page says to the visitor."""
        return _WORDS[self]


_WORDS = {
    Refusal.INVALID: _("This link is incomplete, or it is not from this site."),
    Refusal.EXPIRED: _("This code is more than five minutes old."),
    Refusal.USED: _("This code has been used already, and it works only once."),
    Refusal.OTHER_PHONE: _(
        "Another phone or browser opened this code first. If it is not yours, somebody may have "
        "photographed your screen."
    ),
    Refusal.SAME_BROWSER: _("This is the browser that shows the code. Scan it with your phone."),
    Refusal.NO_COOKIES: _(
        "Your browser did not keep this site's cookie. Without it, the site can't recognise your "
        "phone. Try again. If this page comes back, allow cookies for this site or use another "
        "browser."
    ),
    Refusal.NOT_SHOWN: _(
        "Your computer does not show the two characters now. Keep its page open, and try again."
    ),
    Refusal.WRONG_CODE: _(
        "Your computer shows other characters, so nothing was verified. If no computer in front "
        "of you shows any, stop here: somebody wants to use your number."
    ),
    Refusal.TOO_MANY_WRONG: _(
        "Wrong characters were tapped too often for this computer or its account. Try again in an "
        "hour."
    ),
    Refusal.SIGNED_OUT: _(
        "Since it showed this code, the computer has signed in or out, or its account has a new "
        "password."
    ),
    Refusal.ACCOUNT_GONE: _("The account on the computer was deleted or closed."),
}


class HandoffRefused(PlasGateError, SuspiciousOperation):
    """A phone may not use this link. ``reason`` is a `Refusal`."""

    def __init__(self, reason: Refusal) -> None:
        self.reason = reason
        super().__init__(f"The hand-off was refused: {reason.value}.")
