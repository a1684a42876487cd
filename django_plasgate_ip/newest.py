"""What each start and each callback asks of the newest rows, as SQL.

Building such a query with the ORM, compiling it and reading its answer took three times as long as
the database did for all of it; for what every visitor waits for, that is too much. The statement is
the same on PostgreSQL, MariaDB and SQLite. Its text has names of our own columns only: the values
are parameters, prepared by their fields, as the ORM does it.
"""

from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Literal

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from django_plasgate_ip.models import PhoneVerification, rows

#: A field's name, how its column compares, and the value; of a foreign key, the other's key.
Condition = tuple[str, Literal["=", "<>", ">"], Any]


@dataclass(frozen=True)
class Newest:
    """One column of the newest row for which all of `where` holds, but for `skipped` of them."""

    column: str
    where: list[Condition] = field(repr=False)
    by: str = "created_at"
    skipped: int = 0


def values(*asked: Newest) -> list[Any]:
    """Return each one's value, None where there is no such row. One query."""
    connection = connections[rows().db]
    parts, params = [], []
    for each in asked:
        parts.append(_statement(connection, each))
        params += [_prepared(connection, name, value) for name, _how, value in each.where]
        params.append(each.skipped)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", params)
        row = cursor.fetchone()
    return [_read(connection, each.column, value) for each, value in zip(asked, row, strict=True)]


def _statement(connection: BaseDatabaseWrapper, asked: Newest) -> str:
    quoted = connection.ops.quote_name
    where = " AND ".join(f"{quoted(_field(name).column)} {how} %s" for name, how, _ in asked.where)
    return (
        f"(SELECT {quoted(_field(asked.column).column)}"  # noqa: S608 # nosec B608
        f" FROM {quoted(PhoneVerification._meta.db_table)} WHERE {where}"
        f" ORDER BY {quoted(_field(asked.by).column)} DESC LIMIT 1 OFFSET %s)"
    )


def _prepared(connection: BaseDatabaseWrapper, name: str, value: Any) -> Any:
    return _field(name).get_db_prep_value(value, connection)


def _read(connection: BaseDatabaseWrapper, name: str, value: Any) -> Any:
    """Return what the ORM makes of the value: SQLite and MariaDB have times without a zone."""
    column = _field(name).cached_col
    converters = connection.ops.get_db_converters(column)
    return reduce(lambda read, convert: convert(read, column, connection), converters, value)


def _field(name: str) -> Any:
    return PhoneVerification._meta.get_field(name)
