"""What is ended, emptied, deleted and encrypted again: how old, how many at a time, beside whom."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from datetime import timezone as datetime_timezone
from functools import partial
from itertools import islice, zip_longest
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_plasgate_ip import retention
from django_plasgate_ip.exceptions import ClaimsUnreadable
from django_plasgate_ip.fields import Sealed
from django_plasgate_ip.models import EXCHANGE_GRACE, PhoneVerification
from tests.conftest import Receivers
from tests.kept import CLAIMS, DAY, live, made
from tests.visitor import MOBILE_ID, NUMBER, SUB, Visitor, attempt

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=datetime_timezone.utc)
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


def exchanging(age: timedelta, since: timedelta, **values: Any) -> PhoneVerification:
    """Store an attempt whose code has been out for exchange since then."""
    began = timezone.now() - since
    return live(age, status="exchanging", exchanging_at=began, **values)


def keep(settings: Any, *, claims: timedelta | None = None, attempts: timedelta | None = None):
    settings.PLASGATE_IP_CLAIMS_RETENTION = claims
    settings.PLASGATE_IP_ATTEMPT_RETENTION = attempts


def purge(batch_size: int = retention.BATCH_SIZE) -> list[list[int]]:
    """Do all three steps; return the batches of each."""
    steps = (retention.end_stale, retention.delete_old, retention.empty_claims)
    return [list(step(batch_size)) for step in steps]


def expected() -> list[int]:
    """Return how many rows each step would find, as ``--dry-run`` says."""
    steps = (retention.stale, retention.old, retention.with_old_claims)
    return [step().count() for step in steps]


def states() -> Counter[tuple[str, str, bool]]:
    """Return how many rows there are of each status and reason, with claims and without."""
    rows = PhoneVerification.objects.all()
    return Counter((row.status, row.reason, bool(row.claims)) for row in rows)


def tokens() -> dict[Any, str]:
    """Return what rests in the column, by primary key."""
    rows = PhoneVerification.objects.values_list("pk", "claims")
    return {pk: sealed.token for pk, sealed in rows}


def new_key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def note(verification: PhoneVerification, staff: User) -> None:
    """Note in the admin's log that somebody looked."""
    LogEntry.objects.create(
        user=staff,
        content_type=ContentType.objects.get_for_model(PhoneVerification),
        object_id=str(verification.pk),
        object_repr=str(verification),
        action_flag=2,
    )


# How old


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: live(timedelta(minutes=5)), ""),
        (lambda: live(timedelta(minutes=5) + TICK), "expired"),
        (lambda: exchanging(HOUR, timedelta(seconds=10) + EXCHANGE_GRACE), ""),
        (lambda: exchanging(HOUR, timedelta(seconds=10) + EXCHANGE_GRACE + TICK), "interrupted"),
    ],
    ids=["back in time", "too late", "perhaps still exchanging", "cut off"],
)
def test_an_attempt_is_ended_as_soon_as_it_cannot_go_on_and_not_before(
    make: Callable[[], PhoneVerification], reason: str
) -> None:
    row = make()

    assert (row.stale_reason or "") == reason
    assert expected()[0] == (1 if reason else 0)

    purge()

    row.refresh_from_db()
    assert row.reason == reason
    assert row.is_live is not bool(reason)
    assert row.completed_at == (NOW if reason else None)


def test_the_settings_say_when_an_attempt_cannot_go_on(settings: Any) -> None:
    live(timedelta(minutes=50))
    exchanging(2 * HOUR, timedelta(minutes=50))
    settings.PLASGATE_IP_ATTEMPT_LIFETIME = HOUR
    settings.PLASGATE_IP_TIMEOUT = 3600

    assert purge() == [[], [], []]

    settings.PLASGATE_IP_ATTEMPT_LIFETIME = timedelta(minutes=1)
    settings.PLASGATE_IP_TIMEOUT = 1

    assert purge() == [[2], [], []]


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize(("age", "kept"), [(DAY, True), (DAY + TICK, False)])
def test_claims_are_emptied_when_they_are_older_than_the_setting(
    settings: Any, user: User, age: timedelta, kept: bool
) -> None:
    keep(settings, claims=DAY)
    row = made(age, user=user)

    assert expected() == [0, 0, 0 if kept else 1]

    purge()

    row.refresh_from_db()
    assert row.claims == (CLAIMS if kept else {})
    assert (tokens()[row.pk] != "") is kept


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize(("age", "kept"), [(DAY, True), (DAY + TICK, False)])
def test_attempts_are_deleted_when_they_are_older_than_the_setting(
    settings: Any, age: timedelta, kept: bool
) -> None:
    keep(settings, attempts=DAY)
    row = made(age)

    assert expected() == [0, 0 if kept else 1, 0]

    purge()

    assert PhoneVerification.objects.filter(pk=row.pk).exists() is kept


