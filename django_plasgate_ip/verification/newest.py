"""What each start and each callback asks of the newest rows, as SQL.

Building such a query with the ORM, compiling it and reading its answer took up to three times as
long as the database did for all of it; for what every visitor waits for, that is too much. The
statements are the same on PostgreSQL, MariaDB and SQLite. They have names of our own table only,
which need no quotes on any of them; the values are parameters, prepared by their fields, as the ORM
does it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Status

_TABLE = PhoneVerification._meta.db_table
_FOR_CALLBACK = (
    f"SELECT {_TABLE}.*, ("  # noqa: S608 # nosec B608
    f"SELECT earlier.mobile_id FROM {_TABLE} AS earlier"
    f" WHERE earlier.user_id = {_TABLE}.user_id AND earlier.phone_number = {_TABLE}.phone_number"
    " AND earlier.status = %s"
    " ORDER BY earlier.completed_at DESC LIMIT 1"
    f") AS last_mobile_id FROM {_TABLE}"
    # The key settles ties, or two starts at once might each take the other for the newer.
    " WHERE callback_session_id = %s ORDER BY created_at DESC, id DESC LIMIT 1"
)


def for_callback(browser: str) -> PhoneVerification | None:
    """Return the attempt whose callback comes to this session, or None.

    It is its own newest one, or one that a computer has handed over to it. Its ``last_mobile_id``
    is that of the last verified attempt of the same user and number, None where there is none:
    asked along, it spares each callback a query. Of two first verifications of one number at the
    same moment, neither sees the other.
    """
    if not browser:
        return None
    found = PhoneVerification.objects.on_primary().raw(
        _FOR_CALLBACK, [Status.VERIFIED.value, browser]
    )
    return next(iter(found), None)


@dataclass(frozen=True)
class Limit:
    """No more than `most` starts with this value in a column of the model, or None for all."""

    column: str | None
    value: Any = field(repr=False)
    most: int

    def passed_at(self, since: datetime) -> datetime | None:
        """Return when the newest start was made that does not fit in, from `since` on."""
        found = (
            PhoneVerification.objects.on_primary()
            .filter(created_at__gt=since)
            .order_by("-created_at")
        )
        if self.column:
            found = found.filter(**{self.column: self.value})
        return found.values_list("created_at", flat=True)[self.most : self.most + 1].first()


_WITH = {
    None: "",
    "phone_number": "phone_number = %s AND ",
    "user": "user_id = %s AND ",
    "address": "address = %s AND ",
}


def is_any_passed(limits: Sequence[Limit], since: datetime) -> bool:
    """Whether more have started from `since` on than one of the limits allows. One query."""
    connection = connections[router.db_for_write(PhoneVerification)]
    created_at = _prepared(connection, "created_at", since)
    params: list[Any] = []
    for limit in limits:
        value = [_prepared(connection, limit.column, limit.value)] if limit.column else []
        params += [*value, created_at]
    statement = f"SELECT {', '.join(map(_one_more, limits))}"
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return any(cursor.fetchone())


def _one_more(limit: Limit) -> str:
    # In no order, which would take PostgreSQL a quarter longer to plan.
    return (
        f"(SELECT 1 FROM {_TABLE} WHERE {_WITH[limit.column]}created_at > %s"  # noqa: S608 # nosec B608
        f" LIMIT 1 OFFSET {limit.most:d})"
    )


def _prepared(connection: BaseDatabaseWrapper, name: str, value: Any) -> Any:
    column: Any = PhoneVerification._meta.get_field(name)
    return column.get_db_prep_value(value, connection)
