"""Which of the two databases is asked: the large one or the small one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_LARGE = "default"
_chosen = [_LARGE]


class Router:
    """Sends everything to the database of the size that is being measured."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        """Return the chosen one."""
        return _chosen[-1]

    db_for_write = db_for_read

    def allow_relation(self, *args: Any, **hints: Any) -> bool:
        """Allow: a user of one database is never used in the other."""
        return True


@contextmanager
def use(alias: str) -> Iterator[None]:
    """Ask the database `alias` inside the block."""
    _chosen.append(alias)
    try:
        yield
    finally:
        _chosen.pop()
