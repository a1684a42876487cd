"""What is new in a verified number: what is compared, who is notified, what is acknowledged."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from django_plasgate_ip import flow, signals
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.verification import claim_at_login, transitions
from django_plasgate_ip.verification.browser_session import SESSION_KEY
from django_plasgate_ip.verification.verdict import Verdict
from tests.verification.rows import stored
from tests.visitor import MOBILE_ID, NUMBER, request_of

pytestmark = pytest.mark.django_db

OLD, NEW, THIRD = MOBILE_ID, "f" * 128, "e" * 128
OTHER_NUMBER = "+85512345678"


def _receiver(sender: Any, verification: Any, previous: Any, request: Any, *, signal: Any) -> None:
    """Have the signature of a site's receiver of ``mobile_id_changed``."""


@pytest.fixture
def changes() -> Iterator[mock.Mock]:
    receiver = mock.create_autospec(_receiver)
    signals.mobile_id_changed.connect(receiver)
    yield receiver
    signals.mobile_id_changed.disconnect(receiver)


def heard(changes: mock.Mock) -> list[tuple[PhoneVerification, PhoneVerification]]:
    """Return what was sent: each verification, with the one that it differs from."""
    sent = (call.kwargs for call in changes.call_args_list)
    return [(kwargs["verification"], kwargs["previous"]) for kwargs in sent]


def verified(user: User | None, mobile_id: str, **values: Any) -> PhoneVerification:
    """Finish a verification with this SIM; return it as it is stored."""
    row = stored("exchanging", user=user, **values)
    assert transitions.finish(row, Verdict(mobile_id=mobile_id), HttpRequest(), autocommit=True)
    return PhoneVerification.objects.get(pk=row.pk)


def test_another_sim_is_reported_with_both_verifications(user, changes, receivers):
    order: list[str] = []
    receivers.verified.side_effect = lambda **kwargs: order.append("verified")
    changes.side_effect = lambda **kwargs: order.append("changed")

    first, second = verified(user, OLD), verified(user, NEW)

    assert (first.mobile_id_changed, second.mobile_id_changed) == (False, True)
    assert second.acknowledged_at is None
    assert heard(changes) == [(second, first)]
    sent = changes.call_args.kwargs
    assert sent["sender"] is PhoneVerification
    assert (sent["verification"].mobile_id_changed, sent["previous"].mobile_id) == (True, OLD)
    assert isinstance(sent["request"], HttpRequest)
    assert order == ["verified", "verified", "changed"]


@pytest.mark.parametrize("mobile_ids", [(OLD, OLD), (OLD, "", OLD), ("", ""), ("", NEW)])
def test_the_same_sim_or_an_unknown_one_is_no_change(
    user, changes, mobile_ids, django_assert_num_queries
):
    for mobile_id in mobile_ids:
        row = stored("exchanging", user=user)
        # Every callback waits for one query of these. The other one stores the verdict.
        with django_assert_num_queries(2):
            transitions.finish(row, Verdict(mobile_id=mobile_id), None, autocommit=True)
        assert not row.mobile_id_changed
    assert not changes.called


def test_other_numbers_other_users_and_anonymous_visitors_are_not_compared(
    user, other_user, changes
):
    verified(user, OLD)
    verified(user, NEW, phone_number=OTHER_NUMBER)
    verified(other_user, NEW)
    verified(None, OLD)
    verified(None, NEW)
    # Scopes without a number.
    verified(user, OLD, phone_number="")
    verified(user, NEW, phone_number="")

    assert not PhoneVerification.objects.filter(mobile_id_changed=True).exists()
    assert not changes.called


def test_only_the_last_completed_one_is_compared(user, changes):
    rows = [verified(user, sim) for sim in (OLD, NEW, NEW, "", OLD, THIRD)]

    # A verification without a mobile_id in between hides no change.
    assert [row.mobile_id_changed for row in rows] == [False, True, False, False, True, True]
    assert heard(changes) == [(rows[1], rows[0]), (rows[4], rows[2]), (rows[5], rows[4])]

    # It started first and was completed last.
    moment = timezone.now() - timedelta(hours=1)
    PhoneVerification.objects.filter(pk=rows[5].pk).update(created_at=moment)
    assert not verified(user, THIRD).mobile_id_changed


