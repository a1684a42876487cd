"""The migrations match the models on every site."""

from typing import Any

import pytest
from django.core.management import call_command

pytestmark = pytest.mark.django_db


def makemigrations(*apps: str) -> None:
    """Raise SystemExit if a migration is missing."""
    call_command("makemigrations", *apps, check=True, dry_run=True, verbosity=0)


def test_no_migration_is_missing() -> None:
    makemigrations()


def test_the_settings_of_a_site_need_no_migration(settings: Any) -> None:
    settings.DEFAULT_AUTO_FIELD = "django.db.models.SmallAutoField"
    for region in ("KH", "GB"):
        settings.PHONENUMBER_DEFAULT_REGION = settings.PLASGATE_IP_DEFAULT_REGION = region
        makemigrations("django_plasgate_ip")
