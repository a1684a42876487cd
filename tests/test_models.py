"""The row: what the database refuses, the named queries, and what it shows of itself."""

import pickle
from datetime import datetime, timedelta
from datetime import timezone as zones
from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from django.conf import settings as site
from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError, connection, transaction
from django.forms import modelform_factory
from django.utils import timezone

from django_plasgate_ip import phones
from django_plasgate_ip.encryption import Sealed
from django_plasgate_ip.exceptions import ClaimsUnreadable, InvalidPhoneNumber
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason, Status
from tests.visitor import DIGITS, MASKED, MOBILE_ID, NUMBER, SUB

LONG_AGO = datetime(2026, 1, 1, tzinfo=zones.utc)

pytestmark = pytest.mark.django_db

OTHER_NUMBER = "+85512345678"


def make(user: User | None = None, status: str = "verified", **changes: Any) -> PhoneVerification:
    """Store an attempt of that status as `flow` leaves it."""
    ended = status not in ("pending", "exchanging")
    values = {
        "user": user,
        "phone_number": NUMBER,
        "scopes": "mobile_id phone_verify",
        "status": status,
        "reason": {"failed": "not_verified", "error": "provider_error"}.get(status, ""),
        "sub": SUB if status == "verified" else "",
        "mobile_id": MOBILE_ID if status == "verified" else "",
        "exchanging_at": None if status == "pending" else timezone.now(),
        "completed_at": timezone.now() if ended else None,
        "session_id": "a browser",
    }
    return PhoneVerification.objects.create(**(values | changes))


# What the database refuses


@pytest.mark.parametrize("status", Status.values)
def test_each_status_can_be_stored_as_it_should_be(status: str) -> None:
    make(status=status)


