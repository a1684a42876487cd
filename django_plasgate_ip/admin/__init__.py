"""The admin of verifications. Django's autodiscovery imports this package to register it."""

from django_plasgate_ip.admin.model_admin import PhoneVerificationAdmin, PhoneVerificationAdminMixin

__all__ = ["PhoneVerificationAdmin", "PhoneVerificationAdminMixin"]
