"""The exceptions: one tree, each also a type that a site may catch already."""

import pickle

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


def test_an_exception_can_be_caught_as_the_apps_and_as_its_natural_type():
    for error, natural in NATURAL.items():
        assert issubclass(error, exceptions.PlasGateError), error
        assert issubclass(error, natural), error


def test_each_exchange_error_has_its_own_reason_for_an_error():
    reasons = [Reason(error.reason) for error in exceptions.ExchangeError.__subclasses__()]
    assert len(set(reasons)) == len(reasons) == 6
    assert {reason.status for reason in reasons} == {Status.ERROR}


def test_an_exception_can_be_pickled_with_its_text_and_status():
    error = exceptions.CredentialsRejected("PlasGate answered 403.")
    assert error.http_status is None
    error.http_status = 403

    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(copy) is exceptions.CredentialsRejected
    assert (str(copy), copy.http_status) == ("PlasGate answered 403.", 403)
