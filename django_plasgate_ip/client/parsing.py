"""Parses the bytes of PlasGate's answer into an `Answer`.

Pure functions. The facts are from the provider's API page ("IP Authorization Code Flow").
"""

import json
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from django_plasgate_ip.exceptions import InvalidResponse
from django_plasgate_ip.redaction import Hidden

# The documented answer is two levels deep.
MAX_DEPTH = 16
MAX_ID_LENGTH = 255
MAX_TEXT_LENGTH = 500
# A run of at least seven digits of any script, with up to five characters between two of them that
# are neither letters nor digits. Or a word with a digit that is as long as an id or a key, also one
# that JSON, HTML or a URL has escaped.
_NUMBER_OR_ID = re.compile(r"\+?\d(?:[\W_]{0,5}\d){6,}|(?=\S*\d)[\w$=/+.%\\&#;-]{20,}")
# No database stores a lone surrogate, and PostgreSQL's text and jsonb have no NUL.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_ANONYMOUS = "anonymous"
# What programs write if they have no id, without punctuation: "N/A" and "(null)", for example.
_PLACEHOLDERS = {"empty", "error", "false", "guest", "na", "nan", "nil", "none", "notavailable"}
_PLACEHOLDERS |= {"notfound", "null", "undefined", "unidentified", "unknown"}


@dataclass(frozen=True)
class Answer:
    """The members of the exchange's answer. `verification.verdict` decides what they prove.

    A member that can't be read is like a missing one. An integer is read as its digits.

    On the wire a failed answer has a ``mobile_id`` and a ``sub`` too. Here they are empty, because
    the operator did not confirm them. An id is also empty if the wire has a placeholder such as
    ``anonymous``, ``null``, or one repeated character.
    """

    #: True for the ``status`` ``success``, False for ``failed``, None if it is missing.
    succeeded: bool | None
    #: True for ``true`` or ``"true"`` in any case, False for any other value, None if missing.
    phone_number_verified: bool | None = None
    #: Whether ``sub`` begins with ``anonymous``: the operator did not recognise the SIM card.
    is_anonymous: bool = False
    #: As PlasGate wrote it.
    login_hint: str = field(default="", repr=False)
    #: The number that the ``phone`` scope returns, as PlasGate wrote it.
    phone_number: str = field(default="", repr=False)
    sub: str = field(default="", repr=False)
    mobile_id: str = field(default="", repr=False)
    error_description: str = field(default="", repr=False)
    #: The whole answer, with U+FFFD for each character that a database can't store.
    claims: dict[str, Any] = field(default_factory=dict, repr=False)


def parse_answer(body: bytes) -> Answer:
    """Return the answer in this body. Raises `InvalidResponse`."""
    data = _json(body)
    if not isinstance(data, dict):
        raise InvalidResponse("The answer is not a JSON object.")
    succeeded = _succeeded(data)
    flag = "phone_number_verified"
    common: dict[str, Any] = {
        "succeeded": succeeded,
        "phone_number_verified": _is_true(data[flag]) if flag in data else None,
        "error_description": clean_text(data.get("error_description")),
        "claims": _storable(data),
    }
    if succeeded is False:
        return Answer(**common)
    return Answer(
        is_anonymous=_word(_text(data, "sub")).startswith(_ANONYMOUS),
        login_hint=_text(data, "login_hint"),
        phone_number=_text(data, "phone_number"),
        sub=_id(data, "sub"),
        mobile_id=_id(data, "mobile_id"),
        **common,
    )


def clean_text(value: Any) -> str:
    """Return the provider's text as one printable line, without phone numbers and ids.

    It has at most `MAX_TEXT_LENGTH` characters. A JSON `value` that is not text is written as JSON;
    an empty one gives an empty text.
    """
    if not value:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # NFKC replaces look-alikes, such as full-width digits, by the usual characters. Invisible ones
    # (Cf) could stand in the middle of a key.
    usual = unicodedata.normalize("NFKC", text)
    visible = (c for c in usual if unicodedata.category(c) != "Cf")
    printable = "".join(c if c.isprintable() else " " for c in visible)
    # SECURITY: staff without the permission to see numbers can read this column.
    shown = _NUMBER_OR_ID.sub("***", whole_words(printable, 2 * MAX_TEXT_LENGTH))
    return shown[:MAX_TEXT_LENGTH]


def whole_words(text: str, limit: int) -> str:
    """Return the text as one line of at most `limit` characters, without a key that was cut."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    # SECURITY: `clean_text` would not know the beginning of a key or a number. Khmer, which has
    # few spaces, is cut anywhere.
    while limit and ("!" <= line[limit - 1] <= "~" or line[limit - 1].isdecimal()):
        limit -= 1
    return line[:limit].rstrip()


def _json(body: bytes) -> Any:
    """Return the parsed JSON. Raises `InvalidResponse`."""
    try:
        data = json.loads(body, object_pairs_hook=_object)
        # Python accepts more than JSON allows: NaN, and numbers that overflow to infinity.
        json.dumps(data, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise InvalidResponse(f"The answer is not JSON ({type(error).__name__}).") from None
    return data


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # SECURITY: of a repeated name, one reader takes the first value and another the last.
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError
    return members


def _storable(value: Any, levels: int = MAX_DEPTH) -> Any:
    """Return `value` as a database can store it. Raises `InvalidResponse` if it is too deep."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if not isinstance(value, (dict, list)):
        return value
    if not levels:
        raise InvalidResponse("The answer is nested too deeply.")
    if isinstance(value, list):
        return [_storable(item, levels - 1) for item in value]
    return {_storable(name): _storable(item, levels - 1) for name, item in value.items()}


def _succeeded(data: dict[str, Any]) -> bool | None:
    if "status" not in data:
        return None
    status = _text(data, "status").lower()
    if status not in ("success", "failed"):
        raise InvalidResponse("The answer's status is neither success nor failed.")
    return status == "success"


def _is_true(value: Any) -> bool:
    # In Python, the text "false" and the number 1 are truthy. They verify nothing.
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def _text(data: dict[str, Any], name: str) -> str:
    """Return a member that is text or a positive integer; an empty text for any other value."""
    value = data.get(name)
    # JSON's true and false are integers to Python.
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        value = str(value)
    return Hidden(value.strip()) if isinstance(value, str) else ""


def _id(data: dict[str, Any], name: str) -> str:
    value = _text(data, name)
    is_readable = len(value) <= MAX_ID_LENGTH and value.isprintable()
    word = _word(value)
    # SECURITY: everybody without an id has the same placeholder, so it would look like one person
    # or one phone. One repeated character is a placeholder, too.
    is_placeholder = word in _PLACEHOLDERS or word.startswith(_ANONYMOUS) or len(set(word)) < 2
    return value if is_readable and not is_placeholder else ""


def _word(text: str) -> str:
    """Return the letters and digits in lower case."""
    return Hidden("".join(filter(str.isalnum, text)).lower())