def test_another_number_than_the_accounts_last_is_a_change(user, other_user):
    verified(user, OLD, phone_number="")
    verified(other_user, OLD, phone_number=OTHER_NUMBER)
    verified(user, OLD)
    numbers = (NUMBER, NUMBER, OTHER_NUMBER, "", OTHER_NUMBER, NUMBER)
    # Also without a mobile_id.
    rows = [verified(user, "", phone_number=number) for number in numbers]
    assert not PhoneVerification.objects.filter(mobile_id_changed=True).exists()

    assert [row.number_changed for row in rows] == [False, False, True, False, False, True]
    assert flow.has_changed(request_of(user))


def test_a_number_of_two_accounts_is_logged_when_verified_and_when_claimed(
    user, other_user, caplog, django_capture_on_commit_callbacks
):
    verified(None, OLD, session_id="elsewhere")
    verified(user, OLD)
    verified(user, OLD, phone_number=OTHER_NUMBER)
    stored("failed", user=other_user)
    assert "number_held_twice" not in caplog.text

    second = verified(other_user, NEW)
    third = verified(None, NEW, phone_number=OTHER_NUMBER)
    with django_capture_on_commit_callbacks(execute=True):
        claim_at_login.claim_session(request_of(session={SESSION_KEY: "browser"}), other_user)

    assert [text for text in caplog.messages if "twice" in text] == [
        f"number_held_twice verification={row.pk} user={other_user.pk}" for row in (second, third)
    ]
    assert NUMBER[4:] not in caplog.text


def test_an_end_without_a_success_is_neither_a_change_nor_compared_with(user, changes):
    verified(user, OLD)
    row = stored("exchanging", user=user)
    end = Verdict(Reason.NOT_VERIFIED, claims={"mobile_id": NEW})
    transitions.finish(row, end, None, autocommit=True)

    assert not PhoneVerification.objects.get(pk=row.pk).mobile_id_changed
    assert not verified(user, OLD).mobile_id_changed
    assert not changes.called


def test_a_number_that_the_phone_scope_returns_is_compared_too(user, changes):
    first = verified(user, OLD)
    row = stored("exchanging", user=user, phone_number="")

    end = Verdict(mobile_id=NEW, phone_number=NUMBER)
    transitions.finish(row, end, HttpRequest(), autocommit=True)

    assert heard(changes) == [(row, first)]


def test_in_a_hand_off_receivers_do_not_get_the_phones_request_and_one_may_raise(user, changes):
    changes.side_effect = ZeroDivisionError
    verified(user, OLD)

    assert verified(user, NEW, callback_session_id="phone").mobile_id_changed
    assert changes.call_args.kwargs["request"] is None


def test_what_a_login_takes_over_is_compared_in_its_order(
    user, changes, django_capture_on_commit_callbacks
):
    own = verified(user, OLD)
    rows = [verified(None, sim) for sim in (NEW, OLD, OLD, THIRD)]

    with django_capture_on_commit_callbacks(execute=True):
        claim_at_login.claim_session(request_of(session={SESSION_KEY: "browser"}), user)
        assert not changes.called

    for row in rows:
        row.refresh_from_db()
    assert {row.user for row in rows} == {user}
    assert [row.mobile_id_changed for row in rows] == [True, True, False, True]
    assert heard(changes) == [(rows[0], own), (rows[1], rows[0]), (rows[3], rows[2])]
    sent = changes.call_args.kwargs
    assert (sent["request"], sent["verification"].user) == (None, user)


def test_a_change_stands_until_it_is_acknowledged(user, other_user):
    # Neither the new SIM again nor the old one acknowledges it.
    for mobile_id in (OLD, NEW, NEW, OLD):
        verified(user, mobile_id)
    assert flow.has_changed(request_of(user))
    assert not any(flow.has_changed(request_of(each)) for each in (other_user, None))

    assert PhoneVerification.objects.for_user(user).acknowledge_changes() == 2
    assert not flow.has_changed(request_of(user))
    verified(user, THIRD)
    assert flow.has_changed(request_of(user))
