"""The paginator of the admin's list, which counts rows up to a bound."""

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

# 200 pages of the list.
MAX_ROWS = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts at most `MAX_ROWS` rows, because counting millions takes seconds.

    The rows after these are on no page.
    """

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or `MAX_ROWS` if there are more."""
        rows: Any = self.object_list
        found: int = rows.order_by()[:MAX_ROWS].count()
        return found

    @property
    def reaches_bound(self) -> bool:
        """Whether there may be rows that are on no page."""
        return self.count == MAX_ROWS
