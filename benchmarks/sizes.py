"""The choice between the large and the small database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_LARGE = "default"
_chosen = [_LARGE]


class Router:
    """Sends every query to the chosen database."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        """Return the alias of the chosen database."""
        return _chosen[-1]

    db_for_write = db_for_read

    def allow_relation(self, *args: Any, **hints: Any) -> bool:
        """Return True: no object of one database is used in the other."""
        return True


@contextmanager
def use(alias: str) -> Iterator[None]:
    """Use the database `alias` inside the block."""
    _chosen.append(alias)
    try:
        yield
    finally:
        _chosen.pop()
