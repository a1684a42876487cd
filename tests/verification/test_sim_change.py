"""A changed SIM: what it is compared with, who hears of it, and what it takes to be approved."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from django_plasgate_ip import flow, signals
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import claim_at_login
from tests.conftest import Answers, Receivers
from tests.visitor import DIGITS, FAILED, MOBILE_ID, TYPED, VERIFIED, Visitor, attempt, outcome

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEW, THIRD = MOBILE_ID, "f" * 128, "e" * 128
OTHER_TYPED, OTHER_DIGITS = "012 345 678", "85512345678"


def _listen(
    sender: type[PhoneVerification],
    verification: PhoneVerification,
    previous: PhoneVerification,
    request: HttpRequest | None,
    *,
    signal: Any,
) -> None:
    """Be what a site's receiver of ``mobile_id_changed`` looks like."""


@pytest.fixture
def changes() -> Iterator[mock.Mock]:
    """Return a listener of ``mobile_id_changed``."""
    listener = mock.create_autospec(_listen)
    signals.mobile_id_changed.connect(listener)
    yield listener
    signals.mobile_id_changed.disconnect(listener)


def heard(changes: mock.Mock) -> list[tuple[PhoneVerification, PhoneVerification]]:
    """Return what was sent: the row, and the one it differs from."""
    return [
        (call.kwargs["verification"], call.kwargs["previous"]) for call in changes.call_args_list
    ]


def verified(
    browser: Visitor, answers: Answers, mobile_id: str | None, typed: str = TYPED
) -> PhoneVerification:
    """Verify the number with this SIM; return the row, as it is stored."""
    answers(login_hint=DIGITS if typed == TYPED else OTHER_DIGITS, mobile_id=mobile_id)
    browser.verify(typed)
    assert outcome() == ("verified", "")
    return attempt()


def log_in(browser: Visitor, name: str = "teak") -> None:
    page = browser.get("/accounts/login/")
    assert browser.submit(page, username=name, password="a password").status_code == 302


# What is a change


def test_another_sim_is_told_with_both_rows_after_the_verification(
    visitor: Visitor, answers: Answers, receivers: Receivers, changes: mock.Mock
) -> None:
    order = mock.Mock()
    receivers.verified.side_effect = lambda **kwargs: order("verified")
    changes.side_effect = lambda **kwargs: order("changed")
    first = verified(visitor, answers, OLD)
    second = verified(visitor, answers, NEW)

    assert (first.mobile_id_changed, second.mobile_id_changed) == (False, True)
    assert second.mobile_id_acknowledged_at is None
    assert heard(changes) == [(second, first)]
    told = changes.call_args.kwargs
    assert (told["verification"].mobile_id, told["previous"].mobile_id) == (NEW, OLD)
    assert told["verification"].mobile_id_changed is True
    assert told["request"].path == "/phone/callback/"
    assert [call.args[0] for call in order.call_args_list] == ["verified", "verified", "changed"]


@pytest.mark.parametrize("mobile_ids", [(OLD, OLD), (OLD, None, OLD), (None, None), (None, NEW)])
def test_the_same_sim_or_none_that_is_known_is_no_change(
    visitor: Visitor,
    answers: Answers,
    changes: mock.Mock,
    settings: Any,
    mobile_ids: tuple[str | None, ...],
) -> None:
    settings.PLASGATE_IP_SCOPES = ["phone_verify"]
    for mobile_id in mobile_ids:
        assert not verified(visitor, answers, mobile_id).mobile_id_changed

    assert not changes.called


def test_a_verification_without_a_mobile_id_in_between_hides_no_change(
    visitor: Visitor, answers: Answers, changes: mock.Mock, settings: Any
) -> None:
    settings.PLASGATE_IP_SCOPES = ["phone_verify"]
    first = verified(visitor, answers, OLD)
    verified(visitor, answers, None)
    last = verified(visitor, answers, NEW)

    assert heard(changes) == [(last, first)]


def test_another_number_is_another_matter(
    visitor: Visitor, answers: Answers, changes: mock.Mock
) -> None:
    first = verified(visitor, answers, OLD)
    other = verified(visitor, answers, NEW, OTHER_TYPED)
    assert not changes.called

    last = verified(visitor, answers, NEW)

    assert not other.mobile_id_changed
    assert heard(changes) == [(last, first)]


def test_another_users_sim_is_not_compared_with(
    visitor: Visitor, other_user: User, answers: Answers, changes: mock.Mock
) -> None:
    verified(visitor, answers, OLD)
    theirs = Visitor()
    theirs.force_login(other_user)

    assert not verified(theirs, answers, NEW).mobile_id_changed
    assert not changes.called


