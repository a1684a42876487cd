"""The import paths that a site may use."""

from importlib import import_module

NAMES = {
    "admin": ["PhoneVerificationAdminMixin"],
    "backends": ["VerifiedPhoneBackend"],
    "client": ["Answer", "Credentials", "PlasGateClient"],
    "decorators": ["PhoneVerifiedRequiredMixin", "phone_verified_required"],
    "exceptions": ["PlasGateError"],
    "flow": [
        *("begin", "complete", "find", "has_changed", "is_verified", "latest"),
        *("begin_for_app", "complete_for_app", "find_for_app"),
    ],
    "models": ["PhoneVerification"],
    "reasons": ["Reason", "Status"],
    "redaction": ["Hidden"],
    "sandbox.urls": ["urlpatterns"],
    "signals": [
        "mobile_id_changed",
        "phone_claimed",
        "phone_verification_failed",
        "phone_verified",
    ],
    "testing": ["PlasGate", "PlasGateMixin", "make_verification"],
    "urls": ["urlpatterns"],
}


def test_every_public_name_can_be_imported() -> None:
    for name, public in NAMES.items():
        assert set(public) <= set(dir(import_module(f"django_plasgate_ip.{name}"))), name
