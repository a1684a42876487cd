"""`flow.complete` holds no database connection in the exchange, and saves the answer after it."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import chain, repeat
from threading import Event
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connections, transaction
from django.db import connection as database
from django.http import HttpRequest
from django.utils import timezone

from django_plasgate_ip import flow, signals
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import connection, transitions
from tests.kept import DAY, create, in_a_thread
from tests.visitor import TYPED, came_back, newest, outcome, request_of

pytestmark = pytest.mark.django_db(transaction=True)
WAITS = "SELECT 1 FROM pg_locks WHERE NOT granted"


@pytest.fixture
def request_(user: User) -> HttpRequest:
    """Return a request of a browser whose verification is pending."""
    request = request_of(user)
    flow.begin(request, TYPED)
    return request


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the pauses between the tries, in which only the clock of `connection` moves."""
    slept: list[float] = []
    began = timezone.now()
    clock = SimpleNamespace(now=lambda: began + timedelta(seconds=sum(slept)))
    monkeypatch.setattr(connection, "timezone", clock)
    monkeypatch.setattr(connection, "time", SimpleNamespace(sleep=slept.append))
    return slept


@pytest.mark.parametrize("max_age", [0, 60, None])
def test_a_connection_that_does_not_persist_is_closed_while_the_operator_is_asked(
    answers, request_, max_age, monkeypatch
):
    monkeypatch.setitem(database.settings_dict, "CONN_MAX_AGE", max_age)
    held: list[bool] = []
    answers(meanwhile=lambda: held.append(database.connection is not None))

    assert flow.complete(came_back(request_)).status == "verified"

    assert held == [max_age != 0]


def test_a_connection_in_a_transaction_or_of_several_threads_is_kept():
    with transaction.atomic():
        create()
        connection.release()
    assert outcome() == ("verified", "")
    transaction.set_autocommit(False)
    PhoneVerification.objects.all().delete()
    connection.release()
    transaction.commit()
    transaction.set_autocommit(True)
    assert not PhoneVerification.objects.exists()
    database.inc_thread_sharing()
    connection.release()
    assert database.connection is not None
    database.dec_thread_sharing()
    connection.release()
    assert database.connection is None


def test_the_answer_is_saved_although_the_database_refuses_some_connections(
    answers, receivers, request_, pauses, monkeypatch
):
    errors = (OperationalError("too many clients"), InterfaceError("closed"))
    connect = mock.Mock(wraps=database.connect, side_effect=chain(errors, repeat(mock.DEFAULT)))
    answers(meanwhile=lambda: monkeypatch.setattr(connections["default"], "connect", connect))

    assert flow.complete(came_back(request_)).status == "verified"

    assert (pauses, len(answers.calls)) == ([0.1, 0.2], 1)
    assert receivers.heard == [("verified", newest())]


def test_an_answer_that_was_saved_without_a_confirmation_has_its_signals(
    answers, receivers, user, request_, pauses
):
    create(DAY, user=user, mobile_id="another SIM")
    changes = mock.Mock()
    signals.mobile_id_changed.connect(changes)
    answers()

    def lose(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if sql.startswith("UPDATE") and "completed_at" in sql.partition("WHERE")[0] and not pauses:
            raise OperationalError("server closed the connection unexpectedly")
        return result

    with database.execute_wrapper(lose):
        finished = flow.complete(came_back(request_))
    signals.mobile_id_changed.disconnect(changes)

    assert (finished.status, finished.mobile_id_changed, pauses) == ("verified", True, [0.1])
    assert receivers.heard == [("verified", finished)]
    changes.assert_called_once()
    assert changes.call_args.kwargs["verification"] == finished


def test_tries_end_when_the_exchange_counts_as_interrupted(
    answers, request_, pauses, settings, monkeypatch
):
    settings.PLASGATE_IP_TIMEOUT = 2
    refuse = mock.Mock(side_effect=OperationalError("the database system is shutting down"))
    answers(meanwhile=lambda: monkeypatch.setattr(connections["default"], "connect", refuse))
    with pytest.raises(OperationalError):
        flow.complete(came_back(request_))

    monkeypatch.undo()
    assert pauses[:6] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    # 2 seconds, and the 30 that an exchange may take beyond.
    assert 32 <= sum(pauses) < 33.1
    assert len(answers.calls) == 1


def test_a_claim_and_an_end_without_an_answer_are_tried_for_a_second(pauses, monkeypatch):
    fail = mock.Mock(side_effect=OperationalError)
    monkeypatch.setattr(PhoneVerification, "transition", fail)
    row = create(status="pending")
    for act in (transitions.claim, transitions.finish_if_stale):
        pauses.clear()
        with pytest.raises(OperationalError):
            act(row)
        assert pauses == [0.1, 0.2, 0.4, 0.8]


def test_a_transaction_that_failed_is_not_tried_again(pauses):
    fail = mock.Mock(side_effect=OperationalError)
    with transaction.atomic(), pytest.raises(OperationalError):
        connection.retry(fail, timezone.now() + timedelta(seconds=9))
    assert pauses == []


@pytest.mark.parametrize("moment", ["claim", "answer"])
@pytest.mark.parametrize("level", [r"repeatable\ read", "serializable"])
def test_a_conflict_of_two_transactions_is_no_error(answers, request_, monkeypatch, level, moment):
    if database.vendor != "postgresql":
        pytest.skip("only PostgreSQL has the first update win")
    options = {"options": f"-c default_transaction_isolation={level}"}
    monkeypatch.setitem(database.settings_dict, "OPTIONS", options)
    connections.close_all()
    locked = Event()

    def update() -> None:
        with transaction.atomic():
            PhoneVerification.objects.update(next_url="/elsewhere/")
            locked.set()
            with database.cursor() as cursor:
                give_up = time.monotonic() + 10
                while not cursor.execute(WAITS).rowcount and time.monotonic() < give_up:
                    time.sleep(0.01)

    with ThreadPoolExecutor(1) as pool:

        def conflict() -> None:
            pool.submit(in_a_thread, update)
            locked.wait()

        answers(meanwhile=conflict if moment == "answer" else lambda: None)
        if moment == "claim":
            conflict()
        finished = flow.complete(came_back(request_))

    assert (finished.status, newest().next_url) == ("verified", "/elsewhere/")
    assert len(answers.calls) == 1
