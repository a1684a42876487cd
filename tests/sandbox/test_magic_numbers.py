"""The table of magic numbers, and the sandbox's reply to each."""

import json
import re
from typing import Any

import pytest

from django_plasgate_ip.sandbox import answers
from django_plasgate_ip.sandbox.magic_numbers import repeated, reply

SCOPES = ["mobile_id", "phone_verify"]
NO_SID = {"sid": None}


def answer_to(phone_number: str, scopes: list[str] = SCOPES) -> dict[str, Any]:
    """Return the JSON answer without its ``sid``, which is new each time."""
    replied = reply(phone_number, scopes)
    assert (replied.status, replied.content_type) == (200, "application/json")
    return answers.changed(json.loads(replied.content), NO_SID)


def test_the_ids_belong_to_the_number_and_each_sid_and_code_is_new():
    first, again, other = (answers.success(digits, ["mobile_id"]) for digits in "112")

    same = [first[name] == again[name] for name in ("mobile_id", "sub", "sid")]
    assert same == [True, True, False]
    assert first["mobile_id"] != other["mobile_id"]
    assert first["sub"] != other["sub"]
    assert answers.new_code() != answers.new_code()


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("85577696100", answers.success("85577696100", SCOPES)),
        ("85577696124", answers.success("85577696124", SCOPES)),
        ("85577696128", answers.success("85577696118", SCOPES)),
        ("", answers.success("85577696118", SCOPES)),
        ("85577696119", answers.failure("85577696119", answers.NOT_ON_MOBILE_DATA)),
        ("85577696120", answers.failure("85577696120", "Phone number is not verified")),
    ],
)
def test_19_and_20_fail_28_is_another_number_and_the_others_are_verified(number, answer):
    assert answer_to(number) == answers.changed(answer, NO_SID)


def test_22_has_its_keys_refused_and_23_and_25_answer_with_a_page():
    page = ("text/html; charset=utf-8", b"<!doctype html>")
    for number, expected in {
        "85577696122": (403, "application/json", b'{"error_descrip'),
        "85577696123": (500, *page),
        "85577696125": (200, *page),
    }.items():
        replied = reply(number, ["mobile_id"])
        assert (replied.status, replied.content_type, replied.content[:15]) == expected, number


def test_27_is_verified_with_another_mobile_id_each_time():
    number, both = "85577696127", answers.changed(answers.success("85577696127", SCOPES), NO_SID)
    first, second = answer_to(number), answer_to(number)

    assert first["mobile_id"] != second["mobile_id"]
    assert re.fullmatch(r"[0-9a-f]{128}", second["mobile_id"])
    assert first | {"mobile_id": both["mobile_id"]} == both
    # It has none unless a scope asks for it.
    assert answer_to(number, ["phone_verify"]) == answers.changed(both, {"mobile_id": None})


def test_29_repeats_redirect_uri_in_the_other_scheme():
    for sent, received in {
        "https://shop.example/?a=https": "http://shop.example/?a=https",
        "HTTPS://shop.example/": "http://shop.example/",
        "http://127.0.0.1:8000/": "https://127.0.0.1:8000/",
    }.items():
        assert repeated(sent, "85577696129") == received
