"""Each outcome, and the verification that it ends with."""

import pytest
import requests
from django.utils import timezone

from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.testing import PlasGate
from tests.visitor import PROFILE, outcome

pytestmark = pytest.mark.django_db

NOT_OF_PLASGATE = {"expired", "superseded", "interrupted", "user_changed", "wrong_browser"}
PLAYABLE = sorted(set(Reason.values) - NOT_OF_PLASGATE)


def test_a_success_has_the_claims_of_its_scopes_and_the_changes(visitor, plasgate_ip, settings):
    settings.PLASGATE_IP_SCOPES = ["openid", "ip:mobile_id", "profile"]
    plasgate_ip.verifies(given_name="Sok", nickname="S", gender=None, sub="a sub")

    verification = plasgate_ip.verify(visitor).verification

    assert (verification.status, verification.sub) == ("verified", "a sub")
    assert verification.claims["given_name"] == "Sok"
    promised = {"mobile_id", "login_hint", "phone_number_verified", *PROFILE}
    always = {"error_description", "sid", "status", "sub"}
    assert set(verification.claims) == (always | promised | {"nickname"}) - {"gender"}


@pytest.mark.parametrize("reason", PLAYABLE)
def test_a_verification_ends_with_the_reason_that_is_set(visitor, plasgate_ip, receivers, reason):
    result = plasgate_ip.fails(reason).verify(visitor, next="/here/")

    row = result.verification
    assert (row.status, row.reason) == (Reason(reason).status, reason)
    assert result.response["Location"] == f"/phone/{row.pk}/"
    assert receivers.heard == [("failed", row)]
    assert len(plasgate_ip.calls) == (0 if reason == "provider_denied" else 1)


def test_the_mismatched_number_is_never_the_typed_one_and_needs_one(visitor, plasgate_ip, settings):
    plasgate_ip.fails("number_mismatch")
    assert plasgate_ip.verify(visitor, "+85577696119").verification.reason == "number_mismatch"

    settings.PLASGATE_IP_SCOPES = ["mobile_id"]
    with pytest.raises(ValueError, match="needs a number"):
        plasgate_ip.verify(visitor)


def test_an_invented_code_is_refused_while_plasgate_denies(visitor, plasgate_ip):
    plasgate_ip.fails("provider_denied")
    visitor.verify()

    assert outcome() == ("error", "credentials_rejected")


@pytest.mark.parametrize("reason", ["expired", "no reason", ""])
def test_a_reason_that_plasgate_cant_cause_is_refused_with_a_list(reason):
    with pytest.raises(ValueError, match=f"'{reason}'") as caught:
        PlasGate().fails(reason)

    assert set(PLAYABLE) <= set(str(caught.value).replace(",", "").replace(".", "").split())


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"body": "not JSON", "status": 500}, "provider_error"),
        ({"body": b"\xff"}, "invalid_response"),
        ({"body": {"status": "failed", "sub": "anonymous"}}, "not_verified"),
        ({"body": requests.ConnectTimeout("set")}, "provider_unreachable"),
    ],
)
def test_the_exchange_gives_the_answer_that_is_set(visitor, plasgate_ip, given, reason):
    assert plasgate_ip.answers(**given).verify(visitor).verification.reason == reason


def test_an_invalid_number_and_what_json_cant_hold_are_refused_when_they_are_set():
    with pytest.raises(InvalidPhoneNumber):
        PlasGate().verifies("no number")
    with pytest.raises(TypeError, match="date"):
        PlasGate().verifies(birthdate=timezone.now())
    with pytest.raises(TypeError, match="date"):
        PlasGate().answers({"birthdate": timezone.now()})
