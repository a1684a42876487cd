"""The description of PlasGate's answers, beside the examples of the API page."""

import re

import pytest

from django_plasgate_ip.sandbox import answers

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# How the API page's values look that differ from answer to answer.
IDS = {"sid": UUID, "mobile_id": r"[0-9a-f]{128}", "sub": r"[0-9a-f]{64}"}
ALWAYS = {"error_description", "sid", "status", "sub"}
PERSON = {
    "given_name",
    "family_name",
    "birthdate",
    "gender",
    "personal_identification_number",
    "address",
}


def test_a_success_is_the_one_of_the_api_page() -> None:
    answer = answers.success("85577696118", ["mobile_id", "phone_verify"])

    for name, pattern in IDS.items():
        assert re.fullmatch(pattern, answer.pop(name))
    assert answer == {
        "error_description": " ",
        "login_hint": "85577696118",
        "phone_number_verified": "true",
        "status": "success",
    }


def test_a_failure_is_the_one_of_the_api_page() -> None:
    answer = answers.failure("85577696119", answers.NOT_ON_MOBILE_DATA)

    for name in ("sid", "mobile_id"):
        assert re.fullmatch(IDS[name], answer.pop(name))
    assert answer == {
        "error_description": "Please turn off Wi-Fi or use Mobile data network",
        "login_hint": "85577696119",
        "phone_number_verified": "false",
        "status": "failed",
        "sub": "anonymous",
    }


@pytest.mark.parametrize(
    ("scopes", "claims"),
    [
        (["phone_verify"], {"login_hint", "phone_number_verified"}),
        (["mobile_id"], {"mobile_id"}),
        (["phone"], {"phone_number"}),
        (["profile"], PERSON),
        (["openid", "phone", "ip:mobile_id"], {"phone_number", "mobile_id"}),
    ],
)
def test_each_scope_adds_its_claims(scopes: list[str], claims: set[str]) -> None:
    assert set(answers.success("85577696118", scopes)) == ALWAYS | claims


def test_the_ids_stay_the_same_for_a_number_and_the_session_does_not() -> None:
    first, again, other = (
        answers.success(digits, ["mobile_id"])
        for digits in ("85577696118", "85577696118", "85577696130")
    )

    assert (first["mobile_id"], first["sub"]) == (again["mobile_id"], again["sub"])
    assert first["sid"] != again["sid"]
    assert first["mobile_id"] != other["mobile_id"]
    assert first["sub"] != other["sub"]


def test_a_callback_is_the_one_of_the_api_page() -> None:
    query = answers.callback(
        "bb245885.842b5f93.e2ac8f37", "ea736ff8", private_key="a key", redirect_uri="https://a/"
    )

    assert query == {
        "code": "bb245885.842b5f93.e2ac8f37",
        "private_key": "a key",
        "redirect_uri": "https://a/",
        "session_state": "842b5f93",
        "state": "ea736ff8",
    }


def test_each_code_is_another_three_uuids() -> None:
    code = answers.new_code()

    assert re.fullmatch(rf"{UUID}\.{UUID}\.{UUID}", code)
    assert code != answers.new_code()


def test_a_change_replaces_adds_or_leaves_out() -> None:
    changes = {"sub": "another", "nickname": "S", "sid": None}

    changed = answers.changed({"sub": "a sub", "sid": "a sid", "status": "success"}, changes)

    assert changed == {"sub": "another", "nickname": "S", "status": "success"}