def test_only_the_last_verified_one_is_compared_with(
    visitor: Visitor, answers: Answers, changes: mock.Mock
) -> None:
    rows = [verified(visitor, answers, sim) for sim in (OLD, NEW, NEW, OLD, THIRD)]

    assert [row.mobile_id_changed for row in rows] == [False, True, False, True, True]
    assert heard(changes) == [(rows[1], rows[0]), (rows[3], rows[2]), (rows[4], rows[3])]


def test_last_is_what_was_completed_last(
    visitor: Visitor, user: User, answers: Answers, changes: mock.Mock
) -> None:
    first = verified(visitor, answers, OLD)
    # Started earlier, completed later.
    second = verified(visitor, answers, NEW)
    PhoneVerification.objects.filter(pk=second.pk).update(
        created_at=F("created_at") - timedelta(hours=1)
    )
    changes.reset_mock()

    assert not verified(visitor, answers, NEW).mobile_id_changed
    assert not changes.called
    assert first.mobile_id == OLD


@pytest.mark.parametrize(
    "answer",
    [FAILED | {"mobile_id": NEW}, VERIFIED | {"mobile_id": NEW, "login_hint": OTHER_DIGITS}],
    ids=["failed", "another number"],
)
def test_an_answer_that_verifies_nothing_changes_nothing(
    visitor: Visitor, answers: Answers, changes: mock.Mock, answer: dict[str, Any]
) -> None:
    verified(visitor, answers, OLD)
    answers(answer)
    visitor.verify()

    assert outcome()[0] == "failed"
    assert not attempt().mobile_id_changed

    # And it is not what the next one is compared with.
    assert not verified(visitor, answers, OLD).mobile_id_changed
    assert not changes.called


def test_a_number_that_the_phone_scope_learns_is_compared_as_well(
    visitor: Visitor, answers: Answers, changes: mock.Mock, settings: Any
) -> None:
    first = verified(visitor, answers, OLD)
    settings.PLASGATE_IP_SCOPES = ["phone", "mobile_id"]
    learnt = {"status": "success", "sub": "a sub", "mobile_id": NEW, "phone_number": DIGITS}
    answers(learnt)
    visitor.verify()

    assert outcome() == ("verified", "")
    assert attempt().mobile_id_changed
    assert heard(changes) == [(attempt(), first)]


def test_a_mobile_id_without_a_number_is_compared_with_nothing(
    visitor: Visitor, answers: Answers, changes: mock.Mock, settings: Any
) -> None:
    settings.PLASGATE_IP_SCOPES = ["mobile_id"]
    for mobile_id in (OLD, NEW):
        answers({"status": "success", "sub": "a sub", "mobile_id": mobile_id})
        visitor.verify()
        assert outcome() == ("verified", "")

    assert not PhoneVerification.objects.filter(mobile_id_changed=True).exists()
    assert not changes.called


def test_a_receiver_that_raises_changes_nothing(
    visitor: Visitor, answers: Answers, changes: mock.Mock
) -> None:
    changes.side_effect = ZeroDivisionError
    verified(visitor, answers, OLD)

    assert verified(visitor, answers, NEW).mobile_id_changed
    assert changes.call_count == 1


def test_a_callback_that_is_repeated_tells_it_once(
    visitor: Visitor, answers: Answers, changes: mock.Mock
) -> None:
    verified(visitor, answers, OLD)
    verified(visitor, answers, NEW)
    visitor.come_back()

    assert changes.call_count == 1


# Visitors who sign in afterwards


def test_nobody_in_particular_has_no_sim_to_change(
    passer_by: Visitor, answers: Answers, changes: mock.Mock
) -> None:
    for sim in (OLD, NEW):
        assert not verified(passer_by, answers, sim).mobile_id_changed

    assert not changes.called


def test_what_a_login_claims_is_asked_the_same_question(
    visitor: Visitor, passer_by: Visitor, user: User, answers: Answers, changes: mock.Mock
) -> None:
    first = verified(visitor, answers, OLD)
    brought = verified(passer_by, answers, NEW)
    assert not changes.called

    log_in(passer_by)

    brought.refresh_from_db()
    assert (brought.user, brought.mobile_id_changed) == (user, True)
    assert heard(changes) == [(brought, first)]
    assert changes.call_args.kwargs["request"] is None
    assert changes.call_args.kwargs["verification"].user == user


