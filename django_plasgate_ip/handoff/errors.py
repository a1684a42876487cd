"""Why a phone may not take up what a computer offered, with a sentence for who holds the phone."""

from enum import Enum
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Refusal(str, Enum):
    """What stands in the way."""

    #: No token of ours: cut short, tampered with, or signed with a key that is gone.
    INVALID = "invalid"
    EXPIRED = "expired"
    USED = "used"
    #: Another phone was first: this one has a photograph of the code.
    OTHER_PHONE = "other_phone"
    #: The browser that offered it has opened it itself.
    SAME_BROWSER = "same_browser"
    #: It came without the cookie that it was given, so it can't be told from another phone.
    NO_COOKIES = "no_cookies"
    #: The computer has not looked yet, so nobody can know its characters.
    NOT_SHOWN = "not_shown"
    WRONG_CODE = "wrong_code"
    #: The account has been deleted or closed.
    ACCOUNT_GONE = "account_gone"

    @property
    def visitor_message(self) -> "_StrPromise":
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
