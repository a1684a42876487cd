"""The reasons why a verification ended: stable codes, each with messages for visitors and staff.

The visitor's message says what happened and what to do next, and never mentions keys. The staff's
message says what happened and where to look. The codes are a public interface: receivers, JSON
clients and reports compare them.
"""

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Status(models.TextChoices):
    """The status of a verification. The last three are final."""

    PENDING = "pending", pgettext_lazy("status", "pending")
    EXCHANGING = "exchanging", pgettext_lazy("status", "exchanging")
    VERIFIED = "verified", pgettext_lazy("status", "verified")
    # The operator did not confirm the number.
    FAILED = "failed", pgettext_lazy("status", "failed")
    # The operator's answer is missing or can't be used, so nothing is known about the number.
    ERROR = "error", pgettext_lazy("status", "error")


LIVE = (Status.PENDING, Status.EXCHANGING)


class Reason(models.TextChoices):
    """The reason why a verification ended without success."""

    NOT_ON_MOBILE_DATA = "not_on_mobile_data", _("not on mobile data")
    NOT_VERIFIED = "not_verified", _("not verified")
    NUMBER_MISMATCH = "number_mismatch", _("another number")
    PROVIDER_DENIED = "provider_denied", _("denied by the operator")
    CREDENTIALS_REJECTED = "credentials_rejected", _("keys or balance refused")
    RATE_LIMITED = "rate_limited", _("too many requests")
    PROVIDER_ERROR = "provider_error", _("provider error")
    PROVIDER_UNREACHABLE = "provider_unreachable", _("provider unreachable")
    PROVIDER_TIMEOUT = "provider_timeout", _("provider too slow")
    INVALID_RESPONSE = "invalid_response", _("unreadable answer")
    EXPIRED = "expired", _("not back in time")
    SUPERSEDED = "superseded", _("started again")
    INTERRUPTED = "interrupted", _("cut off")
    USER_CHANGED = "user_changed", _("signed in or out")
    WRONG_BROWSER = "wrong_browser", _("back in another browser")

    @property
    def status(self) -> Status:
        """`Status.FAILED` if the operator did not confirm; `Status.ERROR` for all other reasons."""
        return Status.FAILED if self in _FAILED else Status.ERROR

    @property
    def visitor_message(self) -> "_StrPromise":
        """The message for the visitor, translated lazily."""
        return _WORDS[self][0]

    @property
    def may_be_wrong_number(self) -> bool:
        """Whether a mistake in the typed number may be the cause."""
        return self in _FAILED and self != Reason.NOT_ON_MOBILE_DATA

    @property
    def staff_message(self) -> "_StrPromise":
        """The message for staff, translated lazily."""
        return _WORDS[self][1]


_FAILED = (
    Reason.NOT_ON_MOBILE_DATA,
    Reason.NOT_VERIFIED,
    Reason.NUMBER_MISMATCH,
    Reason.PROVIDER_DENIED,
)
_TRY_LATER = _("We could not check your number just now. Please try again in a few minutes.")

# For each reason, the visitor's message and the staff's.
_WORDS = {
    Reason.NOT_ON_MOBILE_DATA: (
        _("Your phone was not on mobile data. Turn off Wi‑Fi, turn on mobile data and try again."),
        _(
            "The visitor used Wi‑Fi, a VPN or a desktop computer. There is nothing to fix on the "
            "site."
        ),
    ),
    Reason.NOT_VERIFIED: (
        _("Your mobile network did not confirm this number. Check it and try again."),
        _(
            "The SIM card in use has another number, or the operator does not know it. There is "
            "nothing to fix on the site."
        ),
    ),
    Reason.NUMBER_MISMATCH: (
        _(
            "Your mobile network confirmed another number than the one you typed. Check your "
            "number and try again."
        ),
        _(
            "The answer is about another number than the requested one. The phone has another SIM "
            "card, or somebody used a code from another verification. If this happens often for "
            "one user, check that account."
        ),
    ),
    Reason.PROVIDER_DENIED: (
        _(
            "Your mobile network refused to check your number. Use the mobile data of your own "
            "SIM card and try again."
        ),
        _(
            "PlasGate redirected the visitor back with an error. Read the error description. If "
            "this happens often, contact support@plasgate.com."
        ),
    ),
    Reason.CREDENTIALS_REJECTED: (
        _TRY_LATER,
        _(
            "PlasGate answered 401 or 403. Read the error description. If it names no cause, check "
            "PLASGATE_IP_PRIVATE_KEY and PLASGATE_IP_SECRET_KEY, including its dollar signs. Then "
            "check the account's balance and its IP Verification subscription."
        ),
    ),
    Reason.RATE_LIMITED: (
        _TRY_LATER,
        _(
            "PlasGate answered 429: this account sent too many requests. If this happens often, "
            "contact support@plasgate.com."
        ),
    ),
    Reason.PROVIDER_ERROR: (
        _TRY_LATER,
        _(
            "PlasGate answered with an error. Read its HTTP status and text in the error "
            "description. After a 404, check PLASGATE_IP_BASE_URL and "
            "PLASGATE_IP_EXCHANGE_ENDPOINT. If a 500 happens often, contact support@plasgate.com."
        ),
    ),
    Reason.PROVIDER_UNREACHABLE: (
        _TRY_LATER,
        _(
            "The site could not connect to PLASGATE_IP_BASE_URL. Check its spelling, and the "
            "server's DNS, firewall and certificates."
        ),
    ),
    Reason.PROVIDER_TIMEOUT: (
        _TRY_LATER,
        _(
            "PlasGate did not answer within PLASGATE_IP_TIMEOUT seconds. If this happens often, "
            "run plasgate_ip_doctor on the server, or allow more seconds."
        ),
    ),
    Reason.INVALID_RESPONSE: (
        _TRY_LATER,
        _(
            "The answer did not contain what the API promises for these scopes. Check "
            "PLASGATE_IP_BASE_URL, and that the account may use the scopes in PLASGATE_IP_SCOPES."
        ),
    ),
    Reason.EXPIRED: (
        _("This took too long. Please start again."),
        _(
            "The visitor did not come back within PLASGATE_IP_ATTEMPT_LIFETIME. There is nothing "
            "to fix on the site."
        ),
    ),
    Reason.SUPERSEDED: (
        _("You have started a newer verification. Please continue with that one."),
        _(
            "The visitor started again before this verification ended. There is nothing to fix on "
            "the site."
        ),
    ),
    Reason.INTERRUPTED: (
        _("The check stopped before it was finished. Please start again."),
        _(
            "The exchange was not finished: the server stopped, or the visitor started again. "
            "Check the server's log for restarts and killed workers."
        ),
    ),
    Reason.USER_CHANGED: (
        _("You signed in or out while your number was being checked. Please start again."),
        _(
            "Another account was signed in when the visitor came back, or the visitor had signed "
            "out. There is nothing to fix on the site."
        ),
    ),
    Reason.WRONG_BROWSER: (
        _(
            "Your mobile network sent you back to another browser or app. Please start again in "
            "the browser that you always use."
        ),
        _(
            "The callback arrived in another browser than the one that started. The phone opened "
            "it in another app, or another person followed the visitor's link. If this happens "
            "often for one user, check that account."
        ),
    ),
}
