"""Settings of a site whose admin wears django-unfold."""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = ["unfold", *INSTALLED_APPS]

# The main suite's own test database is in use, where they share a server.
name = f"test_{DATABASES['default']['NAME']}_unfold_theme"
DATABASES["default"].setdefault("TEST", {}).setdefault("NAME", name)