def test_who_was_verified_still_is_without_the_claims(settings: Any, user: User) -> None:
    keep(settings, claims=DAY)
    row = made(user=user)
    before: Any = PhoneVerification.objects.defer("claims").values().get()

    purge()

    after: Any = PhoneVerification.objects.values().get()
    assert {name for name in before if before[name] != after[name]} == {"claims"}
    assert PhoneVerification.objects.is_verified(user, NUMBER)
    assert (row.sub, row.mobile_id) == (SUB, MOBILE_ID)


def test_none_keeps_for_ever(settings: Any) -> None:
    keep(settings)
    made(timedelta(days=36500))
    before = list(PhoneVerification.objects.values())

    assert expected() == [0, 0, 0]
    assert purge() == [[], [], []]
    assert list(PhoneVerification.objects.values()) == before


def test_claims_can_be_emptied_whose_key_is_lost(settings: Any) -> None:
    keep(settings, claims=DAY)
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new_key()]
    made()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new_key()]

    purge()

    assert list(tokens().values()) == [""]


def test_attempts_without_claims_are_none_to_empty(settings: Any) -> None:
    keep(settings, claims=DAY)
    made(claims={})
    live()

    assert expected()[2] == 0


def test_old_attempts_go_whatever_became_of_them(settings: Any) -> None:
    keep(settings, attempts=DAY)
    ids: dict[str, Any] = {"sub": "", "mobile_id": ""}
    made(status="failed", reason="not_verified", **ids)
    made(status="error", reason="provider_error", **ids)
    live()
    exchanging(2 * DAY, 2 * DAY)

    assert purge() == [[2], [4], []]
    assert not PhoneVerification.objects.exists()


def test_an_old_attempt_that_may_still_come_back_is_not_deleted_under_the_visitor(
    settings: Any,
) -> None:
    keep(settings, attempts=HOUR)
    settings.PLASGATE_IP_ATTEMPT_LIFETIME = DAY
    kept = {live(2 * HOUR), exchanging(2 * HOUR, timedelta(seconds=5))}

    assert expected() == [0, 0, 0]
    assert purge() == [[], [], []]
    assert set(PhoneVerification.objects.all()) == kept


def test_an_old_attempt_is_not_deleted_before_it_was_ended(settings: Any) -> None:
    keep(settings, attempts=DAY)
    row = live()

    assert list(retention.delete_old()) == []
    assert list(PhoneVerification.objects.all()) == [row]


def test_what_would_be_done_is_what_is_done(settings: Any) -> None:
    keep(settings, claims=DAY, attempts=7 * DAY)
    settings.PLASGATE_IP_ATTEMPT_LIFETIME = 8 * DAY
    for age in (HOUR, 2 * DAY, 9 * DAY):
        made(age)
        made(age, claims={})
        live(age)
        exchanging(age, age)
        exchanging(9 * DAY, timedelta(seconds=1))
    foretold = expected()

    done = [sum(batches) for batches in purge()]

    # Stale: three that were exchanging and one that was pending. Old: two that had ended, and two
    # of those four.
    assert done == foretold == [4, 4, 1]
    assert expected() == [0, 0, 0]


# How many at a time


STEPS: dict[str, tuple[Callable[..., Iterator[int]], Callable[[timedelta], PhoneVerification]]] = {
    "end stale": (retention.end_stale, live),
    "empty claims": (retention.empty_claims, made),
    "delete old": (retention.delete_old, made),
}


@pytest.fixture(params=STEPS)
def step(request: Any, settings: Any) -> Any:
    """Return each step, and what makes a row for it."""
    if request.param != "end stale":
        keep(settings, **{"claims" if request.param == "empty claims" else "attempts": DAY})
    return STEPS[request.param]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 6, 7, 8])
