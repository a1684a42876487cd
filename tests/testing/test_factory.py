"""`make_verification`: every state, with the columns that the app itself sets."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import LIVE, Reason, Status
from django_plasgate_ip.testing import make_verification
from tests.visitor import NUMBER

pytestmark = pytest.mark.django_db

# Columns that differ between two verifications of one kind.
OWN = {
    *("id", "session_id", "callback_session_id", "claims", "language", "nonce", "redirect_uri"),
    *("created_at", "completed_at", "exchanging_at"),
}


def columns(row: PhoneVerification) -> dict[str, Any]:
    names = {field.attname for field in row._meta.concrete_fields}
    return {name: getattr(row, name) for name in names - OWN}


@pytest.mark.parametrize(
    ("scopes", "reason"),
    [
        *((["mobile_id", "phone_verify"], reason) for reason in ("", "not_on_mobile_data")),
        *((["phone"], reason) for reason in ("", "credentials_rejected", "rate_limited")),
        *((["phone"], reason) for reason in ("provider_error", "invalid_response")),
    ],
)
def test_a_row_has_the_columns_of_a_real_one(visitor, user, plasgate_ip, settings, scopes, reason):
    settings.PLASGATE_IP_SCOPES = scopes
    if reason:
        plasgate_ip.fails(reason)
    real = plasgate_ip.verify(visitor).verification

    made = PhoneVerification.objects.get(pk=make_verification(user, reason=reason).pk)

    assert columns(made) == columns(real)
    assert made.claims | {"sid": ""} == real.claims | {"sid": ""}


def test_a_status_is_enough(receivers):
    for status in Status:
        made = PhoneVerification.objects.get(pk=make_verification(status=status).pk)

        assert (made.status, made.user, made.phone_number) == (status, None, NUMBER)
        assert made.is_live is (made.completed_at is None) is (status in LIVE)
        assert (made.exchanging_at is not None) is (status == Status.EXCHANGING)
        assert made.stale_reason is None
    assert receivers.heard == []


def test_a_reason_is_enough_and_a_failure_and_an_error_have_a_default_one():
    for reason in Reason:
        assert make_verification(reason=reason.value).status == reason.status
    assert make_verification(status="failed").reason == "not_on_mobile_data"
    assert make_verification(status="error").reason == "provider_error"


def test_arguments_become_columns(user):
    given: Any = {"sub": "a sub", "mobile_id": "an id", "claims": {"given_name": "Sok"}}
    given |= {"session_id": "a session", "mobile_id_changed": True}

    made = make_verification(user, "verified", "077 696 119", scopes="profile", **given)

    made.refresh_from_db()
    assert {name: getattr(made, name) for name in given} == given
    assert (made.user, made.phone_number) == (user, "+85577696119")
    assert (made.scopes, made.callback_session_id) == ("profile phone_verify", "a session")
    assert make_verification(scopes=["phone_verify"]).mobile_id == ""


def test_an_age_is_the_time_since_the_end_or_since_a_live_one_began():
    age = timedelta(days=90)
    made: Any = make_verification(age=age)

    assert abs(timezone.now() - made.completed_at - age) < timedelta(minutes=1)
    assert made.created_at < made.completed_at
    assert make_verification(status="pending", age=age).stale_reason == "expired"
    assert make_verification(status="exchanging", age=age).stale_reason == "interrupted"


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"status": "failed", "reason": "expired"}, ValueError, "of error, not of failed"),
        ({"status": "pending", "reason": "not_verified"}, ValueError, "not of pending"),
        ({"reason": "tired"}, ValueError, "tired"),
        # The database refuses other contradictory values.
        ({"status": "failed", "mobile_id": "an id"}, IntegrityError, "(?i)constraint"),
        ({"phone_number": "12"}, InvalidPhoneNumber, "phone number"),
    ],
)
def test_contradictory_or_invalid_values_are_refused(values, error, message):
    with pytest.raises(error, match=message), transaction.atomic():
        make_verification(**values)

    assert not PhoneVerification.objects.exists()
