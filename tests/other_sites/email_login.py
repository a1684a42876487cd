"""Settings of a site with its own user model."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_plasgate_ip.handoff", "tests.other_sites.accounts"]
AUTH_USER_MODEL = "accounts.Account"
