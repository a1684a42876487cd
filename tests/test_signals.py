"""One signal for each attempt that ends, whatever ends it, after its row is committed."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, connections, transaction
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from django_plasgate_ip import flow, signals
from django_plasgate_ip.models import PhoneVerification
from tests.conftest import Answers, Receivers
from tests.visitor import FAILED, TYPED, Visitor, attempt

pytestmark = pytest.mark.django_db(transaction=True)

End = Callable[[Visitor, Answers, User], Any]


def verified(visitor: Visitor, answers: Answers, user: User) -> None:
    answers()
    visitor.verify()


def failed(visitor: Visitor, answers: Answers, user: User) -> None:
    answers(FAILED)
    visitor.verify()


def broken(visitor: Visitor, answers: Answers, user: User) -> None:
    answers(http=500)
    visitor.verify()


def denied(visitor: Visitor, answers: Answers, user: User) -> None:
    visitor.start()
    visitor.come_back(error="access_denied")


def not_trusted(visitor: Visitor, answers: Answers, user: User) -> None:
    visitor.start()
    visitor.come_back(private_key="somebody-elses")


def back_too_late(visitor: Visitor, answers: Answers, user: User) -> None:
    visitor.start()
    PhoneVerification.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    visitor.come_back()


def looked_at_too_late(visitor: Visitor, answers: Answers, user: User) -> None:
    visitor.start()
    PhoneVerification.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    visitor.get(f"/phone/{attempt().pk}/")


def started_again(visitor: Visitor, answers: Answers, user: User) -> None:
    visitor.start()
    visitor.start()


def cut_off_and_started_again(visitor: Visitor, answers: Answers, user: User) -> None:
    visitor.start()
    PhoneVerification.objects.update(status="exchanging", exchanging_at=timezone.now())
    visitor.start()


def cut_off_and_looked_at(visitor: Visitor, answers: Answers, user: User) -> None:
    visitor.start()
    long_ago = timezone.now() - timedelta(minutes=1)
    PhoneVerification.objects.update(status="exchanging", exchanging_at=long_ago)
    visitor.get(f"/phone/{attempt().pk}/")


def started_again_in_the_exchange(visitor: Visitor, answers: Answers, user: User) -> None:
    answers(meanwhile=lambda: visitor.other_tab().start())
    visitor.verify()


def anonymous_and_logged_in(visitor: Visitor, answers: Answers, user: User) -> None:
    visitor.logout()
    visitor.start()
    visitor.force_login(user)


ENDS: list[tuple[End, str]] = [
    (verified, ""),
    (failed, "not_on_mobile_data"),
    (broken, "provider_error"),
    (denied, "provider_denied"),
    (not_trusted, "invalid_callback"),
    (back_too_late, "expired"),
    (looked_at_too_late, "expired"),
    (started_again, "superseded"),
    (cut_off_and_started_again, "interrupted"),
    (cut_off_and_looked_at, "interrupted"),
    (started_again_in_the_exchange, "interrupted"),
    (anonymous_and_logged_in, "user_changed"),
]


def request_of(user: Any) -> HttpRequest:
    """Return a request as a site's own view gets it."""
    request = RequestFactory().get("/")
    request.session = SessionStore()
    request.user = user
    return request


@pytest.mark.parametrize(("end", "reason"), ENDS, ids=[end.__name__ for end, _ in ENDS])
def test_every_attempt_that_ends_sends_exactly_one_signal(
    visitor: Visitor,
    user: User,
    answers: Answers,
    receivers: Receivers,
    settings: Any,
    end: End,
    reason: str,
) -> None:
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    end(visitor, answers, user)
    ended = PhoneVerification.objects.ended().get()

    # Nothing that comes later sends another.
    visitor.come_back()
    visitor.get(f"/phone/{ended.pk}/")
    visitor.force_login(user)

    assert [row for _, row in receivers.heard].count(ended) == 1
    name = "failed" if reason else "verified"
    heard = getattr(receivers, name).call_args_list[0].kwargs
    assert heard["sender"] is PhoneVerification
    assert isinstance(heard["request"], HttpRequest)
    row = heard["verification"]
    assert (row, row.status, row.reason) == (ended, ended.status, reason)
    assert row.completed_at == ended.completed_at
    assert row.claims == ended.claims
    assert str(row.phone_number) == str(ended.phone_number)


