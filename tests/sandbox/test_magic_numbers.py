"""The table of magic numbers, and the sandbox's reply to each."""

import json
import re
from typing import Any

import pytest

from django_plasgate_ip.sandbox import answers
from django_plasgate_ip.sandbox.magic_numbers import repeated, reply


def answer_to(phone_number: str, scopes: str = "mobile_id phone_verify") -> dict[str, Any]:
    """Return the JSON answer without its ``sid``, which is new each time."""
    replied = reply(phone_number, scopes.split())
    assert (replied.status, replied.content_type) == (200, "application/json")
    answer: dict[str, Any] = json.loads(replied.content)
    del answer["sid"]
    return answer


def success(digits: str, scopes: str = "mobile_id phone_verify") -> dict[str, Any]:
    return answers.changed(answers.success(digits, scopes.split()), {"sid": None})


def test_the_ids_belong_to_the_number_and_each_sid_and_code_is_new():
    first, again, other = (answers.success(digits, ["mobile_id"]) for digits in "112")

    assert (first["mobile_id"], first["sub"]) == (again["mobile_id"], again["sub"])
    assert first["sid"] != again["sid"]
    assert answers.new_code() != answers.new_code()
    assert first["mobile_id"] != other["mobile_id"]
    assert first["sub"] != other["sub"]


@pytest.mark.parametrize("number", ["85577696100", "85577696124"])
def test_other_endings_and_a_late_answer_are_verified(number):
    assert answer_to(number) == success(number)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("85577696119", "Please turn off Wi-Fi or use Mobile data network"),
        ("85577696120", "Phone number is not verified"),
    ],
)
def test_19_and_20_fail(number, text):
    failure = answers.changed(answers.failure(number, text), {"sid": None})

    assert answer_to(number, "phone_verify") == failure


@pytest.mark.parametrize(
    ("number", "status", "content"),
    [
        ("85577696122", 403, b'{"error_description": "Please check'),
        ("85577696123", 500, b"<!doctype html>"),
        ("85577696125", 200, b"<!doctype html>"),
    ],
)
def test_22_has_its_keys_refused_and_23_and_25_answer_with_a_page(number, status, content):
    replied = reply(number, ["mobile_id"])

    assert (replied.status, replied.content[: len(content)]) == (status, content)
    assert replied.content_type.startswith("text/html") is content.startswith(b"<")


def test_27_is_verified_with_another_mobile_id_each_time():
    first, second = answer_to("85577696127"), answer_to("85577696127")

    assert first.pop("mobile_id") != (last := second.pop("mobile_id"))
    assert re.fullmatch(r"[0-9a-f]{128}", last)
    assert first == second
    assert first["phone_number_verified"] == "true"
    # It has none unless a scope asks for it.
    assert answer_to("85577696127", "phone_verify") == success("85577696127", "phone_verify")


@pytest.mark.parametrize("number", ["85577696128", ""])
def test_28_or_a_start_without_a_number_is_a_success_about_another(number):
    assert answer_to(number) == success("85577696118")


@pytest.mark.parametrize(
    ("sent", "number", "received"),
    [
        ("https://shop.example/?a=https", "85577696129", "http://shop.example/?a=https"),
        ("HTTPS://shop.example/", "85577696129", "http://shop.example/"),
        ("http://127.0.0.1:8000/", "85577696129", "https://127.0.0.1:8000/"),
    ],
)
def test_29_repeats_redirect_uri_in_the_other_scheme(sent, number, received):
    assert repeated(sent, number) == received
