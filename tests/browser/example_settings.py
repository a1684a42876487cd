"""The example project's settings, with a strict Content Security Policy."""

import os

from example.settings import *  # noqa: F403
from example.settings import MIDDLEWARE, env

MIDDLEWARE = ["tests.browser.serve.content_security_policy", *MIDDLEWARE]
DATABASES = {
    "default": env.db_url("SITE_DATABASE") | {"OPTIONS": {"transaction_mode": "IMMEDIATE"}}
}
SECRET_KEY = os.environ["SITE_SECRET_KEY"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast, and nothing else

# All tests type the sandbox's few numbers, and each test has an account of its own.
PLASGATE_IP_MAX_STARTS_PER_NUMBER = None
PLASGATE_IP_MAX_STARTS_PER_USER = 5  # type: ignore[assignment]
