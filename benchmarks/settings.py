"""The measured site: the tests' site with two databases and the settings of production."""

import os
from datetime import timedelta
from typing import Any

from tests import settings as tests_settings
from tests.settings import *  # noqa: F403
from tests.settings import env

INSTALLED_APPS = [
    *(app for app in tests_settings.INSTALLED_APPS if app != "django_plasgate_ip.sandbox"),
    "benchmarks",
]
ROOT_URLCONF = "benchmarks.urls"
ALLOWED_HOSTS = ["bench.example", "127.0.0.1"]


def database(size: str) -> dict[str, Any]:
    """Return one of the two databases. A process of the site uses those that a run created."""
    # A new connection for each request would hide the cost of the app. runserver starts a thread
    # for each request, so it must not keep connections.
    age = 0 if "BENCH_IS_RUNSERVER" in os.environ else None
    chosen = {**tests_settings.DATABASES["default"], "CONN_MAX_AGE": age}
    name = f"plasgate_ip_bench_{os.environ['BENCH_RUN']}_{size}"
    if chosen["ENGINE"].endswith("sqlite3"):
        # As in the example. The tests' settings trade safety for speed.
        name = f"{os.environ['BENCH_FOLDER']}/{name}.sqlite3"
        chosen["OPTIONS"] = {
            "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        }
    if "BENCH_POOL" in os.environ:
        chosen["CONN_MAX_AGE"] = 0
        chosen["OPTIONS"] = {"pool": {"max_size": int(os.environ["BENCH_POOL"])}}
    if "BENCH_IS_SITE" in os.environ:
        return {**chosen, "NAME": name}
    return {**chosen, "TEST": {"NAME": name}}


DATABASES = {"default": database("large"), "small": database("small")}
DATABASE_ROUTERS = ["benchmarks.sizes.Router"]

PLASGATE_IP_ENCRYPTION_KEYS = [os.environ["BENCH_ENCRYPTION_KEY"]]
PLASGATE_IP_PUBLIC_URL = "https://bench.example"
# All verifications of a measurement start before its first callback.
PLASGATE_IP_ATTEMPT_LIFETIME = timedelta(hours=6)
PLASGATE_IP_CA_BUNDLE = os.environ.get("BENCH_CA_BUNDLE")
PLASGATE_IP_BASE_URL = env.str("BENCH_BASE_URL", default="https://localhost:1/ip/")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler", "level": "ERROR"}},
    "loggers": {"django.request": {"handlers": ["console"]}},
}
