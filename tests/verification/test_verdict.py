"""What an answer proves, and what it does not."""

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


def failure(error_description: str, **changes: Any) -> Answer:
    return Answer(
        succeeded=False,
        phone_number_verified=False,
        error_description=error_description,
        claims={"mobile_id": MOBILE_ID, "sub": "anonymous"},
        **changes,
    )


def judge(answer: Answer, scopes: str = "mobile_id phone_verify") -> verdict.Verdict:
    """Judge for the number that these scopes have asked for."""
    needed = {"phone_verify", "profile"} & set(scopes.replace("ip:", "").split())
    return verdict.judge(answer, scopes.split(), NUMBER if needed else "")


def test_a_confirmed_number_is_verified_and_brings_the_ids() -> None:
    end = judge(success(claims={"sub": SUB, "sid": "s"}, error_description="Fine"))

    assert (end.status, end.reason) == (Status.VERIFIED, None)
    assert (end.sub, end.mobile_id) == (SUB, MOBILE_ID)
    assert end.claims == {"sub": SUB, "sid": "s"}
    assert end.error_description == "Fine"
    assert end.phone_number == ""


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
def test_a_failed_answer_says_why(text: str, reason: Reason) -> None:
    end = judge(failure(text))

    assert (end.status, end.reason, end.error_description) == (Status.FAILED, reason, text)


@pytest.mark.parametrize("scopes", ["mobile_id", "phone", "phone_verify", "profile"])
def test_a_failed_answer_brings_no_ids_and_keeps_its_claims(scopes: str) -> None:
    # Even one whose ids the client would have let through.
    end = judge(failure("", sub=SUB, mobile_id=MOBILE_ID, phone_number=NUMBER), scopes)

    assert (end.sub, end.mobile_id, end.phone_number) == ("", "", "")
    assert end.claims == {"mobile_id": MOBILE_ID, "sub": "anonymous"}


@pytest.mark.parametrize("scopes", ["phone_verify", "ip:phone_verify mobile_id", "profile"])
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"phone_number_verified": False}, Reason.NOT_VERIFIED),
        (
            {"phone_number_verified": False, "error_description": "Use Mobile data"},
            Reason.NOT_ON_MOBILE_DATA,
        ),
        # The operator's no comes first, whoever the number is.
        ({"phone_number_verified": False, "login_hint": OTHER_NUMBER}, Reason.NOT_VERIFIED),
        ({"phone_number_verified": False, "login_hint": ""}, Reason.NOT_VERIFIED),
        ({"phone_number_verified": None}, Reason.INVALID_RESPONSE),
        ({"login_hint": ""}, Reason.INVALID_RESPONSE),
        ({"login_hint": OTHER_NUMBER}, Reason.NUMBER_MISMATCH),
        ({"phone_number": OTHER_NUMBER}, Reason.NUMBER_MISMATCH),
        ({"claims": {}}, Reason.INVALID_RESPONSE),
        ({"claims": {"sub": None}}, Reason.INVALID_RESPONSE),
    ],
)
def test_a_success_that_confirms_less_than_the_number_is_none(
    scopes: str, changes: dict[str, Any], reason: Reason
) -> None:
    end = judge(success(**({"claims": {"sub": SUB} | PROFILE} | changes)), scopes)

    assert end.reason is reason
    assert (end.sub, end.mobile_id, end.phone_number) == ("", "", "")


def test_the_number_learnt_may_equal_the_one_asked_for() -> None:
    end = judge(success(phone_number=NUMBER), "phone phone_verify")

    # Nothing to learn: it is stored already.
    assert (end.status, end.phone_number) == (Status.VERIFIED, "")


@pytest.mark.parametrize("scopes", ["phone", "ip:phone phone", "phone mobile_id openid"])
def test_the_phone_scope_learns_the_number(scopes: str) -> None:
    end = judge(success(phone_number=NUMBER, phone_number_verified=None, login_hint=""), scopes)

    assert (end.status, end.phone_number) == (Status.VERIFIED, NUMBER)


@pytest.mark.parametrize(
    ("scopes", "changes"),
    [
        ("mobile_id", {"mobile_id": ""}),
        ("mobile_id phone_verify", {"mobile_id": ""}),
        ("ip:mobile_id phone_verify", {"mobile_id": ""}),
        ("phone", {"phone_number": ""}),
        ("ip:phone phone_verify", {"phone_number": ""}),
        ("profile", {}),
        ("ip:profile phone_verify", {}),
        ("phone_verify", {"claims": {"sub": ""}}),
        ("mobile_id", {"claims": {}}),
    ],
)
def test_an_answer_without_what_its_scopes_promise_is_invalid(
    scopes: str, changes: dict[str, Any]
) -> None:
    end = judge(success(**changes), scopes)

    assert (end.status, end.reason) == (Status.ERROR, Reason.INVALID_RESPONSE)


@pytest.mark.parametrize("claim", PROFILE)
def test_a_profile_is_any_of_its_claims(claim: str) -> None:
    assert (
        judge(success(claims={"sub": SUB, claim: PROFILE[claim]}), "profile").status
        == Status.VERIFIED
    )


@pytest.mark.parametrize(
    "scopes", ["mobile_id", "openid ip:mobile_id mobile_id", "mobile_id phone"]
)
def test_without_a_number_asked_for_nothing_is_compared(scopes: str) -> None:
    answer = success(phone_number_verified=None, login_hint=OTHER_NUMBER, phone_number=NUMBER)

    assert judge(answer, scopes).status == Status.VERIFIED


def test_an_anonymous_sub_is_none_and_not_missing() -> None:
    end = judge(success(sub="", claims={"sub": "anonymous"}))

    assert (end.status, end.sub, end.mobile_id) == (Status.VERIFIED, "", MOBILE_ID)


def test_a_verdict_does_not_show_whom_it_is_about() -> None:
    end = judge(success(claims=PROFILE | {"sub": SUB}, phone_number=NUMBER), "phone")

    for secret in (NUMBER, SUB, MOBILE_ID, "Teak"):
        assert secret not in repr(end)
