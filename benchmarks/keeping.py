"""Re-encryption and purge of 100,000 rows. Their batches alternate with a plain reference."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.db import connection
from django.test.utils import override_settings

from benchmarks.lines import Line
from benchmarks.options import Options
from benchmarks.rounds import in_turn
from django_plasgate_ip import encryption, retention
from django_plasgate_ip.conf import conf
from django_plasgate_ip.models import PhoneVerification
from tests.faults.memory import MIB, peak_resident, reset_peak
from tests.visitor import VERIFIED

BATCH = retention.BATCH_SIZE
ROWS = 100_000
MOST_MIB = 20
_TABLE = PhoneVerification._meta.db_table


def lines(options: Options) -> Iterator[Line]:
    """Yield the lines of re-encrypting rows, of emptying claims and of deleting rows."""
    batches = min(ROWS, options.rows // 4) // BATCH
    yield from _reencryption(batches)
    with override_settings(PLASGATE_IP_CLAIMS_RETENTION=timedelta(hours=1)):
        plain = _PlainBatches("UPDATE", "SET claims = ''", "AND claims <> ''")
        yield from _timed("purge: empty claims", batches, retention.empty_claims(), plain)
    with override_settings(PLASGATE_IP_ATTEMPT_RETENTION=timedelta(hours=1)):
        plain = _PlainBatches("DELETE FROM", "", "")
        yield from _timed("purge: delete rows", batches, retention.delete_old(), plain)


def _reencryption(batches: int) -> Iterator[Line]:
    old, new = str((conf.PLASGATE_IP_ENCRYPTION_KEYS or [])[0]), Fernet.generate_key().decode()
    cipher = MultiFernet([Fernet(new), Fernet(old)])
    token = Fernet(old).encrypt(json.dumps(VERIFIED).encode())

    def cipher_alone() -> None:
        for _ in range(BATCH):
            cipher.rotate(token)

    with override_settings(PLASGATE_IP_ENCRYPTION_KEYS=[new, old]):
        run = encryption.reencrypt(PhoneVerification.objects.on_primary(), BATCH)
        yield from _timed("re-encryption", batches, run, cipher_alone, "the cipher alone")


def _timed(
    what: str,
    batches: int,
    run: Iterator[Any],
    reference: Callable[[], None],
    beside: str = "plain SQL",
) -> Iterator[Line]:
    reset_peak()
    before = peak_resident()
    times = in_turn(batches, {"here": lambda: next(run), "reference": reference}, warm_up=0)
    grown = (peak_resident() - before) / MIB
    here, plain = sum(times["here"]), sum(times["reference"])
    yield Line(f"{what}, {batches * BATCH:,} rows", here, "s", None, beside, plain)
    yield Line(f"{what}: growth of memory", grown, "MiB", MOST_MIB)


class _PlainBatches:
    """The same work in plain SQL. Each batch has the oldest rows after the last batch."""

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
