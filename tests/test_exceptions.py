"""The exceptions: one tree, each also a type that a site may catch already."""

import pickle
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation

from django_plasgate_ip import exceptions
from django_plasgate_ip.reasons import Reason, Status

NATURAL = {
    exceptions.InvalidPhoneNumber: ValueError,
    exceptions.InvalidScopes: ImproperlyConfigured,
    exceptions.InvalidCallback: SuspiciousOperation,
    exceptions.ClaimsUnreadable: ImproperlyConfigured,
    exceptions.CredentialsRejected: PermissionError,
    exceptions.ProviderUnreachable: ConnectionError,
    exceptions.ProviderTimeout: TimeoutError,
    exceptions.InvalidResponse: ValueError,
}
REASONS = {
    exceptions.CredentialsRejected: Reason.CREDENTIALS_REJECTED,
    exceptions.RateLimited: Reason.RATE_LIMITED,
    exceptions.ProviderError: Reason.PROVIDER_ERROR,
    exceptions.ProviderUnreachable: Reason.PROVIDER_UNREACHABLE,
    exceptions.ProviderTimeout: Reason.PROVIDER_TIMEOUT,
    exceptions.InvalidResponse: Reason.INVALID_RESPONSE,
}


def test_an_exception_can_be_caught_as_the_apps_and_as_its_natural_type() -> None:
    for error, natural in NATURAL.items():
        assert issubclass(error, exceptions.PlasGateError), error
        assert issubclass(error, natural), error


def test_each_exchange_error_has_the_reason_that_is_stored() -> None:
    assert set(exceptions.ExchangeError.__subclasses__()) == set(REASONS)
    for error, reason in REASONS.items():
        assert error.reason == reason
        assert reason.status is Status.ERROR


def test_an_exception_can_be_pickled_with_its_text_and_status() -> None:
    error = exceptions.CredentialsRejected("PlasGate answered 403.")
    assert error.http_status is None
    error.http_status = 403

    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(copy) is exceptions.CredentialsRejected
    assert (str(copy), copy.http_status) == ("PlasGate answered 403.", 403)


@pytest.mark.parametrize(("wait", "seconds"), [(0, 1), (61.001, 62)])
def test_the_wait_is_rounded_up_to_whole_seconds(wait: float, seconds: int) -> None:
    error = exceptions.TooManyStarts(timedelta(seconds=wait))

    assert error.seconds == seconds
    assert str(error) == f"Too many starts; the next one is possible in {seconds} seconds."
