"""`parse_answer`: each body becomes a normalised answer or is invalid."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_plasgate_ip.client import Answer
from django_plasgate_ip.client.parsing import MAX_DEPTH, parse_answer, whole_words
from django_plasgate_ip.exceptions import InvalidResponse
from tests.settings import PLASGATE_IP_SECRET_KEY as SECRET_KEY
from tests.visitor import DIGITS, FAILED, MOBILE_ID, SUB, VERIFIED, changed


def read(answer: dict[str, Any] | None = None, **changes: Any) -> Answer:
    """Return what an answer is read as; `changes` as for `changed`."""
    return parse_answer(json.dumps(changed(answer or VERIFIED, changes)).encode())


def nested(levels: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """Return a success that is `levels` deep."""
    inside = opening * (levels - 1) + b"1" + closing * (levels - 1)
    return b'{"status": "success", "deep": %s}' % inside


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": SUB, "phone_number": DIGITS, "phone_number_verified": "true"},
        # Invalid members do not make a failure invalid.
        {"mobile_id": 5, "login_hint": ["x"], "sub": "x" * 5000, "phone_number": "none"},
    ],
)
def test_a_failed_answer_never_has_ids_or_numbers(changes):
    assert read(FAILED, **changes) == Answer(
        succeeded=False,
        phone_number_verified="phone_number_verified" in changes,
        error_description=FAILED["error_description"],
        claims=FAILED | changes,
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"status": "success", "new": {"a": [null, 0, false, "", 0.5, {}]}, "sid": 5}',
        nested(MAX_DEPTH),
        nested(MAX_DEPTH, b'{"a":', b"}"),
    ],
    ids=["new claims", "nested lists", "nested objects"],
)
def test_the_claims_are_the_whole_answer_unchanged(body):
    assert parse_answer(body).claims == json.loads(body)


def test_only_true_is_true():
    for value in (True, "true", " TRUE ", "false", "truee", 1, [True]):
        flag = str(value).strip().lower() == "true"
        success = read(phone_number_verified=value, status=" Success ")
        assert (success.succeeded, success.phone_number_verified) == (True, flag), value
        assert read(FAILED, phone_number_verified=value).phone_number_verified is flag


@pytest.mark.parametrize("name", ["sub", "login_hint"])
def test_a_null_blank_or_missing_member_is_empty_and_a_missing_flag_none(name):
    for value in (None, "", " "):
        body = json.dumps(VERIFIED | {name: value, "phone_number_verified": value}).encode()
        assert getattr(parse_answer(body), name) == ""
        assert parse_answer(body).phone_number_verified is False
    missing = read(None, **{name: None, "phone_number_verified": None})
    assert (getattr(missing, name), missing.phone_number_verified) == ("", None)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("sub", " a" + "ba" * 127, "a" + "ba" * 127),
        *[("mobile_id", value, str(value).strip()) for value in ("a ក ", 15957)],
        *[(name, int(DIGITS), DIGITS) for name in ("login_hint", "phone_number")],
        *[("login_hint", 1, "1"), ("login_hint", 0, "")],
        # The region of a national number is the verdict's.
        ("login_hint", " 077 696 118", "077 696 118"),
    ],
)
def test_a_member_is_read_as_its_text_or_its_digits(name, value, text):
    answer = read(None, **{name: value})

    assert (getattr(answer, name), answer.claims[name]) == (text, value)


@pytest.mark.parametrize("name", ["sub", "mobile_id"])
def test_a_placeholder_and_what_is_no_id_are_missing(name):
    values: list[Any] = [
        *["anonymous", " ANONYMOUS\n", "null", "None", "undefined", "Unknown", "n/a", "N.A.", "-"],
        *["anonymousUser", "not found", "empty", "--", "(null)", "<none>", "NaN", "false"],
        *["x", "?!", "0" * 128, "F" * 64, "00000000-0000-0000-0000-000000000000"],
        *["ab" * 128, "ab\nb", "ab\u200bc", "ab\0c", "ab\ud800", ["ab"], {"a": "b"}],
        *[0, -15, 7, True, 1.5],
    ]
    for value in values:
        answer = read(None, **{name: value})
        assert getattr(answer, name) == "", value
        assert answer.is_anonymous is (name == "sub" and "anonymous" in str(value).lower())


def test_a_status_is_success_or_failed_or_missing():
    for status in (None, "", " ", "succes", "ok", True, 1, ["success"]):
        with pytest.raises(InvalidResponse, match=r"^The answer's status is neither success nor "):
            parse_answer(json.dumps(VERIFIED | {"status": status}).encode())

    missing = read(None, status=None)
    assert (missing.succeeded, missing.phone_number_verified) == (None, True)
    assert (missing.sub, missing.mobile_id, missing.login_hint) == (SUB, MOBILE_ID, DIGITS)


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
        b"[" * 100_000,
        nested(10_000, b'{"a":', b"}"),
        nested(MAX_DEPTH + 1),
        nested(MAX_DEPTH + 1, b'{"a":', b"}"),
        # SECURITY: one reader takes the first value, and another the last.
        json.dumps(VERIFIED).replace("{", '{"phone_number_verified": "false", ', 1).encode(),
        b'{"status": "success", "deep": {"a": 1, "a": 2}}',
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_body_that_is_not_one_json_object_is_invalid(body):
    with pytest.raises(InvalidResponse) as caught:
        parse_answer(body)

    # The message does not repeat the answer.
    assert re.fullmatch(r"The answer is (?!.*success)[\w ,()]+\.", str(caught.value))


def test_characters_that_no_database_stores_are_replaced_in_the_claims_only():
    answer = read(None, t="a\0b\ud800", deep=[{"\0": "\udfff\U0001f600", "n": 0}], mobile_id="a\0b")

    assert (answer.claims["t"], answer.claims["mobile_id"]) == ("a\ufffdb\ufffd", "a\ufffdb")
    assert answer.claims["deep"] == [{"\ufffd": "\ufffd\U0001f600", "n": 0}]
    assert (answer.mobile_id, answer.sub) == ("", SUB)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)
members = st.sampled_from([*VERIFIED, "phone_number"])


@settings(deadline=None)
@given(
    st.binary(max_size=200)
    | st.dictionaries(members, st.sampled_from([*VERIFIED.values(), "failed"]) | json_values).map(
        lambda answer: json.dumps(answer).encode()
    )
)
def test_any_body_is_read_or_invalid(body):
    try:
        answer = parse_answer(body)
    except InvalidResponse:
        return
    text = json.dumps(answer.claims, ensure_ascii=False)
    assert json.loads(text.encode()) == answer.claims
    assert "\\u0000" not in text
    ids = answer.sub + answer.mobile_id
    assert ids.isprintable()
    assert answer.succeeded is not False or not (ids or answer.login_hint)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (" ", ""),
        (None, ""),
        ("  Turn off\n\n Wi-Fi \t ឥឡូវ\r", "Turn off Wi-Fi ឥឡូវ"),
        ("a\x1b[31mb\u202ec\u2028d", "a [31mbc d"),
        ("\u1780" * 100_000, "\u1780" * 500),
        (" " * 500 + "x" * 500, "x" * 500),
        # A limit cuts no key, and an invisible character hides none.
        (f"{' ' * 981}{SECRET_KEY}", "***"),
        (f"{'no ' * 327}{SECRET_KEY}", ("no " * 167)[:500]),
        (f"{'a1' * 10} " * 100, ("*** " * 47).strip()),
        (f"wrong {SECRET_KEY[:12]}\u200b{SECRET_KEY[12:]}", "wrong ***"),
        # What is not text is written as JSON.
        *[([], ""), ({"km": "ប្រើ Wi-Fi"}, '{"km": "ប្រើ Wi-Fi"}'), (True, "true")],
        # A number has at least seven digits, and an id at least 20 characters.
        ("Error 50020 for +85577696118 or 077696118.", "Error 50020 for *** or ***."),
        ("1234567 and 123456", "*** and 123456"),
        *[(text, text) for text in ("HTTP 403", "Error 1234", "code 12-34-56, at 10:22")],
        (f"{'a1' * 10} {'b2' * 9}c", f"*** {'b2' * 9}c"),
        (f"No {MOBILE_ID}, {SUB}; wrong key {SECRET_KEY}", "No ***, *** wrong key ***"),
    ],
    ids=lambda text: repr(text)[:30],
)
def test_the_description_becomes_one_clean_line(text, cleaned):
    assert read(FAILED, error_description=text).error_description == cleaned


@pytest.mark.parametrize(
    ("text", "limit", "line"),
    [(" Turn  off\n", 8, "Turn off"), ("a1 k2~!ef", 8, "a1"), ("កខគ", 2, "កខ"), ("ក១២៣", 3, "ក")],
)
def test_a_line_is_cut_before_a_word_or_digits(text, limit, line):
    assert whole_words(text, limit) == line


SEPARATORS = " -./,_·|*:;~\\+\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d\u30fb"
INVISIBLE = "\xa0\u200b\u2060\u202f\u3000\xad\ufe0f\u20e3"
# Zero in Khmer, Arabic and Devanagari, of full width, and of mathematics.
ZEROS = "\u17e0\u0660\u0966\uff10\U0001d7ce"
NUMBERS = [
    *[f"077{sign}696{sign}118" for sign in [*SEPARATORS, *INVISIBLE, " - ", " / "]],
    *["(077) 696-118", "[077] 696118", "+855 (0) 77 696 118", "tel:077696118"],
    *["".join(chr(ord(zero) + int(digit)) for digit in "077696118") for zero in ZEROS],
    *["⁰⁷⁷⁶⁹⁶¹¹⁸", "①②③④⑤⑥⑦", "\uff0b855 77 696 118", " ".join("077696118")],
    "\ufe0f\u20e3".join("0776961188"),
]


def test_a_number_is_masked_however_it_is_written():
    for number in NUMBERS:
        cleaned = read(FAILED, error_description=f"No {number} here").error_description
        assert "***" in cleaned, number
        assert not any(map(str.isdigit, cleaned)), number
