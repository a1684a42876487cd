"""Settings of a site with a user model of its own."""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_plasgate_ip.handoff", "tests.other_sites.accounts"]
AUTH_USER_MODEL = "accounts.Account"

# The main suite's own test database is in use, where they share a server.
name = f"test_{DATABASES['default']['NAME']}_email_login"
DATABASES["default"].setdefault("TEST", {}).setdefault("NAME", name)