@pytest.mark.parametrize(
    "contradiction",
    [
        {"status": "verified", "reason": "expired"},
        {"status": "pending", "reason": "expired"},
        {"status": "exchanging", "reason": "expired"},
        {"status": "failed", "reason": ""},
        {"status": "error", "reason": ""},
        {"status": "paused"},
        {"status": "paused", "reason": "expired"},
        {"status": "failed", "mobile_id": MOBILE_ID},
        {"status": "failed", "sub": SUB},
        {"status": "error", "sub": SUB},
        {"status": "pending", "mobile_id": MOBILE_ID},
        {"status": "exchanging", "mobile_id": MOBILE_ID},
        {"status": "verified", "completed_at": None},
        {"status": "failed", "completed_at": None},
        {"status": "pending", "completed_at": LONG_AGO},
        {"status": "exchanging", "completed_at": LONG_AGO},
    ],
    ids=str,
)
def test_the_database_refuses_a_contradiction(contradiction: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make(**contradiction)


def test_the_users_data_go_with_the_user(user: User, other_user: User) -> None:
    make(user)
    kept = make(other_user)

    user.delete()

    assert list(PhoneVerification.objects.all()) == [kept]


def test_claims_do_not_rest_in_clear(user: User) -> None:
    claims = {"given_name": "Teak", "address": {"locality": "Phnom Penh"}, "flag": False}
    row = make(user, claims=claims)

    with connection.cursor() as cursor:
        cursor.execute("SELECT claims FROM django_plasgate_ip_phoneverification")
        ((stored,),) = cursor.fetchall()

    assert "Teak" not in stored
    assert PhoneVerification.objects.get(pk=row.pk).claims == claims
    assert "Teak" not in str(pickle.dumps(row))


# The named queries


def test_verified_are_the_verified_ones_and_queries_follow_one_another(
    user: User, other_user: User
) -> None:
    rows = {status: make(user, status) for status in Status.values}
    others = make(other_user)

    objects = PhoneVerification.objects
    assert set(objects.verified()) == {rows["verified"], others}
    assert set(objects.for_user(user)) == set(rows.values())
    assert list(objects.for_user(user).verified()) == [rows["verified"]]
    assert list(objects.verified().for_user(other_user)) == [others]
    assert set(objects.live()) == {rows["pending"], rows["exchanging"]}
    assert set(objects.ended()) == {rows["verified"], rows["failed"], rows["error"], others}


def test_an_anonymous_user_has_none_not_even_the_anonymous_ones() -> None:
    make(None)
    make(None, session_id="")

    assert not PhoneVerification.objects.for_user(AnonymousUser()).exists()
    assert PhoneVerification.objects.latest_for(AnonymousUser()) is None
    assert not PhoneVerification.objects.is_verified(AnonymousUser())
    assert not PhoneVerification.objects.for_session("").exists()


def test_the_latest_is_the_newest_whatever_became_of_it(user: User, other_user: User) -> None:
    now = timezone.now()
    failed = make(user, "failed", created_at=now)
    verified = make(user, created_at=now - timedelta(hours=1))
    make(user, created_at=now - timedelta(hours=2))
    make(other_user, created_at=now + timedelta(hours=1))

    assert PhoneVerification.objects.latest_for(user) == failed
    assert PhoneVerification.objects.verified().latest_for(user) == verified
    assert PhoneVerification.objects.latest_for(User(pk=10_000)) is None


def test_of_two_started_in_the_same_moment_every_process_takes_the_same_for_the_newer() -> None:
    now = timezone.now()
    low, high = UUID(int=1), UUID(int=2)
    # By the keys, and not by which was stored first or last.
    make(id=high, session_id="one", created_at=now)
    make(id=low, session_id="one", created_at=now)
    make(id=UUID(int=3), session_id="two", created_at=now)
    make(id=UUID(int=4), session_id="two", created_at=now)

    objects = PhoneVerification.objects
    assert [row.pk for row in objects.for_session("one")] == [high, low]
    assert [row.pk for row in objects.for_session("two")] == [UUID(int=4), UUID(int=3)]


@pytest.mark.parametrize("status", Status.values)
def test_only_a_verified_attempt_of_the_users_own_verifies(
    user: User, other_user: User, status: str
) -> None:
    make(user, status)

    assert PhoneVerification.objects.is_verified(user) is (status == "verified")
    assert not PhoneVerification.objects.is_verified(other_user)


def test_a_later_failure_takes_no_verification_away(user: User) -> None:
    make(user)
    make(user, "failed")

    assert PhoneVerification.objects.is_verified(user)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("077 696 118", True),
        ("+855 77 696 118", True),
        (DIGITS, True),
        ("០៧៧ ៦៩៦ ១១៨", True),
        (phones.parse(NUMBER), True),
        (OTHER_NUMBER, False),
        ("012 345 678", False),
        ("no number", False),
        ("", False),
        (None, True),
    ],
)
def test_a_number_may_be_asked_about_in_any_form(user: User, number: Any, expected: bool) -> None:
    make(user)
    make(user, "failed", phone_number=OTHER_NUMBER)

    assert PhoneVerification.objects.is_verified(user, number) is expected
    assert PhoneVerification.objects.for_user(user).is_verified(user, phone_number=number) is (
        expected
    )


def test_an_attempt_without_a_number_verifies_its_user_and_no_number(user: User) -> None:
    make(user, phone_number="")

    assert PhoneVerification.objects.is_verified(user)
    assert not PhoneVerification.objects.is_verified(user, NUMBER)
    assert not PhoneVerification.objects.is_verified(user, "")


@pytest.mark.parametrize(
    ("max_age", "expected"),
    [
        (None, True),
        (timedelta(hours=2), True),
        (timedelta(minutes=61), True),
        (timedelta(minutes=59), False),
        (timedelta(0), False),
    ],
)
def test_age_counts_from_the_completion(
    user: User, max_age: timedelta | None, expected: bool
) -> None:
    hour_ago = timezone.now() - timedelta(hours=1)
    make(user, created_at=hour_ago - timedelta(days=1), completed_at=hour_ago)

    assert PhoneVerification.objects.is_verified(user, max_age=max_age) is expected
    assert PhoneVerification.objects.is_verified(user, NUMBER, max_age) is expected
    assert not PhoneVerification.objects.is_verified(user, OTHER_NUMBER, max_age)


def test_what_a_session_proves_says_when_it_is_asked_about_no_number() -> None:
    make(None)
    session = PhoneVerification.objects.for_session("a browser")

    assert session.proves(NUMBER)
    with pytest.raises(InvalidPhoneNumber):
        session.proves("no number")


# One change wins


