"""The migrations are what the models say."""

from typing import Any

import pytest
from django.core.management import call_command

pytestmark = pytest.mark.django_db


def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize("field", ["AutoField", "SmallAutoField"])
def test_a_sites_default_primary_key_asks_for_no_migration_of_ours(
    settings: Any, field: str
) -> None:
    settings.DEFAULT_AUTO_FIELD = f"django.db.models.{field}"

    call_command("makemigrations", "django_plasgate_ip", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize("region", [None, "KH", "GB"])
def test_nor_does_a_sites_region(settings: Any, region: str | None) -> None:
    settings.PHONENUMBER_DEFAULT_REGION = region
    settings.PLASGATE_IP_DEFAULT_REGION = region or "KH"

    call_command("makemigrations", "django_plasgate_ip", check=True, dry_run=True, verbosity=0)
