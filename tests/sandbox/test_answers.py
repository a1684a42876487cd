"""The answers of every fake PlasGate. `tests.contract` compares them with the API page."""

from django_plasgate_ip.sandbox import answers


def test_the_claims_of_several_scopes_are_combined() -> None:
    answer = answers.success("85577696118", ["openid", "phone", "ip:mobile_id"])

    assert set(answer) == {
        *("error_description", "sid", "status", "sub"),
        *("phone_number", "mobile_id"),
    }


def test_the_ids_belong_to_the_number_and_the_sid_to_the_answer() -> None:
    first, again, other = (
        answers.success(digits, ["mobile_id"])
        for digits in ("85577696118", "85577696118", "85577696130")
    )

    assert (first["mobile_id"], first["sub"]) == (again["mobile_id"], again["sub"])
    assert first["sid"] != again["sid"]
    assert first["mobile_id"] != other["mobile_id"]
    assert first["sub"] != other["sub"]


def test_each_code_is_new() -> None:
    assert answers.new_code() != answers.new_code()


def test_a_change_replaces_adds_or_leaves_out() -> None:
    changes = {"sub": "another", "nickname": "S", "sid": None}

    changed = answers.changed({"sub": "a sub", "sid": "a sid", "status": "success"}, changes)

    assert changed == {"sub": "another", "nickname": "S", "status": "success"}
