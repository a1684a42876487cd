"""`parse_answer`: each body becomes a normalised answer or is invalid."""

import json
import re
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_plasgate_ip.client import Answer
from django_plasgate_ip.client.parsing import MAX_DEPTH, parse_answer
from django_plasgate_ip.exceptions import InvalidResponse
from tests.settings import PLASGATE_IP_SECRET_KEY as SECRET_KEY
from tests.visitor import DIGITS, FAILED, MOBILE_ID, NUMBER, PROFILE, SUB, VERIFIED, changed


def read(answer: dict[str, Any] | None = None, **changes: Any) -> Answer:
    """Return what an answer is read as; `changes` as for `changed`."""
    return parse_answer(json.dumps(changed(answer or VERIFIED, changes)).encode())


def nested(levels: int, opening: str = "[", closing: str = "]") -> bytes:
    """Return a success that is `levels` deep."""
    inside = opening * (levels - 1) + "1" + closing * (levels - 1)
    return b'{"status": "success", "deep": %s}' % inside.encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": SUB, "phone_number": DIGITS, "phone_number_verified": "true"},
        # Invalid members do not make a failure invalid.
        {"mobile_id": 5, "login_hint": ["x"], "sub": "x" * 5000, "phone_number": "none"},
    ],
)
def test_a_failed_answer_never_has_ids_or_numbers(changes: dict[str, Any]) -> None:
    answer = read(FAILED, **changes)

    assert not answer.succeeded
    assert (answer.sub, answer.mobile_id, answer.login_hint, answer.phone_number) == ("",) * 4
    assert answer.claims == FAILED | changes


def test_the_claims_are_the_whole_answer_unchanged() -> None:
    claims = VERIFIED | PROFILE | {"new": {"a": [None, 0, False, "", 0.5, {}]}, "sid": 5}

    assert parse_answer(json.dumps(claims).encode()).claims == claims


def test_an_answer_does_not_show_what_it_holds() -> None:
    answer = read(VERIFIED | PROFILE, phone_number=DIGITS)

    shown = f"{answer!r} {answer}"
    for secret in (NUMBER, DIGITS, SUB, MOBILE_ID, "Omeng"):
        assert secret not in shown
    assert SUB not in repr([answer.sub, answer.mobile_id])


# Members


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        *product([True, "true", " TRUE "], [True]),
        *product(["false", "truee", 1, [True]], [False]),
    ],
)
def test_only_true_is_true(value: Any, flag: bool) -> None:
    success = read(phone_number_verified=value, status=" Success ")

    assert (success.succeeded, success.phone_number_verified) == (True, flag)
    assert read(FAILED, phone_number_verified=value).phone_number_verified is flag


@pytest.mark.parametrize("name", ["sub", "login_hint"])
def test_a_null_blank_or_missing_member_is_empty_and_a_missing_flag_none(name: str) -> None:
    for value in (None, "", " "):
        body = json.dumps(VERIFIED | {name: value, "phone_number_verified": value}).encode()
        assert getattr(parse_answer(body), name) == ""
        assert parse_answer(body).phone_number_verified is False
    missing = read(None, **{name: None, "phone_number_verified": None})
    assert (getattr(missing, name), missing.phone_number_verified) == ("", None)