def test_a_start_sends_no_signal(visitor: Visitor, receivers: Receivers) -> None:
    visitor.start()

    assert receivers.heard == []


@pytest.mark.parametrize(("end", "reason"), ENDS, ids=[end.__name__ for end, _ in ENDS])
def test_it_is_sent_after_the_commit(
    visitor: Visitor,
    user: User,
    answers: Answers,
    receivers: Receivers,
    settings: Any,
    end: End,
    reason: str,
) -> None:
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    seen: list[Any] = []

    def look(verification: PhoneVerification, **kwargs: Any) -> None:
        with ThreadPoolExecutor(1) as pool:
            elsewhere = pool.submit(_reason_from_elsewhere, verification.pk).result()
        seen.append((connection.in_atomic_block, elsewhere))

    (receivers.failed if reason else receivers.verified).side_effect = look

    end(visitor, answers, user)

    assert seen == [(False, reason)]


def _reason_from_elsewhere(pk: Any) -> str:
    try:
        return PhoneVerification.objects.ended().get(pk=pk).reason
    finally:
        connections.close_all()


@pytest.mark.parametrize(("end", "reason"), ENDS, ids=[end.__name__ for end, _ in ENDS])
def test_a_receiver_that_raises_changes_nothing_and_is_logged(
    visitor: Visitor,
    user: User,
    answers: Answers,
    receivers: Receivers,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    end: End,
    reason: str,
) -> None:
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    receivers.verified.side_effect = receivers.failed.side_effect = ZeroDivisionError("mine")

    end(visitor, answers, user)

    assert PhoneVerification.objects.ended().get().reason == reason
    records = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert any(record.exc_info and record.exc_info[0] is ZeroDivisionError for record in records)


def test_a_receiver_that_raises_keeps_nobody_else_from_hearing(
    visitor: Visitor, answers: Answers, receivers: Receivers
) -> None:
    heard: list[PhoneVerification] = []

    def listen(verification: PhoneVerification, **kwargs: Any) -> None:
        heard.append(verification)

    receivers.verified.side_effect = ZeroDivisionError
    signals.phone_verified.connect(listen)
    answers()

    response = visitor.verify(next="/here/")

    assert heard == [attempt()]
    assert response["Location"] == "/here/"


def test_a_receiver_that_breaks_the_database_does_not_undo_the_verification(
    visitor: Visitor, answers: Answers, receivers: Receivers
) -> None:
    def break_it(**kwargs: Any) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")

    receivers.verified.side_effect = break_it
    answers()

    visitor.verify()

    assert attempt().status == "verified"


def test_a_start_that_is_rolled_back_ends_nothing_and_says_nothing(
    user: User, receivers: Receivers
) -> None:
    request = request_of(user)
    first = flow.begin(request, TYPED).verification

    with transaction.atomic():
        flow.begin(request, TYPED)
        transaction.set_rollback(True)

    assert attempt() == first
    assert attempt().status == "pending"
    assert receivers.heard == []


def test_in_the_sites_own_transaction_the_signal_waits_for_its_commit(
    user: User, receivers: Receivers
) -> None:
    request = request_of(user)
    first = flow.begin(request, TYPED).verification

    with transaction.atomic():
        flow.begin(request, TYPED)
        assert receivers.heard == []

    assert receivers.heard == [("failed", first)]


def test_the_signal_of_an_anonymous_attempt_has_no_user(
    answers: Answers, receivers: Receivers, settings: Any
) -> None:
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    answers()

    Visitor().verify()

    ((name, row),) = receivers.heard
    assert (name, row.user) == ("verified", None)
    assert isinstance(receivers.verified.call_args.kwargs["request"].user, AnonymousUser)
