"""Settings of the example with django-allauth, on the suite's database and keys."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "example_project"))

from example.with_allauth.settings import *  # noqa: F403
from example.with_allauth.settings import INSTALLED_APPS

from tests.settings import (  # noqa: F401
    ALLOWED_HOSTS,
    DATABASES,
    PASSWORD_HASHERS,
    PLASGATE_IP_PRIVATE_KEY,
    PLASGATE_IP_SECRET_KEY,
    SECRET_KEY,
)

INSTALLED_APPS = [name for name in INSTALLED_APPS if not name.endswith(".sandbox")]
PLASGATE_IP_CREDENTIALS = None  # type: ignore[assignment]
PLASGATE_IP_BASE_URL = "https://cloudapi.plasgate.com/ip/"
PLASGATE_IP_PUBLIC_URL = None
