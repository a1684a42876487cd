"""The import paths that a site may use."""

from importlib import import_module

import pytest

PATHS = [
    "admin.PhoneVerificationAdminMixin",
    "backends.VerifiedPhoneBackend",
    "client.Answer",
    "client.Credentials",
    "client.PlasGateClient",
    "decorators.PhoneVerifiedRequiredMixin",
    "decorators.phone_verified_required",
    "exceptions.PlasGateError",
    "flow.begin",
    "flow.complete",
    "flow.find",
    "flow.latest",
    "models.PhoneVerification",
    "reasons.Reason",
    "reasons.Status",
    "redaction.Hidden",
    "sandbox.urls",
    "signals.mobile_id_changed",
    "signals.phone_verification_failed",
    "signals.phone_verified",
    "testing.PlasGate",
    "testing.PlasGateMixin",
    "testing.make_verification",
    "urls.urlpatterns",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_public_name_can_be_imported(path: str) -> None:
    module, _, name = path.rpartition(".")

    # A module, such as `sandbox.urls`, is no attribute until it was imported.
    owner = import_module(f"django_plasgate_ip.{module}")
    assert hasattr(owner, name) or import_module(f"{owner.__name__}.{name}") is not None
