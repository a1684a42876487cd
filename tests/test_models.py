"""`PhoneVerification`: its constraints, its named queries and its properties."""

from datetime import datetime, timedelta
from datetime import timezone as zones
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError, transaction
from django.forms import modelform_factory
from django.utils import timezone

from django_plasgate_ip import phones
from django_plasgate_ip.encryption import Sealed
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Status
from tests.kept import BROWSER, create
from tests.visitor import MASKED, MOBILE_ID, NUMBER, SUB, TYPED

NOW = datetime(2026, 3, 1, 12, tzinfo=zones.utc)
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
OTHER_NUMBER = "+85512345678"

pytestmark = pytest.mark.django_db
objects = PhoneVerification.objects


def make(user: User | None = None, status: str = "verified", **changes: Any) -> PhoneVerification:
    return create(status=status, user=user, **changes)


def test_the_database_refuses_a_contradiction():
    contradictions: list[tuple[list[str], dict[str, Any]]] = [
        (["verified", "pending", "exchanging", "paused"], {"reason": "expired"}),
        (["failed", "error"], {"reason": ""}),
        (["failed", "pending"], {"mobile_id": MOBILE_ID}),
        (["error"], {"sub": SUB}),
        (["verified", "failed"], {"completed_at": None}),
        (["pending", "exchanging"], {"completed_at": NOW}),
    ]
    for statuses, contradiction in contradictions:
        for status in statuses:
            with pytest.raises(IntegrityError), transaction.atomic():
                make(status=status, **contradiction)


def test_claims_are_in_no_form():
    assert "claims" not in modelform_factory(PhoneVerification, fields="__all__").base_fields


def test_named_queries_can_be_chained(user, other_user):
    rows = {status: make(user, status) for status in Status.values}
    others = make(other_user)
    assert set(objects.verified()) == {rows["verified"], others}
    assert set(objects.for_user(user)) == set(rows.values())
    assert list(objects.for_user(user).verified()) == [rows["verified"]]
    assert list(objects.verified().for_user(other_user)) == [others]
    assert set(objects.live()) == {rows["pending"], rows["exchanging"]}
    assert set(objects.ended()) == {rows["verified"], rows["failed"], rows["error"], others}


def test_an_anonymous_user_and_an_empty_session_id_match_nothing():
    make(None)
    make(None, session_id="")
    assert not objects.for_user(AnonymousUser()).exists()
    assert objects.latest_for(AnonymousUser()) is None
    assert not objects.is_verified(AnonymousUser())
    assert not objects.for_session("").exists()
    assert objects.for_callback("") is None


def test_the_latest_is_the_newest_with_any_status(user, other_user):
    failed = make(user, "failed", created_at=NOW)
    verified = make(user, created_at=NOW - HOUR)
    make(user, created_at=NOW - 2 * HOUR)
    make(other_user, created_at=NOW + HOUR)
    assert objects.latest_for(user) == failed
    assert objects.verified().latest_for(user) == verified
    assert objects.latest_for(User(pk=10_000)) is None


def test_the_primary_key_breaks_ties_in_a_session():
    # Stored in both orders.
    for number, session in ((2, "one"), (1, "one"), (3, "two"), (4, "two")):
        make(id=UUID(int=number), session_id=session, created_at=NOW)
    assert [row.pk.int for row in objects.for_session("one")] == [2, 1]
    assert [row.pk.int for row in objects.for_session("two")] == [4, 3]


def test_a_callback_belongs_to_the_newest_verification_that_its_session_continues():
    started = make(session_id="laptop", callback_session_id="laptop", created_at=NOW)
    handed_over = make(session_id="desk", callback_session_id="laptop", created_at=NOW + HOUR)
    make(session_id="laptop", callback_session_id="phone", created_at=NOW + 2 * HOUR)
    assert objects.for_callback("laptop") == handed_over
    assert objects.for_callback("desk") is None
    assert (started.is_handed_over, handed_over.is_handed_over) == (False, True)
    assert not make(session_id="laptop", callback_session_id="").is_handed_over


@pytest.mark.parametrize("change", ["mobile_id_changed", "number_changed", "claimed_at_login"])
def test_changes_are_acknowledged_once(user, other_user, change):
    make(user)
    is_changed: dict[str, Any] = {change: True}
    changed, others = make(user, **is_changed), make(other_user, **is_changed)
    assert set(objects.with_unacknowledged_change()) == {changed, others}
    assert changed not in objects.trusted()
    assert objects.for_user(user).acknowledge_changes() == 1
    assert objects.for_user(user).acknowledge_changes() == 0
    assert list(objects.with_unacknowledged_change()) == [others]
    assert objects.trusted().get(pk=changed.pk).acknowledged_at is not None


