"""What can go wrong, as one small tree.

Every error is ours and also the natural Django or builtin type, so a site may catch either. None
of them carries a key, a code or a number: their text is safe to log.
"""

from datetime import timedelta
from math import ceil
from typing import ClassVar

from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation


class PlasGateError(Exception):
    """Anything that this app raises on purpose."""


class InvalidPhoneNumber(PlasGateError, ValueError):
    """The text is not a phone number that could be verified. It does not repeat the text."""


class InvalidScopes(PlasGateError, ImproperlyConfigured):
    """A set of scopes that PlasGate would refuse."""


class InvalidCallback(PlasGateError, SuspiciousOperation):
    """A callback that belongs to no attempt of this browser; uncaught, Django answers 400."""


class HandoffRefused(PlasGateError, SuspiciousOperation):
    """A phone that may not take up what a computer offered; ``reason`` is a `errors.Refusal`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The hand-off was refused: {reason}.")


class TooManyStarts(PlasGateError):
    """One start too many in an hour; `retry_after` is when the next one is let through."""

    def __init__(self, retry_after: timedelta) -> None:
        self.retry_after = retry_after
        super().__init__(retry_after)

    def __str__(self) -> str:
        return f"Too many starts; the next one is possible in {self.seconds} seconds."

    @property
    def seconds(self) -> int:
        """The wait in whole seconds, at least one, as ``Retry-After`` wants it."""
        return max(1, ceil(self.retry_after.total_seconds()))


class ClaimsUnreadable(PlasGateError, ImproperlyConfigured):
    """Stored claims that none of ``PLASGATE_IP_ENCRYPTION_KEYS`` decrypts."""


class ExchangeError(PlasGateError):
    """The exchange gave no answer to judge; ``reason`` is the code that is stored."""

    reason: ClassVar[str] = "provider_error"
    #: The HTTP status that the exchange was refused with; None where there was none, or a 200.
    http_status: int | None = None


class CredentialsRejected(ExchangeError, PermissionError):
    """401 or 403: the keys, the balance or the subscription (or a code already spent)."""

    reason = "credentials_rejected"


class RateLimited(ExchangeError):
    """429: too many requests for this account."""

    reason = "rate_limited"


class ProviderError(ExchangeError):
    """Any other 4xx or 5xx."""


class ProviderUnreachable(ExchangeError, ConnectionError):
    """No connection, or one that broke before an answer began."""

    reason = "provider_unreachable"


class ProviderTimeout(ExchangeError, TimeoutError):
    """Connected, but the whole answer was not there in ``PLASGATE_IP_TIMEOUT`` seconds."""

    reason = "provider_timeout"


class InvalidResponse(ExchangeError, ValueError):
    """An answer that is not what the API page describes."""

    reason = "invalid_response"
