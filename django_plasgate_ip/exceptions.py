"""The app's exceptions.

Each is also the matching Django or builtin type, so a site may catch either. None of them contains
a key, a code or a number: their text is safe to log.
"""

from datetime import timedelta
from math import ceil
from typing import ClassVar

from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.http import Http404


class PlasGateError(Exception):
    """Anything that this app raises on purpose."""


class InvalidPhoneNumber(PlasGateError, ValueError):
    """The text is not a phone number that can be verified. The message does not repeat it."""


class RegionNotAccepted(InvalidPhoneNumber):
    """The number belongs to a region that is not in ``PLASGATE_IP_REGIONS``."""


class InvalidScopes(PlasGateError, ImproperlyConfigured):
    """PlasGate would refuse these scopes."""


class InvalidCallback(PlasGateError, SuspiciousOperation):
    """A callback in a session without a verification, or an app's code that can't be PlasGate's.

    Uncaught, Django answers 400.
    """


class VerificationNotFound(PlasGateError, Http404):
    """No verification has this id, this handle and this account. Uncaught, Django answers 404."""


class TooManyStarts(PlasGateError):
    """A limit on starts per hour is reached. The next start is allowed after `retry_after`."""

    def __init__(self, retry_after: timedelta) -> None:
        self.retry_after = retry_after
        super().__init__(retry_after)

    def __str__(self) -> str:
        return f"Too many starts. Seconds until the next one is possible: {self.seconds}."

    @property
    def seconds(self) -> int:
        """The wait in whole seconds, at least one, for ``Retry-After``."""
        return max(1, ceil(self.retry_after.total_seconds()))


class ClaimsUnreadable(PlasGateError, ImproperlyConfigured):
    """None of ``PLASGATE_IP_ENCRYPTION_KEYS`` decrypts these claims."""


class ExchangeError(PlasGateError):
    """The exchange returned no answer to judge. ``reason`` is the code that is stored."""

    reason: ClassVar[str] = "provider_error"
    #: The HTTP status of the refusal; None if there was no answer, or if it was 2xx.
    http_status: int | None = None
    #: The HTTP status and the text of its body, for staff: ``HTTP 403: insufficient balance``. It
    #: has no number, id or key. Empty if `http_status` is None.
    error_description: str = ""
    #: Type names of the library errors behind this one, outermost first. Not their texts, which may
    #: hold a key.
    causes: tuple[str, ...] = ()


class CredentialsRejected(ExchangeError, PermissionError):
    """401 or 403: wrong keys, no balance, no subscription, or a code that is spent."""

    reason = "credentials_rejected"


class RateLimited(ExchangeError):
    """429: too many requests for this account."""

    reason = "rate_limited"


class ProviderError(ExchangeError):
    """Any other 4xx or 5xx."""


class ProviderUnreachable(ExchangeError, ConnectionError):
    """No connection was made, or it broke before the answer began."""

    reason = "provider_unreachable"


class ProviderTimeout(ExchangeError, TimeoutError):
    """The whole answer did not arrive within ``PLASGATE_IP_TIMEOUT`` seconds."""

    reason = "provider_timeout"


class InvalidResponse(ExchangeError, ValueError):
    """An answer that is not what the API page describes."""

    reason = "invalid_response"
