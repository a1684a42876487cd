"""Settings of a site with its own user model."""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_plasgate_ip.handoff", "tests.other_sites.accounts"]
AUTH_USER_MODEL = "accounts.Account"

# Where they share a server, the main suite is using its own test database.
name = f"test_{DATABASES['default']['NAME']}_email_login"
DATABASES["default"].setdefault("TEST", {}).setdefault("NAME", name)
