"""The errors: one tree, each also a type that a site may already catch."""

import pickle

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


@pytest.mark.parametrize(("error", "natural"), NATURAL.items())
def test_an_error_can_be_caught_as_ours_and_as_its_natural_type(
    error: type[Exception], natural: type[Exception]
) -> None:
    assert issubclass(error, exceptions.PlasGateError)
    assert issubclass(error, natural)


@pytest.mark.parametrize(("error", "reason"), REASONS.items())
def test_an_exchange_error_names_the_reason_that_is_stored(
    error: type[exceptions.ExchangeError], reason: Reason
) -> None:
    assert issubclass(error, exceptions.ExchangeError)
    assert Reason(error.reason) is reason
    # Nothing is known about the number.
    assert reason.status is Status.ERROR


def test_every_exchange_error_has_a_reason_of_its_own() -> None:
    assert set(exceptions.ExchangeError.__subclasses__()) == set(REASONS)
    assert len({error.reason for error in REASONS}) == len(REASONS)


@pytest.mark.parametrize("error", [*NATURAL, *REASONS])
def test_an_error_crosses_to_another_process_with_its_text(error: type[Exception]) -> None:
    copy = pickle.loads(pickle.dumps(error("PlasGate answered 403.")))  # noqa: S301 - our own

    assert type(copy) is error
    assert str(copy) == "PlasGate answered 403."


def test_the_http_status_crosses_along() -> None:
    error = exceptions.CredentialsRejected("PlasGate answered 403.")
    assert error.http_status is None
    error.http_status = 403

    assert pickle.loads(pickle.dumps(error)).http_status == 403  # noqa: S301 - our own
