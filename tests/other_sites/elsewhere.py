"""Settings of a site whose tables are all in a database that is not "default"; there is none.

Each request is a transaction there, as ``ATOMIC_REQUESTS`` has it.
"""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

main = DATABASES["default"] | {"ATOMIC_REQUESTS": True}
main["TEST"] = main.get("TEST", {}) | {"DEPENDENCIES": []}
if main["ENGINE"] != "django.db.backends.sqlite3":
    # The main suite's own test database is in use.
    main["TEST"]["NAME"] = f"test_{main['NAME']}_elsewhere"
DATABASES = {"default": {}, "main": main}

DATABASE_ROUTERS = ["tests.other_sites.elsewhere.Router"]


class Router:
    """Knows one database."""

    def db_for_read(self, model: type, **hints: object) -> str:
        return "main"

    def db_for_write(self, model: type, **hints: object) -> str:
        return "main"

    def allow_migrate(self, db: str, app_label: str, **hints: object) -> bool:
        return db == "main"
