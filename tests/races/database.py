"""Query the database for what the site's connections are doing."""

import time
from typing import Any

from django.db import OperationalError, connection, transaction

from django_plasgate_ip.models import PhoneVerification
from tests.servers import APPLICATION_NAME, LONG

# Each connection of the site to this database: its state, how many locks it holds or waits for,
# and whether it waits for one.
_POSTGRESQL = f"""
    SELECT state, (SELECT count(*) FROM pg_locks WHERE pg_locks.pid = activity.pid),
        COALESCE(wait_event_type = 'Lock', false)
    FROM pg_stat_activity AS activity
    WHERE datname = current_database() AND application_name = '{APPLICATION_NAME}'
"""  # noqa: S608
# Each other connection to this database: its state, how many transactions it has, and whether it
# waits for a lock.
_MARIADB = """
    SELECT command, trx_id IS NOT NULL, COALESCE(trx_state = 'LOCK WAIT', 0)
    FROM information_schema.processlist AS process
    LEFT JOIN information_schema.innodb_trx ON trx_mysql_thread_id = process.id
    WHERE process.db = database() AND process.id <> connection_id()
"""
# MariaDB repeats its last result for a tenth of a second.
_PAUSE = 0.15
_IDLE = {
    "postgresql": ("idle", 0, False),
    "mysql": ("Sleep", 0, 0),
    "sqlite": "no writer",
}


def idle() -> Any:
    """Return the state of a connection without a transaction."""
    return _IDLE[connection.vendor]


def connections() -> list[Any]:
    """Return the state of each of the site's connections."""
    if connection.vendor == "sqlite":
        return [_sqlite_state()]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Otherwise a transaction repeats its first snapshot.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(_POSTGRESQL)
        else:
            cursor.execute(_MARIADB)
        return list(cursor.fetchall())


def seen_for(seconds: float) -> set[Any]:
    """Return all states that the connections have in this time."""
    found: set[Any] = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found |= set(connections())
        time.sleep(_PAUSE)
    return found


def wait_for_waiting(many: int) -> None:
    """Return when this many of the site's connections wait for a lock."""
    if connection.vendor == "sqlite":
        # SQLite reports no locks. The pause is long enough for the requests to reach theirs.
        time.sleep(1)
        return
    end = time.monotonic() + LONG / 2
    while sum(waits for *_rest, waits in connections()) < many:
        assert time.monotonic() < end
        time.sleep(_PAUSE)


def _sqlite_state() -> str:
    # SQLite has one lock for all writers, so a write that does not wait finds out.
    with connection.cursor() as cursor:
        (patience,) = cursor.execute("PRAGMA busy_timeout").fetchone()
        cursor.execute("PRAGMA busy_timeout = 0")
        try:
            with transaction.atomic():
                PhoneVerification.objects.update(next_url="/elsewhere/")
                transaction.set_rollback(True)
        except OperationalError:
            return "a writer"
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {patience}")
    return "no writer"