def test_what_a_login_claims_with_the_same_sim_is_no_change(
    visitor: Visitor, passer_by: Visitor, user: User, answers: Answers, changes: mock.Mock
) -> None:
    verified(visitor, answers, OLD)
    brought = verified(passer_by, answers, OLD)

    log_in(passer_by)

    brought.refresh_from_db()
    assert (brought.user, brought.mobile_id_changed) == (user, False)
    assert not changes.called


def test_several_that_a_login_claims_are_asked_in_their_order(
    passer_by: Visitor, user: User, answers: Answers, changes: mock.Mock
) -> None:
    rows = [verified(passer_by, answers, sim) for sim in (OLD, NEW, NEW, THIRD)]

    log_in(passer_by)

    for row in rows:
        row.refresh_from_db()
    assert [row.mobile_id_changed for row in rows] == [False, True, False, True]
    assert heard(changes) == [(rows[1], rows[0]), (rows[3], rows[2])]


def test_a_login_that_is_rolled_back_tells_nothing(
    visitor: Visitor, passer_by: Visitor, user: User, answers: Answers, changes: mock.Mock
) -> None:
    verified(visitor, answers, OLD)
    brought = verified(passer_by, answers, NEW)
    request = mock.Mock(session=passer_by.session)

    with transaction.atomic():
        claim_at_login.claim_session(request, user)
        assert not changes.called
        transaction.set_rollback(True)

    brought.refresh_from_db()
    assert (brought.user, brought.mobile_id_changed) == (None, False)
    assert not changes.called


# Approving it


def changed(user: Any) -> bool:
    return flow.has_changed(mock.Mock(user=user))


def test_a_change_stands_until_it_is_acknowledged(
    visitor: Visitor, user: User, other_user: User, answers: Answers
) -> None:
    verified(visitor, answers, OLD)
    assert not changed(user)
    row = verified(visitor, answers, NEW)
    assert changed(user)
    assert not changed(other_user)
    assert not changed(AnonymousUser())

    assert PhoneVerification.objects.for_user(other_user).acknowledge_changes() == 0
    assert changed(user)
    began = timezone.now()
    assert PhoneVerification.objects.for_user(user).acknowledge_changes() == 1

    assert not changed(user)
    row.refresh_from_db()
    # That there was a change is still told.
    assert row.mobile_id_changed
    assert row.mobile_id_acknowledged_at is not None
    assert began <= row.mobile_id_acknowledged_at <= timezone.now()


def test_who_verifies_again_with_the_new_sim_has_not_approved_it(
    visitor: Visitor, user: User, answers: Answers
) -> None:
    verified(visitor, answers, OLD)
    verified(visitor, answers, NEW)
    for _ in range(3):
        assert not verified(visitor, answers, NEW).mobile_id_changed

    assert changed(user)


def test_who_goes_back_to_the_old_sim_has_not_approved_the_new_one(
    visitor: Visitor, user: User, answers: Answers
) -> None:
    for sim in (OLD, NEW, OLD):
        verified(visitor, answers, sim)

    assert changed(user)
    assert PhoneVerification.objects.for_user(user).acknowledge_changes() == 2
    assert not changed(user)


def test_a_change_after_an_approval_is_a_new_one(
    visitor: Visitor, user: User, answers: Answers
) -> None:
    for sim in (OLD, NEW):
        verified(visitor, answers, sim)
    PhoneVerification.objects.for_user(user).acknowledge_changes()
    first = PhoneVerification.objects.get(mobile_id_changed=True).mobile_id_acknowledged_at
    verified(visitor, answers, THIRD)

    assert changed(user)
    assert PhoneVerification.objects.for_user(user).acknowledge_changes() == 1
    # The first approval keeps its time.
    kept = PhoneVerification.objects.filter(mobile_id_acknowledged_at=first)
    assert kept.count() == 1
    assert not changed(user)


def test_a_change_that_was_brought_in_anonymously_must_be_approved_too(
    visitor: Visitor, passer_by: Visitor, user: User, answers: Answers
) -> None:
    verified(visitor, answers, OLD)
    verified(passer_by, answers, NEW)
    log_in(passer_by)

    assert changed(user)


def test_one_change_can_be_approved_by_itself(
    visitor: Visitor, user: User, answers: Answers
) -> None:
    rows = [verified(visitor, answers, sim) for sim in (OLD, NEW, THIRD)]

    own = PhoneVerification.objects.filter(pk=rows[1].pk)
    assert own.acknowledge_changes() == 1

    assert changed(user)
