"""Settings of a site that reads from a replica. This replica never gets any rows."""

from pathlib import Path

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_plasgate_ip.handoff"]

DATABASES["replica"] = DATABASES["default"] | {"TEST": dict(DATABASES["default"].get("TEST", {}))}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    name = DATABASES["default"]["TEST"]["NAME"]
    # A name for each process, as the default database has, because two runs must not share it.
    DATABASES["replica"]["TEST"]["NAME"] = Path(name).with_name(f"replica-{Path(name).name}")

DATABASE_ROUTERS = ["tests.other_sites.replica.Router"]


class Router:
    """Reads the tables of the package from the replica."""

    def db_for_read(self, model: type, **hints: object) -> str | None:
        ours = ("django_plasgate_ip", "plasgate_ip_handoff")
        return "replica" if model._meta.app_label in ours else None  # type: ignore[attr-defined]

    def db_for_write(self, model: type, **hints: object) -> str:
        return "default"

    def allow_relation(self, *objects: object, **hints: object) -> bool:
        return True
