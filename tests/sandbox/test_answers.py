"""The answers of every fake PlasGate. `tests.contract` compares them with the API page."""

from django_plasgate_ip.sandbox import answers


def test_the_ids_belong_to_the_number_and_each_sid_and_code_is_new() -> None:
    first, again, other = (
        answers.success(digits, ["mobile_id"])
        for digits in ("85577696118", "85577696118", "85577696130")
    )

    assert (first["mobile_id"], first["sub"]) == (again["mobile_id"], again["sub"])
    assert first["sid"] != again["sid"]
    assert answers.new_code() != answers.new_code()
    assert first["mobile_id"] != other["mobile_id"]
    assert first["sub"] != other["sub"]


def test_a_change_replaces_adds_or_leaves_out() -> None:
    changes = {"sub": "another", "nickname": "S", "sid": None}

    changed = answers.changed({"sub": "a sub", "sid": "a sid", "status": "success"}, changes)

    assert changed == {"sub": "another", "nickname": "S", "status": "success"}
