"""The database connection while the provider is called: returned before it, and found again after.

An operator may take seconds. Hundreds of waiting visitors would use up a pool, or the server.
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, router, transaction
from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification

_T = TypeVar("_T")
# Seconds; each pause is twice as long as the one before.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0


def release() -> None:
    """Close this thread's connection of the write alias, or return it to its pool.

    A connection that is meant to persist is kept: a site with ``CONN_MAX_AGE`` has a bounded number
    of threads. All pools need 0 there. An open transaction, and a connection that threads share in
    a test, are left alone. The next query connects again.
    """
    connection = _connection()
    is_between_transactions = not connection.in_atomic_block and connection.get_autocommit()
    is_temporary = connection.settings_dict["CONN_MAX_AGE"] == 0
    if is_temporary and is_between_transactions and not connection.allow_thread_sharing:
        connection.close()


def retry(step: Callable[[], _T], until: datetime) -> _T:
    """Return what `step` returns. Repeat it until then, and at least once, if the database fails.

    It may refuse or lose a connection, or report a deadlock or a conflict of two transactions.
    Raises the last OperationalError or InterfaceError; inside a transaction, the first one.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            return step()
        except (OperationalError, InterfaceError):
            # A conflict may show only after a long wait for the other transaction.
            is_over = timezone.now() >= until and pause > _FIRST_PAUSE
            if is_over or _connection().in_atomic_block:
                raise
        # A broken connection would fail again, and a pooled one is of use to others meanwhile.
        _connection().close_if_unusable_or_obsolete()
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _connection() -> Any:
    return transaction.get_connection(router.db_for_write(PhoneVerification))
