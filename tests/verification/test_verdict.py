"""What an answer proves for its scopes and its number."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from django_plasgate_ip.client import Answer
from django_plasgate_ip.reasons import Reason, Status
from django_plasgate_ip.verification import verdict
from tests.visitor import MOBILE_ID, NUMBER, PROFILE, SUB

OTHER_NUMBER = "+85512345678"


def success(**changes: Any) -> Answer:
    """Return the API page's success with `changes` to its fields."""
    fields: dict[str, Any] = {
        "phone_number_verified": True,
        "login_hint": NUMBER,
        "sub": SUB,
        "mobile_id": MOBILE_ID,
        "claims": {"sub": SUB},
    }
    return Answer(succeeded=True, **(fields | changes))


def judge(answer: Answer, scopes: str = "mobile_id phone_verify") -> verdict.Verdict:
    """Judge the answer for the API page's number, or for no number where the scopes need none."""
    needs_number = "phone_verify" in scopes or "profile" in scopes
    return verdict.judge(answer, scopes.split(), NUMBER if needs_number else "")


def test_a_confirmed_number_is_verified_and_the_repr_of_the_verdict_hides_the_person() -> None:
    claims = PROFILE | {"sub": SUB}

    end = judge(success(claims=claims, phone_number=NUMBER, error_description="Fine"), "phone")

    assert (end.status, end.reason, end.error_description) == (Status.VERIFIED, None, "Fine")
    assert (end.sub, end.mobile_id, end.phone_number) == (SUB, MOBILE_ID, NUMBER)
    assert end.claims == claims
    for secret in (NUMBER, SUB, MOBILE_ID, "Teak", "Fine"):
        assert secret not in repr(end)
    with pytest.raises(FrozenInstanceError):
        end.reason = Reason.EXPIRED  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Please turn off Wi-Fi or use Mobile data network", Reason.NOT_ON_MOBILE_DATA),
        ("PLEASE TURN OFF WI-FI", Reason.NOT_ON_MOBILE_DATA),
        ("wifi is on", Reason.NOT_ON_MOBILE_DATA),
        ("No mobile data", Reason.NOT_ON_MOBILE_DATA),
        ("The number is not yours", Reason.NOT_VERIFIED),
        ("", Reason.NOT_VERIFIED),
    ],
)
def test_a_failed_answer_gives_its_reason_and_no_ids(text: str, reason: Reason) -> None:
    # The wire's failure has a mobile_id, too. Here even the client lets the ids through.
    claims = {"mobile_id": MOBILE_ID, "sub": "anonymous"}
    answer = Answer(
        succeeded=False,
        phone_number_verified=True,
        login_hint=NUMBER,
        phone_number=NUMBER,
        sub=SUB,
        mobile_id=MOBILE_ID,
        error_description=text,
        claims=claims,
    )

    for scopes in ("mobile_id phone_verify", "phone"):
        end = judge(answer, scopes)
        assert (end.status, end.reason, end.error_description) == (Status.FAILED, reason, text)
        assert (end.sub, end.mobile_id, end.phone_number) == ("", "", "")
        assert end.claims == claims


@pytest.mark.parametrize("scopes", ["ip:phone_verify mobile_id", "profile"])
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"phone_number_verified": False}, Reason.NOT_VERIFIED),
        (
            {"phone_number_verified": False, "error_description": "Use Mobile data"},
            Reason.NOT_ON_MOBILE_DATA,
        ),
        # The operator's no comes first, for any number.
        ({"phone_number_verified": False, "login_hint": OTHER_NUMBER}, Reason.NOT_VERIFIED),
        ({"phone_number_verified": None}, Reason.INVALID_RESPONSE),
        ({"phone_number_verified": None, "login_hint": OTHER_NUMBER}, Reason.INVALID_RESPONSE),
        ({"login_hint": ""}, Reason.INVALID_RESPONSE),
        # An attacker's own code in a victim's session.
        ({"login_hint": OTHER_NUMBER}, Reason.NUMBER_MISMATCH),
        ({"phone_number": OTHER_NUMBER}, Reason.NUMBER_MISMATCH),
        # The mismatch comes before a missing claim.
        ({"login_hint": OTHER_NUMBER, "claims": {}}, Reason.NUMBER_MISMATCH),
        ({"claims": PROFILE}, Reason.INVALID_RESPONSE),
        ({"claims": PROFILE | {"sub": None}}, Reason.INVALID_RESPONSE),
    ],
    ids=str,
)
def test_a_success_that_does_not_confirm_the_number_is_rejected(
    scopes: str, changes: dict[str, Any], reason: Reason
) -> None:
    end = judge(success(**({"claims": {"sub": SUB} | PROFILE} | changes)), scopes)

    assert end.reason is reason
    assert (end.sub, end.mobile_id, end.phone_number) == ("", "", "")


@pytest.mark.parametrize(
    ("scopes", "changes"),
    [
        ("mobile_id", {"mobile_id": ""}),
        ("phone", {"phone_number": ""}),
        ("profile", {}),
        ("ip:profile phone_verify", {"claims": {"sub": SUB, "given_name": ""}}),
        ("mobile_id", {"claims": {}}),
    ],
)
def test_an_answer_without_the_claims_of_its_scopes_is_invalid(
    scopes: str, changes: dict[str, Any]
) -> None:
    end = judge(success(**changes), scopes)

    assert (end.status, end.reason) == (Status.ERROR, Reason.INVALID_RESPONSE)


@pytest.mark.parametrize(
    ("scopes", "changes", "kept"),
    [
        # No scope requested the claim.
        ("phone_verify", {"mobile_id": ""}, ("", SUB, "")),
        # The row has this number already.
        ("phone phone_verify", {"phone_number": NUMBER}, ("", SUB, MOBILE_ID)),
        (
            "mobile_id phone_verify",
            {"sub": "", "claims": {"sub": "anonymous"}},
            ("", "", MOBILE_ID),
        ),
        # One claim is enough for a profile.
        *[
            ("profile", {"claims": {"sub": SUB, claim: value}}, ("", SUB, MOBILE_ID))
            for claim, value in PROFILE.items()
        ],
    ],
    ids=str,
)
def test_a_success_with_the_claims_of_its_scopes_is_verified(
    scopes: str, changes: dict[str, Any], kept: tuple[str, str, str]
) -> None:
    end = judge(success(**changes), scopes)

    assert end.status == Status.VERIFIED
    assert (end.phone_number, end.sub, end.mobile_id) == kept


@pytest.mark.parametrize("scopes", ["phone", "ip:phone phone", "phone mobile_id openid"])
def test_without_a_requested_number_the_returned_one_is_stored(scopes: str) -> None:
    answer = success(phone_number_verified=None, login_hint=OTHER_NUMBER, phone_number=NUMBER)

    end = judge(answer, scopes)

    assert (end.status, end.phone_number) == (Status.VERIFIED, NUMBER)
