"""The size of a row on the disk, with its indexes."""

from collections.abc import Iterator

from django.db import connection

from benchmarks.lines import Line
from django_plasgate_ip.models import PhoneVerification

_TABLE = PhoneVerification._meta.db_table


def lines() -> Iterator[Line]:
    """Yield the bytes of one row of the large table, and those of each of its parts."""
    rows = PhoneVerification.objects.count()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT pg_table_size('{_TABLE}'), pg_indexes_size('{_TABLE}'),"  # noqa: S608
            f" avg(length(claims)) FILTER (WHERE claims <> ''), avg((claims <> '')::int)"
            f' FROM "{_TABLE}"'
        )
        table, indexes, claims, share = (float(value) for value in cursor.fetchone())
        cursor.execute(
            "SELECT indexrelname, pg_relation_size(indexrelid) FROM pg_stat_user_indexes"
            " WHERE relname = %s ORDER BY 2 DESC",
            [_TABLE],
        )
        sizes = cursor.fetchall()
    yield Line("a row with its indexes", (table + indexes) / rows, "bytes", None)
    yield Line("a row's own part without claims", table / rows - claims * share, "bytes", None)
    yield Line("a row's claims, if it has any", claims, "bytes", None)
    for name, size in sizes:
        yield Line(f"index {name}, for a row", size / rows, "bytes", None)