@pytest.mark.parametrize("ages", ["all alike", "all different", "in pairs"])
def test_batches_miss_nothing_and_come_to_an_end(step: Any, batch_size: int, ages: str) -> None:
    act, make = step
    began = timezone.now()
    each = {"all alike": 10, "all different": 1, "in pairs": 2}[ages]
    for index in range(7):
        row = make(2 * DAY)
        moment = began - 2 * DAY + timedelta(seconds=index // each)
        PhoneVerification.objects.filter(pk=row.pk).update(created_at=moment)
    young = [make(timedelta(0)) for _ in range(2)]
    before = states()

    batches = []
    for batch in act(batch_size):
        batches.append(batch)
        assert len(batches) < 100

    assert sum(batches) == 7
    assert max(batches) <= batch_size
    assert len(batches) == -(-7 // batch_size)
    assert list(act(batch_size)) == []
    # The young ones are as they were.
    for row in young:
        after = PhoneVerification.objects.get(pk=row.pk)
        assert (after.status, after.claims) == (row.status, row.claims)
    assert states() != before


def test_two_runs_in_turns_do_all_of_it_and_no_harm(step: Any) -> None:
    act, make = step
    for _ in range(9):
        make(2 * DAY)
    in_turns = zip_longest(act(2), act(3), fillvalue=0)

    assert sum(map(sum, in_turns)) == 9
    assert list(act(2)) == []


def _in_a_thread(act: Callable[[], Any]) -> Any:
    try:
        return act()
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_do_all_of_it_and_no_harm(
    step: Any, settings: Any, receivers: Receivers
) -> None:
    act, make = step
    rows = [make(2 * DAY) for _ in range(30)]
    together = threading.Barrier(2)

    def run(size: int) -> int:
        together.wait(10)
        return sum(act(size))

    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(_in_a_thread, partial(run, size)) for size in (2, 3)]
    done = sum(each.result() for each in runs)

    assert done >= 30
    assert list(act(10)) == []
    if act is retention.end_stale:
        assert done == 30
        assert sorted(row.pk for _name, row in receivers.heard) == sorted(row.pk for row in rows)


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_holds_is_passed_over_and_done_the_next_time(settings: Any) -> None:
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("this database has no rows to hold")
    keep(settings, attempts=DAY)
    rows = [made() for _ in range(5)]
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            PhoneVerification.objects.select_for_update().get(pk=rows[2].pk)
            held.set()
            let_go.wait(20)

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(_in_a_thread, hold)
        held.wait(20)
        try:
            assert sum(retention.delete_old(2)) == 4
        finally:
            let_go.set()
        holding.result()

    assert list(PhoneVerification.objects.all()) == [rows[2]]
    assert list(retention.delete_old(2)) == [1]


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_between_batches(step: Any) -> None:
    act, make = step
    for _ in range(4):
        make(2 * DAY)

    assert [connection.in_atomic_block for _batch in act(1)] == [False] * 4


# Signals


@pytest.mark.django_db(transaction=True)
def test_each_attempt_that_is_ended_says_so_once_and_without_a_request(
    receivers: Receivers, settings: Any
) -> None:
    keep(settings, claims=DAY, attempts=7 * DAY)
    ended = {live(), exchanging(HOUR, HOUR)}
    made(8 * DAY)
    made()
    live(timedelta(0))

    purge(1)
    purge(1)

    assert {row for _name, row in receivers.heard} == ended
    assert len(receivers.heard) == receivers.failed.call_count == 2
    assert [call.kwargs["request"] for call in receivers.failed.call_args_list] == [None, None]


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_raises_keeps_no_other_attempt_from_its_end(receivers: Receivers) -> None:
    receivers.failed.side_effect = ZeroDivisionError
    for _ in range(3):
        live()

    assert purge(1) == [[1, 1, 1], [], []]
    assert receivers.failed.call_count == 3


@pytest.mark.django_db(transaction=True)
def test_a_visitor_who_comes_back_first_is_not_ended_again(
    visitor: Visitor, receivers: Receivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.start()
    PhoneVerification.objects.update(created_at=timezone.now() - HOUR)
    was_stale = list(retention.stale())
    visitor.come_back()

    # Found before it ended, acted on after.
    pages = iter([was_stale, []])
    monkeypatch.setattr(retention, "stale", lambda: next(pages))

    assert list(retention.end_stale()) == [0]
    assert len(receivers.heard) == 1
    assert attempt().reason == "expired"


# Encrypted again


@pytest.mark.parametrize("batch_size", [1, 2, 5, 100])
def test_everything_is_under_the_first_key_afterwards_and_the_old_one_can_go(
    settings: Any, batch_size: int
) -> None:
    old, new = new_key(), new_key()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [old]
    rows = [made(claims=CLAIMS | {"number": index}) for index in range(4)]
    empty = [made(claims={}), live()]
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new, old]
    rows.append(made(claims=CLAIMS | {"number": 4}))

    batches = list(retention.reencrypt(batch_size))

    assert sum(batch.seen for batch in batches) == 5
    assert max(batch.seen for batch in batches) <= batch_size
    assert sum(batch.unreadable for batch in batches) == 0
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new]
    for index, row in enumerate(rows):
        row.refresh_from_db()
        assert row.claims == CLAIMS | {"number": index}
    assert [tokens()[row.pk] for row in empty] == ["", ""]


