"""Purging and encrypting again, batch by batch in turn with the least that could be done."""

import json
from collections.abc import Iterator
from datetime import timedelta

from cryptography.fernet import Fernet, MultiFernet
from django.db import connection
from django.test.utils import override_settings

from benchmarks.lines import Line, against, floor
from benchmarks.options import Options
from benchmarks.rounds import Contestants, in_turn
from django_plasgate_ip import retention
from django_plasgate_ip.conf import conf
from django_plasgate_ip.models import PhoneVerification
from tests.faults.memory import MIB, peak_resident, reset_peak
from tests.visitor import VERIFIED

BATCH = retention.BATCH_SIZE
MOST_MIB = 20
_TABLE = PhoneVerification._meta.db_table


def lines(options: Options) -> Iterator[Line]:
    """Yield the lines of the large table's re-encryption, emptying and deletion, in this order."""
    yield from _reencrypt(options)
    with override_settings(PLASGATE_IP_CLAIMS_RETENTION=timedelta(hours=1)):
        empty = _PlainBatches("UPDATE", "SET claims = ''", "AND claims <> ''")
        emptied = retention.empty_claims()
        contestants: Contestants = {"here": lambda: next(emptied), "reference": empty}
        yield from _purge("purge: empty claims", options, contestants)
    with override_settings(PLASGATE_IP_ATTEMPT_RETENTION=timedelta(hours=1)):
        deleted = retention.delete_old()
        contestants = {
            "here": lambda: next(deleted),
            "reference": _PlainBatches("DELETE FROM", "", ""),
            "floor": _delete_by_the_orm,
        }
        yield from _purge("purge: delete attempts", options, contestants)


def _reencrypt(options: Options) -> Iterator[Line]:
    old, new = str((conf.PLASGATE_IP_ENCRYPTION_KEYS or [])[0]), Fernet.generate_key().decode()
    cipher = MultiFernet([Fernet(new), Fernet(old)])
    token = Fernet(old).encrypt(json.dumps(VERIFIED).encode())

    def cipher_alone() -> None:
        for _ in range(BATCH):
            cipher.rotate(token)

    with override_settings(PLASGATE_IP_ENCRYPTION_KEYS=[new, old]):
        # Ours from one end, and the floor from the other.
        batches = retention.with_claims().count() // BATCH // 2
        again = retention.reencrypt()
        contestants: Contestants = {
            "here": lambda: next(again),
            "reference": cipher_alone,
            "floor": _PlainReencryption(cipher),
        }
        yield from _timed("re-encrypt", batches, contestants, "the cipher alone")


def _purge(what: str, options: Options, contestants: Contestants) -> Iterator[Line]:
    # They take turns at batches of the same rows.
    batches = int(options.rows * 0.85) // BATCH // len(contestants)
    yield from _timed(what, batches, contestants, "plain SQL")


def _timed(what: str, batches: int, contestants: Contestants, beside: str) -> Iterator[Line]:
    reset_peak()
    before = peak_resident()
    times = in_turn(max(batches - 1, 1), contestants, warm_up=0)
    grown = (peak_resident() - before) / MIB
    yield against(f"{what}, {BATCH:,} rows", times, 2, beside)
    if "floor" in contestants:
        yield floor(_FLOORS[what], times, beside)
    yield Line(f"{what}: growth of memory", grown, "MiB", MOST_MIB)


_FLOORS = {
    "re-encrypt": "read, encrypt, UPDATE ... FROM unnest",
    "purge: delete attempts": "the ORM's delete(), without a lock",
}


def _delete_by_the_orm() -> None:
    """Delete a batch so that a site's signals and its own models' rows are seen to."""
    keys = PhoneVerification.objects.order_by("created_at").values_list("pk", flat=True)
    PhoneVerification.objects.filter(pk__in=list(keys[:BATCH])).delete()


class _PlainReencryption:
    """Plain SQL around the cipher, from the last primary key on: no lock, no look at a change."""

    def __init__(self, cipher: MultiFernet) -> None:
        self._cipher = cipher
        self._before = "ffffffff-ffff-ffff-ffff-ffffffffffff"

    def __call__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT id, claims FROM \"{_TABLE}\" WHERE claims <> '' AND id < %s"  # noqa: S608
                f" ORDER BY id DESC LIMIT {BATCH}",
                [self._before],
            )
            rows = cursor.fetchall()
            tokens = [self._cipher.rotate(claims).decode() for _key, claims in rows]
            cursor.execute(
                f'UPDATE "{_TABLE}" SET claims = new.claims'  # noqa: S608
                " FROM unnest(%s::uuid[], %s::text[]) AS new (id, claims)"
                f' WHERE "{_TABLE}".id = new.id',
                [[key for key, _claims in rows], tokens],
            )
        self._before = rows[-1][0]


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