def test_a_row_is_trusted_if_it_proves_number_and_sim_on_the_phone_itself():
    both = "openid ip:phone_verify mobile_id"
    trusted = [make(), make(scopes=both), make(callback_session_id=BROWSER)]
    make(status="failed")
    make(phone_number="")
    make(mobile_id="")
    for scopes in ("phone_verify", "phone mobile_id"):
        make(scopes=scopes)
    make(callback_session_id="a phone's")
    assert set(objects.trusted()) == set(trusted)


def test_another_query_can_be_annotated(user, other_user):
    make(user)
    make(other_user, "failed")
    verified = objects.verified()
    assert list(User.objects.filter(verified.exists_for())) == [user]
    assert objects.filter(verified.exists_for("user")).get().user == user


def test_only_a_verified_number_of_the_user_counts(user, other_user):
    for status in ("pending", "exchanging", "failed", "error"):
        make(user, status)
    others = make(other_user)
    device = make(user, phone_number="", scopes="mobile_id")
    assert objects.verified().latest_for(user) == device
    assert not objects.is_verified(user)
    number = make(user)
    make(user, "failed")
    assert objects.is_verified(user)
    assert set(objects.with_confirmed_number()) == {others, number}


def test_a_number_can_be_given_in_any_format_and_only_proves_raises_an_error(user):
    make(user)
    make(user, "failed", phone_number=OTHER_NUMBER)
    is_verified = objects.is_verified
    assert all(is_verified(user, number) for number in (TYPED, phones.parse(NUMBER), None))
    assert not any(is_verified(user, number) for number in (OTHER_NUMBER, "", "no number"))
    for text in ("no number", ""):
        with pytest.raises(InvalidPhoneNumber):
            objects.for_user(user).proves(text)


def test_the_maximum_age_counts_from_the_completion(user, monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    make(user, created_at=NOW - 24 * HOUR, completed_at=NOW - HOUR)
    is_verified = objects.is_verified
    for max_age, expected in ((None, True), (HOUR, True), (HOUR - TICK, False)):
        assert is_verified(user, max_age=max_age) is expected
        assert is_verified(user, NUMBER, max_age) is expected
        assert not is_verified(user, OTHER_NUMBER, max_age)


def test_only_the_first_of_two_transitions_succeeds(user):
    first = make(user, "exchanging")
    second = objects.get(pk=first.pk)
    end = {"status": "verified", "sub": SUB, "claims": Sealed.seal({"sub": SUB})}
    late = {"status": "error", "reason": "expired", "claims": {"late": True}}

    assert first.transition(completed_at=timezone.now(), **end)
    assert not second.transition(completed_at=timezone.now(), **late)

    stored = objects.get(pk=first.pk)
    assert (stored.status, stored.reason, stored.claims) == ("verified", "", {"sub": SUB})
    assert (first.status, first.sub, first.claims) == ("verified", SUB, {"sub": SUB})
    # The instance has the token that is stored, so the claims were encrypted once.
    claims = PhoneVerification._meta.get_field("claims")
    assert claims.value_to_string(first) == claims.value_to_string(stored)
    assert (second.status, second.reason, second.claims) == ("exchanging", "", {})


def test_its_text_has_the_masked_number_or_the_primary_key_and_its_repr_no_secret():
    failed = make(status="failed", claims={"given_name": "Teak"})
    row = make(phone_number="")
    assert str(failed) == f"{MASKED} (failed)"
    assert str(row) == str(objects.get(pk=row.pk)) == f"{row.pk} (verified)"
    assert repr(row) == f"<PhoneVerification {row.pk} verified>"
    assert repr(failed) == f"<PhoneVerification {failed.pk} failed not_verified>"


def test_each_status_has_a_message_for_the_visitor():
    words = {"pending": "waiting", "exchanging": "waiting", "verified": "confirmed"}
    for status, word in words.items():
        row = PhoneVerification(status=status)
        assert word in str(row.visitor_message)
        assert row.staff_message == ""


def test_an_ended_verification_has_a_duration():
    seconds = timedelta(seconds=7)
    row = PhoneVerification(status="verified", created_at=NOW, completed_at=NOW + seconds)
    assert (row.duration, row.is_live) == (seconds, False)
    live = PhoneVerification(status="exchanging", created_at=NOW)
    assert (live.duration, live.is_live) == (None, True)
    # It is not stale before its code is claimed. test_retention.py has the boundaries.
    assert live.stale_reason is None
    for ended in ("verified", "failed", "error"):
        assert (
            PhoneVerification(status=ended, created_at=NOW, exchanging_at=NOW).stale_reason is None
        )