@pytest.mark.parametrize(
    "value",
    [
        {"false": False, "zero": 0, "none": None, "empty": "", "float": 0.5, "big": 2**70},
        {"nested": {"list": [1, "1", True, None, {}, []], "address": {"a": {"b": {}}}}},
        {"khmer": "ភ្នំពេញ", "emoji": "\U0001f600", "control": "\x00\x1f", "quote": "\"'\\"},
        False,
        0,
        None,
        "",
        [],
    ],
    ids=lambda value: repr(value)[:30],
)
def test_every_type_survives(settings: Any, value: Any) -> None:
    old, new = new_key(), new_key()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [old]
    row = made(claims=value)
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new, old]
    list(retention.reencrypt())
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new]

    row.refresh_from_db()
    assert row.claims == value
    assert type(row.claims) is type(value)


@pytest.mark.parametrize("fallback", [False, True], ids=["secret key", "fallback"])
def test_what_was_encrypted_before_there_were_keys_is_taken_along(
    settings: Any, fallback: bool
) -> None:
    settings.SECRET_KEY = "the first"
    row = made()
    if fallback:
        settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = ["the first"], "the second"
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new_key()]
    with pytest.raises(ClaimsUnreadable):
        row.claims  # noqa: B018

    assert list(retention.reencrypt()) == [retention.Reencrypted(1, 0, row.pk)]

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the third", []
    assert PhoneVerification.objects.get().claims == CLAIMS


def test_rows_that_no_key_opens_are_counted_and_left_as_they_are(settings: Any) -> None:
    old, new, lost = new_key(), new_key(), new_key()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [lost]
    unreadable = [made() for _ in range(3)]
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [old]
    readable = [made() for _ in range(3)]
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new, old]
    before = tokens()

    batches = list(retention.reencrypt(2))

    assert sum(batch.unreadable for batch in batches) == 3
    assert sum(batch.seen for batch in batches) == 6
    after = tokens()
    assert [after[row.pk] for row in unreadable] == [before[row.pk] for row in unreadable]
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new]
    assert [PhoneVerification.objects.get(pk=row.pk).claims for row in readable] == [CLAIMS] * 3


def test_a_run_that_was_stopped_goes_on_where_it_was(settings: Any) -> None:
    for _ in range(7):
        made()
    before = tokens()
    first, second = islice(retention.reencrypt(2), 2)
    between = tokens()

    rest = list(retention.reencrypt(2, second.last))

    assert len({pk for pk in before if before[pk] != between[pk]}) == 4
    assert [batch.seen for batch in rest] == [2, 1]
    after = tokens()
    assert {pk for pk in before if between[pk] != after[pk]} == {
        pk for pk in before if before[pk] == between[pk]
    }
    assert first.last != second.last


def test_a_run_behind_the_last_row_does_nothing(settings: Any) -> None:
    made()
    (batch,) = retention.reencrypt()
    before = tokens()

    assert list(retention.reencrypt(after=batch.last)) == []
    assert tokens() == before


def emptied(row: PhoneVerification) -> None:
    PhoneVerification.objects.filter(pk=row.pk).update(claims={})


def answered(row: PhoneVerification) -> None:
    PhoneVerification.objects.filter(pk=row.pk).update(claims={"newer": True})


def deleted(row: PhoneVerification) -> None:
    PhoneVerification.objects.filter(pk=row.pk).delete()


@pytest.mark.parametrize(
    ("meanwhile", "found"), [(emptied, [{}]), (answered, [{"newer": True}]), (deleted, [])]
)
def test_a_row_that_changes_between_reading_and_writing_keeps_its_change(
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[PhoneVerification], None],
    found: list[Any],
) -> None:
    row = made()
    again = Sealed.reencrypt

    def interrupted(sealed: Sealed) -> Sealed:
        value = again(sealed)
        meanwhile(row)
        return value

    monkeypatch.setattr(Sealed, "reencrypt", interrupted)
    (batch,) = retention.reencrypt()
    monkeypatch.undo()

    assert (batch.seen, batch.unreadable) == (1, 0)
    assert [each.claims for each in PhoneVerification.objects.all()] == found


