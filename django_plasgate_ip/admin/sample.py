"""A sample of attempts, and what is counted of it.

PostgreSQL counts by itself: its driver takes several times as long to hand over the sample's rows
as the database takes to find them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import DateTimeField, F, Func, IntegerField, QuerySet, Value

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Status

# Those that the operator answered. How long the others took says when they were given up.
_ANSWERED = (Status.VERIFIED.value, Status.FAILED.value)
# MariaDB would find the sample three times for this, and SQLite has nothing to hand over.
_COUNTING = frozenset({"postgresql"})
# Its last row; the groups; and the times. Each is told by which of its columns are empty.
_COUNT = f"""
WITH sample (id, day, status, reason, tenths) AS (%s)
SELECT id, day, status, reason, tenths, 1 AS attempts
FROM (SELECT * FROM sample ORDER BY id DESC LIMIT 1) AS last_row
UNION ALL
SELECT NULL, day, status, reason, NULL, COUNT(*) FROM sample GROUP BY day, status, reason
UNION ALL
SELECT NULL, NULL, NULL, NULL, tenths, COUNT(*) FROM sample
WHERE status IN {_ANSWERED} GROUP BY tenths
"""  # noqa: S608 # nosec B608


class _Day(Func):
    """Which of some days a moment lies in, from 0; `ends`: of each.

    The ORM's own ``Case`` of so many days takes more than three times as long to build.
    """

    output_field = IntegerField()

    def __init__(self, moment: Any, *ends: Any) -> None:
        super().__init__(moment, *(Value(end, DateTimeField()) for end in ends))

    def as_sql(self, compiler: Any, connection: Any, *_args: Any, **_context: Any) -> Any:
        # The moment is a column, which has no parameters.
        (moment, _none), *ends = map(compiler.compile, self.source_expressions)
        cases = (f"WHEN {moment} < {end} THEN {day}" for day, (end, _params) in enumerate(ends))
        params = tuple(param for _sql, params in ends for param in params)
        return f"CASE {' '.join(cases)} END", params


_OF_INTERVAL = "CAST(FLOOR(DATE_PART('epoch', %(expressions)s) * 10) AS bigint)"
_OF_MICROSECONDS = "FLOOR(%(expressions)s / 100000.0)"


class _Tenths(Func):
    """The whole tenths of a second of a span: the list cuts off what is behind them, too."""

    output_field = IntegerField()

    def as_sql(self, compiler: Any, connection: Any, *_args: Any, **_context: Any) -> Any:
        is_interval = connection.features.has_native_duration_field
        template = _OF_INTERVAL if is_interval else _OF_MICROSECONDS
        return super().as_sql(compiler, connection, template=template)


@dataclass
class Counted:
    """How many attempts of a sample are alike: by day, status and reason; and by their time."""

    alike: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    #: By tenths of a second; only those that the operator answered.
    tenths: Counter[int] = field(default_factory=Counter)
    #: The primary key of the first attempt behind the sample; None where it has all there are.
    next_key: UUID | None = None


class Sample:
    """The first attempts of `queryset` by primary key, `size` at most.

    `edges`: the beginnings of the days from which they are, and the last one's end. Raises
    EmptyResultSet where the ORM knows that there are none.
    """

    def __init__(
        self, queryset: QuerySet[PhoneVerification], edges: Sequence[datetime], size: int
    ) -> None:
        rows = queryset.filter(created_at__gte=edges[0], created_at__lt=edges[-1]).annotate(
            # Names that no model of the site's has for what points to attempts.
            plasgate_ip_day=_Day("created_at", *edges[1:]),
            plasgate_ip_tenths=_Tenths(F("completed_at") - F("created_at")),
        )
        columns = ("id", "plasgate_ip_day", "status", "reason", "plasgate_ip_tenths")
        # One more than the sample has: its key says how far the sample reaches.
        found = rows.order_by("pk").values(*columns)[: size + 1]
        self.alias, self.size = rows.db, size
        self.sql, self.params = found.query.get_compiler(self.alias).as_sql()

    def count(self) -> Counted:
        """Return what the database counts, or what is counted of the rows that it has found."""
        connection = connections[self.alias]
        if connection.vendor not in _COUNTING:
            return self._of_rows(self._execute(self.sql))
        return self._of_groups(self._execute(_COUNT % self.sql))

    def _execute(self, sql: str) -> list[Any]:
        with connections[self.alias].cursor() as cursor:
            cursor.execute(sql, self.params)
            return list(cursor.fetchall())

    def _of_rows(self, found: list[Any]) -> Counted:
        next_key = _key(found.pop()[0]) if len(found) > self.size else None
        return Counted(
            alike=Counter((day, status, reason) for _id, day, status, reason, _tenths in found),
            tenths=Counter(int(row[-1]) for row in found if row[2] in _ANSWERED),
            next_key=next_key,
        )

    def _of_groups(self, found: list[Any]) -> Counted:
        counted = Counted()
        last: Any = ()
        for row in found:
            key, day, status, reason, tenth, attempts = row
            if key is not None:
                last = row
            elif status is not None:
                counted.alike[day, status, reason] = attempts
            else:
                counted.tenths[int(tenth)] = attempts
        if counted.alike.total() > self.size:
            _set_apart(last, counted)
        return counted


def _set_apart(last: Any, counted: Counted) -> None:
    """Take the last row, which is behind the sample, out of what was counted."""
    key, day, status, reason, tenth, _attempts = last
    # What none is left of goes.
    counted.alike -= Counter([(day, status, reason)])
    if status in _ANSWERED:
        counted.tenths -= Counter([int(tenth)])
    counted.next_key = _key(key)


def _key(value: Any) -> Any:
    return PhoneVerification._meta.pk.to_python(value)
