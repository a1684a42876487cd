"""Settings of a site whose admin uses django-unfold."""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = ["unfold", *INSTALLED_APPS]

# Where they share a server, the main suite is using its own test database.
name = f"test_{DATABASES['default']['NAME']}_unfold_theme"
DATABASES["default"].setdefault("TEST", {}).setdefault("NAME", name)
