"""Why a verification ended, as stable codes with a sentence for the visitor and one for staff.

The visitor's sentence says what to do next and never mentions keys. The staff's sentence says where
to look. The codes are an interface: receivers, JSON clients and reports compare them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Status(models.TextChoices):
    """Where a verification stands."""

    PENDING = "pending", pgettext_lazy("status", "pending")
    EXCHANGING = "exchanging", pgettext_lazy("status", "exchanging")
    VERIFIED = "verified", pgettext_lazy("status", "verified")
    # The operator did not confirm it.
    FAILED = "failed", pgettext_lazy("status", "failed")
    # Something broke; nothing is known about the number.
    ERROR = "error", pgettext_lazy("status", "error")


LIVE = (Status.PENDING, Status.EXCHANGING)


class Reason(models.TextChoices):
    """Why a verification is not verified."""

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
    INVALID_CALLBACK = "invalid_callback", _("callback not trusted")
    EXPIRED = "expired", _("not back in time")
    SUPERSEDED = "superseded", _("started again")
    INTERRUPTED = "interrupted", _("cut off")
    USER_CHANGED = "user_changed", _("another user signed in")

    @property
    def status(self) -> Status:
        """`Status.FAILED` where the operator refused, `Status.ERROR` where something broke."""
        return Status.FAILED if self in _FAILED else Status.ERROR

    @property
    def visitor_message(self) -> "_StrPromise":
        """A sentence for the visitor."""
        return _WORDS[self].visitor_message

    @property
    def staff_message(self) -> "_StrPromise":
        """A sentence for the site's staff."""
        return _WORDS[self].staff_message


_FAILED = frozenset(
    {
        Reason.NOT_ON_MOBILE_DATA,
        Reason.NOT_VERIFIED,
        Reason.NUMBER_MISMATCH,
        Reason.PROVIDER_DENIED,
    }
)


@dataclass(frozen=True)
class _Words:
    visitor_message: "_StrPromise"
    staff_message: "_StrPromise"


_TRY_LATER = _("We could not check your number just now. Please try again in a few minutes.")

_WORDS = {
    Reason.NOT_ON_MOBILE_DATA: _Words(
        _("Your phone was not on mobile data. Turn off Wi-Fi, use mobile data and try again."),
        _("The visitor came over Wi-Fi, a VPN or a desktop. Nothing to mend on the site."),
    ),
    Reason.NOT_VERIFIED: _Words(
        _("Your mobile network did not confirm this number. Check it and try again."),
        _(
            "The operator says that the number is not the one of the SIM card in use. Nothing to "
            "mend on the site."
        ),
    ),
    Reason.NUMBER_MISMATCH: _Words(
        _("Your mobile network answered for another number. Check yours and try again."),
        _(
            "The answer is about another number than the one asked for: another SIM card, or "
            "somebody else's code. Many of these from one user are worth a look."
        ),
    ),
    Reason.PROVIDER_DENIED: _Words(
        _("Your mobile network refused the check. Use mobile data of your own SIM and try again."),
        _(
            "PlasGate sent the visitor back with an error. Read its text in the error description; "
            "of many, ask support@plasgate.com."
        ),
    ),
    Reason.CREDENTIALS_REJECTED: _Words(
        _TRY_LATER,
        _(
            "PlasGate answered 401 or 403. Check PLASGATE_IP_PRIVATE_KEY and "
            "PLASGATE_IP_SECRET_KEY (its dollar signs, too), then the account's balance and its "
            "IP Verification subscription."
        ),
    ),
    Reason.RATE_LIMITED: _Words(
        _TRY_LATER,
        _("PlasGate answered 429: too many requests for this account. Ask for a higher limit."),
    ),
    Reason.PROVIDER_ERROR: _Words(
        _TRY_LATER,
        _(
            "PlasGate answered with an error. A 404 means that PLASGATE_IP_BASE_URL or "
            "PLASGATE_IP_EXCHANGE_ENDPOINT is wrong; a 500 is for support@plasgate.com."
        ),
    ),
    Reason.PROVIDER_UNREACHABLE: _Words(
        _TRY_LATER,
        _(
            "No connection to PLASGATE_IP_BASE_URL. Check its spelling, the server's DNS, "
            "firewall and certificates."
        ),
    ),
    Reason.PROVIDER_TIMEOUT: _Words(
        _TRY_LATER,
        _(
            "PlasGate did not answer within PLASGATE_IP_TIMEOUT seconds. Of many, run "
            "plasgate_ip_doctor on the server, or allow more seconds."
        ),
    ),
    Reason.INVALID_RESPONSE: _Words(
        _TRY_LATER,
        _(
            "The answer was not what the API promises for these scopes. Check "
            "PLASGATE_IP_BASE_URL and that the account may use the scopes in PLASGATE_IP_SCOPES."
        ),
    ),
    Reason.INVALID_CALLBACK: _Words(
        _("The answer from your mobile network could not be trusted. Please start again."),
        _(
            "The callback lacked code or state, or its private_key, redirect_uri or nonce was not "
            "the one sent: a tampered link, or a redirect URI that PlasGate rewrites. Of many, "
            "check the one registered at PlasGate."
        ),
    ),
    Reason.EXPIRED: _Words(
        _("This took too long. Please start again."),
        _(
            "The visitor did not come back within PLASGATE_IP_ATTEMPT_LIFETIME. Nothing to mend "
            "on the site."
        ),
    ),
    Reason.SUPERSEDED: _Words(
        _("You started again; this attempt no longer counts."),
        _("The visitor started again before this attempt came back. Nothing to mend on the site."),
    ),
    Reason.INTERRUPTED: _Words(
        _("This was cut off before it was finished. Please start again."),
        _(
            "The exchange was never finished: the server stopped, or the visitor started again. "
            "Look for restarts and killed workers in the server's log."
        ),
    ),
    Reason.USER_CHANGED: _Words(
        _("You signed in while your number was being checked. Please start again."),
        _("Another account was signed in when the visitor came back. Nothing to mend on the site."),
    ),
}
