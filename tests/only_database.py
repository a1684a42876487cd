"""Run only the tests that use the database: ``pytest -p tests.only_database``.

Another database than SQLite can't change the outcome of the others. A test whose database belongs
to another process has the marker ``database``.
"""

import pytest
from django.test import TransactionTestCase

_FIXTURES = {"db", "transactional_db", "django_db_setup", "live_server"}


def uses_database(item: pytest.Item) -> bool:
    """Whether pytest-django lets this test use a database, or its marker says that it does."""
    case = getattr(item, "cls", None)
    return (
        any(map(item.get_closest_marker, ("database", "django_db")))
        or not _FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
        or (isinstance(case, type) and issubclass(case, TransactionTestCase))
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the other tests."""
    others = [item for item in items if not uses_database(item)]
    items[:] = [item for item in items if uses_database(item)]
    config.hook.pytest_deselected(items=others)
