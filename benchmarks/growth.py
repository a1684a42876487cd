"""Queries whose time must not grow with the table, on many rows and on few."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from django.core.cache import cache
from django.db import connections
from django.test.utils import CaptureQueriesContext

from benchmarks.lines import Line, against
from benchmarks.options import Options
from benchmarks.rounds import in_turn
from benchmarks.site import Browser, Site, browser_of, new_browsers
from benchmarks.sizes import use
from django_plasgate_ip.admin import statistics
from django_plasgate_ip.models import PhoneVerification

SAMPLE = 50
CHANGELIST = "/admin/django_plasgate_ip/phoneverification/"
# The largest allowed ratio of a query's time on many rows to its time on few.
MOST = 1.5
Question = Callable[["Table"], Any]


@dataclass(frozen=True)
class Table:
    """The table of one size, some of its verified rows, and the browsers that request pages."""

    alias: str
    rows: list[PhoneVerification]
    staff: Browser
    visitors: list[Browser]

    def row(self) -> PhoneVerification:
        """Return a random row."""
        return random.choice(self.rows)  # noqa: S311


def lines(options: Options) -> Iterator[Line]:
    """Yield the lines of the model's queries, of the admin's pages, and of the summary."""
    with connections["default"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    large, small = _table("default"), _table("small")
    for what, question in _MODEL_QUERIES:
        yield from _line(what, question, large, small, options.rounds)
    for what, question in _ADMIN_PAGES:
        yield from _line(what, question, large, small, max(options.rounds // 5, 3))
    yield _summary(large)


def _table(alias: str) -> Table:
    with use(alias):
        # The primary key is random.
        verified = PhoneVerification.objects.verified().select_related("user").order_by("pk")
        rows = list(verified[:SAMPLE])
        (staff,) = new_browsers(1, is_staff=True, is_superuser=True)
        return Table(alias, rows, staff, [browser_of(row.user) for row in rows if row.user])


def _line(what: str, question: Question, large: Table, small: Table, rounds: int) -> Iterator[Line]:
    def at(table: Table) -> Callable[[], Any]:
        def ask() -> None:
            with use(table.alias):
                question(table)

        return ask

    asked = {"here": at(large), "reference": at(small)}
    counts = {name: _queries(table, asked[name]) for name, table in _named(large, small)}
    assert counts["here"] == counts["reference"], (what, counts)
    times = in_turn(rounds, asked)
    yield against(f"{what} ({counts['here']} queries)", times, MOST, "small table")


def _named(large: Table, small: Table) -> tuple[tuple[str, Table], ...]:
    return (("here", large), ("reference", small))


def _queries(table: Table, act: Callable[[], Any]) -> int:
    act()  # fills the caches
    with CaptureQueriesContext(connections[table.alias]) as captured:
        act()
    return len(captured.captured_queries)


def _list(query: Callable[[Table], str]) -> Question:
    site = Site()
    return lambda table: site.get(table.staff, CHANGELIST + query(table))


def _member(table: Table) -> None:
    Site().get(random.choice(table.visitors), "/members/")  # noqa: S311


def _summary(large: Table) -> Line:
    """Return the line of the admin's summary without its cache."""
    rounds = 5

    def count() -> None:
        cache.clear()
        with use(large.alias):
            statistics.summarise(PhoneVerification.objects.all())

    times = in_turn(rounds, {"here": count}, warm_up=1)
    milliseconds = median(times["here"]) * 1000
    return Line("admin: the summary, not cached", milliseconds, "ms", 1500)


_objects = PhoneVerification.objects
_MODEL_QUERIES: list[tuple[str, Question]] = [
    ("is_verified", lambda table: _objects.is_verified(table.row().user)),
    (
        "is_verified, of a number",
        lambda table: _objects.is_verified(table.row().user, table.row().phone_number),
    ),
    ("latest_for", lambda table: _objects.latest_for(table.row().user)),
    ("verified().latest_for", lambda table: _objects.verified().latest_for(table.row().user)),
    ("phone_verified_required", _member),
]
_ADMIN_PAGES: list[tuple[str, Question]] = [
    ("admin: list", _list(lambda table: "")),
    ("admin: page 2", _list(lambda table: "?p=2")),
    (
        "admin: search by number",
        _list(lambda table: f"?q=%2B{str(table.row().phone_number)[1:]}"),
    ),
    (
        "admin: search by user",
        _list(lambda table: f"?q={table.row().user.username}"),  # type: ignore[union-attr]
    ),
    ("admin: filter by status", _list(lambda table: "?status__exact=failed")),
    ("admin: filter by reason", _list(lambda table: "?reason__exact=not_verified")),
    ("admin: filter, rare", _list(lambda table: "?reason__exact=user_changed")),
]
