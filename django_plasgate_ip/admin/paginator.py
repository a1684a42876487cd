"""The pages of the admin's list, whose rows are counted up to a bound."""

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

# 200 pages of the list.
MAX_ROWS = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts `MAX_ROWS` rows at most, because counting millions takes seconds.

    Later rows have no page.
    """

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or `MAX_ROWS` if there are more."""
        rows: Any = self.object_list
        found: int = rows.order_by()[:MAX_ROWS].count()
        return found

    @property
    def reaches_bound(self) -> bool:
        """Whether there may be rows that no page shows."""
        return self.count == MAX_ROWS
