"""Test databases of these sites: where they share a server, the main suite is using its own."""

import pytest
from django.conf import settings
from django.db import connections


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Name each test database after its site, except for the files of SQLite."""
    site = settings.SETTINGS_MODULE.rpartition(".")[2]
    for connection in connections.all():
        values = connection.settings_dict
        name = f"test_{values['NAME']}_{site}_{connection.alias}"
        values["TEST"]["NAME"] = values["TEST"]["NAME"] or name
