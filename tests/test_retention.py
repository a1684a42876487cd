"""Retention: which rows each step finds, and how it handles them in batches."""

from datetime import datetime, timedelta
from datetime import timezone as datetime_timezone
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from django_plasgate_ip import personal_data, retention
from django_plasgate_ip.models import EXCHANGE_GRACE, PhoneVerification
from tests.kept import CLAIMS, DAY, KEY, NEW_KEY, create, skip

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=datetime_timezone.utc)
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


def create_exchanging(age: timedelta, since: timedelta) -> PhoneVerification:
    """Store a verification whose code was sent to the exchange `since` ago."""
    return create(age, "exchanging", exchanging_at=timezone.now() - since)


def keep(settings: Any, *, claims: timedelta | None = None, rows: timedelta | None = None) -> None:
    settings.PLASGATE_IP_CLAIMS_RETENTION = claims
    settings.PLASGATE_IP_ATTEMPT_RETENTION = rows


def purge() -> list[list[int]]:
    """Run all three steps. Return the sizes of the batches of each."""
    steps = (retention.end_stale, retention.empty_claims, retention.delete_old)
    return [list(step()) for step in steps]


def expected() -> list[int]:
    """Return the number of rows that each step finds, as ``--dry-run`` does."""
    steps = (retention.stale, retention.with_old_claims, retention.old)
    return [step().count() for step in steps]


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.mark.parametrize(("late", "is_stale"), [(timedelta(0), False), (TICK, True)])
def test_a_verification_is_ended_when_it_cannot_continue(stopped_clock, late, is_stale):
    rows = {
        create(timedelta(minutes=5) + late, "pending"): "expired",
        create_exchanging(HOUR, timedelta(seconds=10) + EXCHANGE_GRACE + late): "interrupted",
    }
    assert [row.stale_reason for row in rows] == [*(rows.values() if is_stale else (None, None))]
    assert expected()[0] == (2 if is_stale else 0)
    purge()
    for row, reason in rows.items():
        row.refresh_from_db()
        expected_end = (reason, False, NOW) if is_stale else ("", True, None)
        assert (row.reason, row.is_live, row.completed_at) == expected_end


def test_the_settings_say_how_long_a_verification_may_take(settings):
    create(timedelta(minutes=50), "pending")
    create_exchanging(2 * HOUR, timedelta(minutes=50))
    settings.PLASGATE_IP_ATTEMPT_LIFETIME = HOUR
    settings.PLASGATE_IP_TIMEOUT = 3600
    assert purge() == [[], [], []]
    settings.PLASGATE_IP_ATTEMPT_LIFETIME = timedelta(minutes=1)
    settings.PLASGATE_IP_TIMEOUT = 1
    assert purge() == [[2], [], []]


def test_claims_are_emptied_and_later_rows_are_deleted(stopped_clock, settings):
    keep(settings, claims=DAY, rows=7 * DAY)
    ages = [DAY, DAY + TICK, 7 * DAY, 7 * DAY + TICK]
    rows = [create(age).pk for age in ages]
    assert expected() == [0, 2, 1]
    purge()
    claims = {row.pk: row.claims for row in PhoneVerification.objects.all()}
    assert claims == {rows[0]: CLAIMS, rows[1]: {}, rows[2]: {}}


def test_claims_are_emptied_without_their_key_and_no_other_column_changes(settings):
    keep(settings, claims=DAY)
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [KEY]
    create()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [NEW_KEY]
    before: Any = PhoneVerification.objects.values().get()
    purge()
    after: Any = PhoneVerification.objects.values().get()
    assert {name for name in before if before[name] != after[name]} == {"claims"}
    assert after["claims"].decrypt() == {}
    assert expected() == [0, 0, 0]


def test_a_retention_of_none_keeps_everything(settings):
    keep(settings)
    create(timedelta(days=36500))
    assert expected() == [0, 0, 0]
    assert purge() == [[], [], []]
    assert PhoneVerification.objects.get().claims == CLAIMS


def test_old_rows_are_deleted_with_every_result(settings):
    keep(settings, rows=DAY)
    for status in ("failed", "error", "pending"):
        create(status=status)
    create(mobile_id_changed=True)
    create_exchanging(2 * DAY, 2 * DAY)
    assert purge() == [[2], [], [5]]
    assert not PhoneVerification.objects.exists()


def test_an_old_verification_that_can_continue_is_not_deleted(settings):
    keep(settings, rows=HOUR)
    settings.PLASGATE_IP_ATTEMPT_LIFETIME = DAY
    kept = {create(2 * HOUR, "pending"), create_exchanging(2 * HOUR, timedelta(seconds=5))}
    assert expected() == [0, 0, 0]
    assert purge() == [[], [], []]
    # A stale one is ended before it is deleted.
    kept.add(create(status="pending"))
    assert list(retention.delete_old()) == []
    assert set(PhoneVerification.objects.all()) == kept


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("batch_size", "alike"), [(3, 2), (7, 1)])
@pytest.mark.parametrize(
    ("act", "status"),
    [
        (retention.end_stale, "pending"),
        (retention.empty_claims, "verified"),
        (retention.delete_old, "verified"),
    ],
)
def test_batches_skip_no_row_and_end(settings, act, status, batch_size, alike):
    keep(settings, claims=DAY, rows=DAY if act is retention.delete_old else None)
    began = timezone.now() - 2 * DAY
    for index in range(7):
        # So many rows have the same time of their start.
        moment = began + timedelta(seconds=index // alike)
        PhoneVerification.objects.filter(pk=create(status=status).pk).update(created_at=moment)
    young = create(timedelta(0), status)

    batches = [(size, connection.in_atomic_block) for size in act(batch_size)]

    assert batches == {3: [(3, False), (3, False), (1, False)], 7: [(7, False)]}[batch_size]
    assert list(act(batch_size)) == []
    after = PhoneVerification.objects.get(pk=young.pk)
    assert (after.status, after.claims) == (young.status, young.claims)


@pytest.mark.django_db(transaction=True)
def test_a_batch_is_one_transaction(settings, monkeypatch):
    keep(settings, rows=DAY)
    create()
    seen = []
    monkeypatch.setattr(
        personal_data, "delete", lambda pks: seen.append(connection.in_atomic_block)
    )
    assert next(retention.delete_old()) == 1
    assert seen == [True]


@pytest.mark.parametrize("can_skip", [True, False])
def test_locked_rows_are_skipped_if_the_database_can(settings, monkeypatch, can_skip):
    keep(settings, rows=DAY)
    skip(create(), monkeypatch, can_skip)
    create()
    assert list(retention.delete_old()) == [1 if can_skip else 2]
