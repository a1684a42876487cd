"""The admin list's pages: how many there are is found out a few pages ahead, never to the end."""

from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.utils.functional import cached_property

# Pages that the paginator looks ahead, so that it need not count millions of rows.
PAGES_AHEAD = 3
# Further than anybody turns, and not so far that a database can't count the rows before it.
LAST_PAGE = 1_000_000


class AtLeast(int):
    """A count that ended early, and reads so: ``200+``."""

    def __str__(self) -> str:
        # Django would set its separator between these characters, as if all were digits: "2,00+".
        return f"{int(self)}" if settings.USE_THOUSAND_SEPARATOR else f"{int(self)}+"


class LookAheadPaginator(Paginator):  # type: ignore[type-arg]
    """Knows that there are more rows, up to a few pages on, and never how many in all."""

    page_number = 1

    def turn_to(self, page: str) -> None:
        """Look ahead from `page`, as the query string has it; what is no number is the first."""
        try:
            number = int(page)
        except ValueError:
            number = 1
        self.page_number = min(max(number, 1), LAST_PAGE)

    @cached_property
    def count(self) -> int:
        """Return the rows up to `PAGES_AHEAD` pages behind the current one."""
        before = (self.page_number - 1) * self.per_page
        found = self._look_ahead(before)
        # Behind the last page: the first pages' count, which says that this one is none of them.
        return before + found if found or not before else self._look_ahead(0)

    @property
    def honest_count(self) -> int:
        """`count`, as an `AtLeast` where the look ahead did not see the last row."""
        ahead = self.count - (self.page_number - 1) * self.per_page
        return AtLeast(self.count) if ahead == self._most else self.count

    @property
    def _most(self) -> int:
        return (1 + PAGES_AHEAD) * self.per_page

    def _look_ahead(self, start: int) -> int:
        rows: Any = self.object_list
        return len(rows.order_by().values_list("pk")[start : start + self._most])