@pytest.mark.django_db(transaction=True)
def test_beside_live_traffic_nothing_is_lost_and_nothing_comes_back(settings: Any) -> None:
    old, new = new_key(), new_key()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [old]
    rows = [made() for _ in range(30)]
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new, old]
    together = threading.Barrier(3)

    def change(which: list[PhoneVerification], claims: Any) -> None:
        together.wait(10)
        for row in which:
            PhoneVerification.objects.filter(pk=row.pk).update(claims=claims)

    def reencrypt() -> None:
        together.wait(10)
        list(retention.reencrypt(4))

    with ThreadPoolExecutor(3) as pool:
        for job in (
            pool.submit(_in_a_thread, reencrypt),
            pool.submit(_in_a_thread, lambda: change(rows[::3], {})),
            pool.submit(_in_a_thread, lambda: change(rows[1::3], {"newer": True})),
        ):
            job.result()

    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new]
    for index, row in enumerate(rows):
        row.refresh_from_db()
        assert row.claims == ({}, {"newer": True}, CLAIMS)[index % 3]


def test_a_changed_sim_is_no_reason_to_keep_a_row(settings: Any) -> None:
    keep(settings, attempts=DAY)
    made(mobile_id_changed=True)
    made(mobile_id_changed=True, mobile_id_acknowledged_at=timezone.now())

    purge()

    assert not PhoneVerification.objects.exists()


def test_what_the_admin_noted_about_a_row_goes_with_it(settings: Any, user: User) -> None:
    keep(settings, attempts=DAY)
    kept = made(HOUR)
    for row in (made(), kept):
        note(row, user)

    purge()

    assert [entry.object_id for entry in LogEntry.objects.all()] == [str(kept.pk)]


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_holds_keeps_no_other_row_waiting(settings: Any) -> None:
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("this database has no rows to hold")
    old, new = new_key(), new_key()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [old]
    rows = sorted((made(claims=CLAIMS) for _ in range(3)), key=lambda row: row.pk)
    before = tokens()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new, old]

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        PhoneVerification.objects.select_for_update().get(pk=rows[1].pk)
        run = pool.submit(_in_a_thread, lambda: list(retention.reencrypt()))
        give_up = time.monotonic() + 20
        while sum(tokens()[pk] != before[pk] for pk in before) < 2:
            assert time.monotonic() < give_up
            time.sleep(0.02)
        # In a circle, if the run held what it has done: we wait for it, and it for our row.
        PhoneVerification.objects.select_for_update().get(pk=rows[0].pk)
        assert tokens()[rows[1].pk] == before[rows[1].pk]
    run.result(20)

    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new]
    assert [row.claims for row in PhoneVerification.objects.all()] == [CLAIMS] * 3


@pytest.mark.parametrize(
    ("locks", "statements"), [(False, 1), (True, 2)], ids=["no row locks", "none passed over"]
)
def test_a_database_that_cannot_pass_over_rows_takes_all_or_one_at_a_time(
    settings: Any, monkeypatch: pytest.MonkeyPatch, locks: bool, statements: int
) -> None:
    monkeypatch.setattr(connection.features, "has_select_for_update", locks)
    monkeypatch.setattr(connection.features, "has_select_for_update_skip_locked", False)
    old, new = new_key(), new_key()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [old]
    made(claims=CLAIMS), made(claims=CLAIMS)
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new, old]

    with CaptureQueriesContext(connection) as captured:
        list(retention.reencrypt())

    assert sum(each["sql"].startswith("UPDATE") for each in captured.captured_queries) == statements
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new]
    assert [row.claims for row in PhoneVerification.objects.all()] == [CLAIMS] * 2


def test_rows_that_can_be_passed_over_are_done_after_the_others(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = new_key(), new_key()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [old]
    rows = [made(claims=CLAIMS) for _ in range(3)]
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new, old]
    # Where the database can do that; here somebody holds the first row.
    monkeypatch.setattr(connection.features, "has_select_for_update", True)
    monkeypatch.setattr(connection.features, "has_select_for_update_skip_locked", True)
    monkeypatch.setattr(retention, "_locked", lambda page: page.exclude(pk=rows[0].pk))

    with CaptureQueriesContext(connection) as captured:
        (batch,) = retention.reencrypt()

    updates = [each["sql"] for each in captured.captured_queries if "UPDATE" in each["sql"]]
    assert [sql.count("WHEN") for sql in updates] == [2, 1]
    assert (batch.seen, batch.unreadable) == (3, 0)
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new]
    assert [row.claims for row in PhoneVerification.objects.all()] == [CLAIMS] * 3
