"""The staff's pages. Django's autodiscovery imports this package, which registers the admin."""

from django_plasgate_ip.admin.model_admin import (
    PhoneVerificationAdmin,
    PhoneVerificationAdminMixin,
)

__all__ = ["PhoneVerificationAdmin", "PhoneVerificationAdminMixin"]
