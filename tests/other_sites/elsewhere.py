"""Settings of a site that keeps all tables in another database and has no default one.

Each request is a transaction (``ATOMIC_REQUESTS``).
"""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

main = DATABASES["default"] | {"ATOMIC_REQUESTS": True}
main["TEST"] = main.get("TEST", {}) | {"DEPENDENCIES": []}
DATABASES = {"default": {}, "main": main}

DATABASE_ROUTERS = ["tests.other_sites.elsewhere.Router"]


class Router:
    """Uses the database ``main`` for everything."""

    def db_for_read(self, model: type, **hints: object) -> str:
        return "main"

    def db_for_write(self, model: type, **hints: object) -> str:
        return "main"

    def allow_migrate(self, db: str, app_label: str, **hints: object) -> bool:
        return db == "main"