def test_a_change_is_made_by_whoever_comes_first(user: User) -> None:
    first = make(user, "exchanging")
    second = PhoneVerification.objects.get(pk=first.pk)
    end = {"completed_at": timezone.now(), "sub": SUB, "claims": Sealed.seal({"sub": SUB})}

    assert first.transition(status="verified", **end)
    assert not second.transition(
        status="error", reason="expired", completed_at=timezone.now(), claims={"late": True}
    )

    stored = PhoneVerification.objects.get(pk=first.pk)
    assert (stored.status, stored.reason, stored.claims) == ("verified", "", {"sub": SUB})
    assert (first.status, first.sub, first.claims) == ("verified", SUB, {"sub": SUB})
    # The very text that rests in the row: encrypted once.
    claims = PhoneVerification._meta.get_field("claims")
    assert claims.value_to_string(first) == claims.value_to_string(stored)
    assert (second.status, second.reason, second.claims) == ("exchanging", "", {})


# What a row shows of itself


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, f"{MASKED} (verified)"),
        ({"status": "failed"}, f"{MASKED} (failed)"),
        ({"status": "pending", "phone_number": OTHER_NUMBER}, "+855 12 *** *78 (pending)"),
    ],
)
def test_its_name_has_the_number_masked(changes: dict[str, Any], text: str) -> None:
    row = make(**changes)

    assert str(row) == text
    assert str(PhoneVerification.objects.get()) == text


def test_its_name_without_a_number_is_its_key() -> None:
    row = make(phone_number="")

    assert str(row) == f"{row.pk} (verified)"
    assert row.masked_number == ""


def test_its_repr_has_no_secret(user: User) -> None:
    row = make(user, claims={"given_name": "Teak"})
    failed = make(user, "failed")

    assert repr(row) == f"<PhoneVerification {row.pk} verified>"
    assert repr(failed) == f"<PhoneVerification {failed.pk} failed not_verified>"


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_has_a_sentence_for_the_visitor_that_speaks_of_no_key_and_one_for_the_staff(
    reason: Reason,
) -> None:
    row = make(status=reason.status, reason=reason)

    said = str(row.visitor_message)
    assert said.endswith(".")
    for word in ("key", "secret", "PLASGATE", "403", "balance", site.PLASGATE_IP_PRIVATE_KEY):
        assert word.lower() not in said.lower()
    assert str(row.staff_message) not in ("", said)


def test_an_attempt_without_a_reason_has_a_sentence_too() -> None:
    sentences = {status: make(status=status) for status in ("pending", "exchanging", "verified")}

    assert "waiting" in str(sentences["pending"].visitor_message)
    assert "waiting" in str(sentences["exchanging"].visitor_message)
    assert "confirmed" in str(sentences["verified"].visitor_message)
    assert {row.staff_message for row in sentences.values()} == {""}


def test_how_long_it_took() -> None:
    began = timezone.now()
    row = make(created_at=began, completed_at=began + timedelta(seconds=7))

    assert row.duration == timedelta(seconds=7)
    assert not row.is_live
    assert make(status="pending").duration is None
    assert make(status="exchanging").is_live


@pytest.mark.parametrize(
    ("status", "seconds", "reason"),
    [
        ("pending", 270, None),
        ("pending", 301, Reason.EXPIRED),
        ("exchanging", 10, None),
        ("exchanging", 41, Reason.INTERRUPTED),
        ("verified", 3600, None),
        ("failed", 3600, None),
        ("error", 3600, None),
    ],
)
def test_a_live_attempt_goes_stale_and_an_ended_one_never(
    status: str, seconds: int, reason: Reason | None
) -> None:
    then = timezone.now() - timedelta(seconds=seconds)
    row = make(status=status, created_at=then, exchanging_at=then)

    assert row.stale_reason == reason


def test_an_exchange_is_timed_from_its_own_beginning() -> None:
    then = timezone.now() - timedelta(hours=1)

    assert make(status="exchanging", created_at=then).stale_reason is None


def test_a_row_with_a_wrong_key_can_be_reloaded(user: User, settings: Any) -> None:
    row = PhoneVerification.objects.create(user=user, claims={"sub": "x"})
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    PhoneVerification.objects.update(scopes="phone")

    row.refresh_from_db()

    assert row.scopes == "phone"
    with pytest.raises(ClaimsUnreadable):
        _ = row.claims


def test_claims_are_in_no_form() -> None:
    assert "claims" not in modelform_factory(PhoneVerification, fields="__all__").base_fields
