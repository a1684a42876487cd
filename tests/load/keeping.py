"""Purging and encrypting again, batch by batch in turn with the least that could be done."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.db import connection
from django.test.utils import override_settings

from django_plasgate_ip import retention
from django_plasgate_ip.conf import conf
from django_plasgate_ip.models import PhoneVerification
from tests.faults.memory import MIB, peak_resident, reset_peak
from tests.load.lines import Line, against
from tests.load.options import Options
from tests.load.rounds import in_turn
from tests.visitor import VERIFIED

BATCH = retention.BATCH_SIZE
MOST_MIB = 20
_TABLE = PhoneVerification._meta.db_table


def lines(options: Options) -> Iterator[Line]:
    """Yield the lines of the large table's re-encryption, emptying and deletion, in this order."""
    yield from _reencrypt(options)
    with override_settings(PLASGATE_IP_CLAIMS_RETENTION=timedelta(hours=1)):
        empty = _PlainBatches("UPDATE", "SET claims = ''", "AND claims <> ''")
        yield from _purge("purge: empty claims", options, retention.empty_claims(), empty)
    with override_settings(PLASGATE_IP_ATTEMPT_RETENTION=timedelta(hours=1)):
        delete = _PlainBatches("DELETE FROM", "", "")
        yield from _purge("purge: delete attempts", options, retention.delete_old(), delete)


def _reencrypt(options: Options) -> Iterator[Line]:
    old, new = str((conf.PLASGATE_IP_ENCRYPTION_KEYS or [])[0]), Fernet.generate_key().decode()
    cipher = MultiFernet([Fernet(new), Fernet(old)])
    token = Fernet(old).encrypt(json.dumps(VERIFIED).encode())

    def cipher_alone() -> None:
        for _ in range(BATCH):
            cipher.rotate(token)

    with override_settings(PLASGATE_IP_ENCRYPTION_KEYS=[new, old]):
        batches = retention.with_claims().count() // BATCH
        again = retention.reencrypt()
        contestants = {"here": lambda: next(again), "reference": cipher_alone}
        yield from _timed("re-encrypt", batches, contestants, "the cipher alone")


def _purge(
    what: str, options: Options, ours: Iterator[Any], plain: Callable[[], Any]
) -> Iterator[Line]:
    # Each takes every other batch of the same rows.
    batches = int(options.rows * 0.85) // BATCH // 2
    yield from _timed(what, batches, {"here": lambda: next(ours), "reference": plain}, "plain SQL")


def _timed(
    what: str, batches: int, contestants: dict[str, Callable[[], Any]], beside: str
) -> Iterator[Line]:
    reset_peak()
    before = peak_resident()
    times = in_turn(max(batches - 1, 1), contestants, warm_up=0)
    grown = (peak_resident() - before) / MIB
    yield against(f"{what}, {BATCH:,} rows", times, 2, beside)
    yield Line(f"{what}: growth of memory", grown, "MiB", MOST_MIB)


class _PlainBatches:
    """The same work in plain SQL: the oldest rows, and on from where the last batch ended."""

    def __init__(self, verb: str, change: str, condition: str) -> None:
        self._since = None
        self._sql = f"""
            {verb} "{_TABLE}" {change} WHERE id IN (
                SELECT id FROM "{_TABLE}"
                WHERE (%s::timestamptz IS NULL OR created_at >= %s) {condition}
                ORDER BY created_at LIMIT {BATCH}
            ) RETURNING created_at
        """  # noqa: S608

    def __call__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(self._sql, [self._since, self._since])
            self._since = max(row[0] for row in cursor.fetchall())
