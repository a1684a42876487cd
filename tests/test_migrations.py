"""The migrations match the models on every site."""

import pytest
from django.core.management import call_command

pytestmark = pytest.mark.django_db


def test_no_migration_is_missing_with_any_settings_of_a_site(settings):
    settings.DEFAULT_AUTO_FIELD = "django.db.models.SmallAutoField"
    for region in ("KH", "GB"):
        settings.PHONENUMBER_DEFAULT_REGION = settings.PLASGATE_IP_DEFAULT_REGION = region
        # It exits if a migration is missing.
        ours = ("django_plasgate_ip", "plasgate_ip_sandbox")
        call_command("makemigrations", *ours, check=True, dry_run=True, verbosity=0)