@pytest.mark.parametrize(
    ("name", "value", "normalised"),
    [
        ("sub", "anonymous", ""),
        ("sub", " " + "x" * 255, "x" * 255),
        ("mobile_id", "a ក ", "a ក"),
        ("login_hint", "077696118", NUMBER),
        ("phone_number", "+855 77 696 118", NUMBER),
    ],
)
def test_ids_and_numbers_are_normalised(name: str, value: str, normalised: str) -> None:
    answer = read(None, **{name: value})

    assert getattr(answer, name) == normalised
    assert answer.claims[name] == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *product(["status"], [None, "succes"]),
        ("sub", ["success"]),
        *product(["mobile_id"], ["x" * 256, "a\nb", "a\u200bb"]),
        *product(["login_hint"], ["anonymous", "85577696118;ext=5", "1" * 5000]),
        ("phone_number", "381"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_success_with_a_wrong_member_is_invalid(name: str, value: Any) -> None:
    with pytest.raises(InvalidResponse) as caught:
        read(None, **{name: value})

    # The message names the member and does not repeat its value.
    assert re.fullmatch(rf"The answer's {name} is [a-z ]+\.", str(caught.value))


# Bodies


@pytest.mark.parametrize(
    "body",
    [
        b"<!doctype html><title>Login</title>",
        b'[{"status": "success"}]',
        b'{"status": "success", "login_hint": "\xff"}',
        # Python parses these. A database or another parser does not.
        b'{"status": "success", "n": NaN}',
        b'{"status": "success", "n": 1e999}',
        b'{"status": "success", "n": %s}' % (b"9" * 5000),
        b'{"status": "success", "t": "\\ud800"}',
        b'{"status": "success", "t": "\\u0000"}',
        b'{"status": "success", "deep": [{"\\u0000": 1}]}',
        b"[" * 100_000,
        nested(10_000, '{"a":', "}"),
        nested(MAX_DEPTH + 1),
        nested(MAX_DEPTH + 1, '{"a":', "}"),
        # SECURITY: one reader takes the first value, and another the last.
        json.dumps(VERIFIED).replace("{", '{"phone_number_verified": "false", ', 1).encode(),
        b'{"status": "success", "deep": {"a": 1, "a": 2}}',
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_body_that_no_database_can_store_as_an_object_is_invalid(body: bytes) -> None:
    with pytest.raises(InvalidResponse) as caught:
        parse_answer(body)

    # The message does not repeat the answer.
    assert re.fullmatch(r"The answer is [\w ,()]+\.", str(caught.value))
    assert "success" not in str(caught.value)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_as_deep_as_allowed_is_kept(opening: str, closing: str) -> None:
    body = nested(MAX_DEPTH, opening, closing)

    assert parse_answer(body).claims == json.loads(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)
members = st.sampled_from(
    ["status", "sub", "mobile_id", "login_hint", "phone_number", "phone_number_verified"]
)


@settings(deadline=None)
@given(
    st.binary(max_size=200)
    | st.dictionaries(members, st.sampled_from([*VERIFIED.values(), "failed"]) | json_values).map(
        lambda answer: json.dumps(answer).encode()
    )
)
def test_any_body_is_read_or_invalid(body: bytes) -> None:
    try:
        answer = parse_answer(body)
    except InvalidResponse:
        return
    assert json.loads(json.dumps(answer.claims)) == answer.claims
    assert answer.succeeded or not (answer.sub or answer.mobile_id or answer.login_hint)


# The provider's text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (" ", ""),
        (None, ""),
        ("  Turn off\n\n Wi-Fi \t ឥឡូវ\r", "Turn off Wi-Fi ឥឡូវ"),
        ("a\x1b[31mb\u202ec\u2028d", "a [31mb c d"),
        ("x" * 100_000, "x" * 500),
        (" " * 500 + "x" * 500, "x" * 500),
        ("Error 50020 for +855 77 696-118, ០៧៧ ៦៩៦ ១១៨.", "Error 50020 for ***, ***."),
        # A number has at least seven digits, and an id at least 20 characters.
        ("1234567/123456", "***/123456"),
        (f"{'a1' * 10} {'b2' * 9}c", f"*** {'b2' * 9}c"),
        (f"No {MOBILE_ID}, {SUB}; wrong key {SECRET_KEY}", "No ***, ***; wrong key ***"),
    ],
    ids=lambda text: repr(text)[:30],
)
def test_the_description_becomes_one_clean_line(text: Any, cleaned: str) -> None:
    assert read(FAILED, error_description=text).error_description == cleaned
