"""Parses the bytes of PlasGate's answer into an `Answer`.

Pure functions. The facts are from the provider's API page ("IP Authorization Code Flow").
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from django_plasgate_ip import phones
from django_plasgate_ip.exceptions import InvalidPhoneNumber, InvalidResponse
from django_plasgate_ip.redaction import Hidden

# The documented answer is two levels deep.
MAX_DEPTH = 16
MAX_ID_LENGTH = 255
MAX_TEXT_LENGTH = 500
# A run of at least seven digits, or a word with a digit that is as long as an id or a key.
_NUMBER_OR_ID = re.compile(r"\+?\d(?:[\s().-]{0,3}\d){6,}|(?=\S*\d)[\w$=/+.%-]{20,}")


@dataclass(frozen=True)
class Answer:
    """The exchange's answer, normalised. `verification.verdict` decides what it proves.

    On the wire a failed answer has a ``mobile_id`` and a ``sub`` too. Here they are empty, because
    the operator did not confirm them. ``sub`` is also empty for the wire's ``anonymous``.
    """

    #: ``status`` was ``success``; False for ``failed``.
    succeeded: bool
    #: True for ``true`` or ``"true"`` in any case, False for any other value, None if missing.
    phone_number_verified: bool | None = None
    #: E.164, or empty if missing.
    login_hint: str = field(default="", repr=False)
    #: The number that the ``phone`` scope returns: E.164, or empty if missing.
    phone_number: str = field(default="", repr=False)
    sub: str = field(default="", repr=False)
    mobile_id: str = field(default="", repr=False)
    error_description: str = field(default="", repr=False)
    #: The whole answer, unchanged.
    claims: dict[str, Any] = field(default_factory=dict, repr=False)


def parse_answer(body: bytes) -> Answer:
    """Return the answer in this body. Raises `InvalidResponse`."""
    data = _json(body)
    if not isinstance(data, dict):
        raise InvalidResponse("The answer is not a JSON object.")
    status = _text(data, "status").lower()
    if status not in ("success", "failed"):
        raise InvalidResponse("The answer's status is neither success nor failed.")
    flag = "phone_number_verified"
    common: dict[str, Any] = {
        "phone_number_verified": _is_true(data[flag]) if flag in data else None,
        "error_description": clean_text(data.get("error_description")),
        "claims": data,
    }
    if status == "failed":
        return Answer(succeeded=False, **common)
    sub = _id(data, "sub")
    return Answer(
        succeeded=True,
        login_hint=_number(data, "login_hint"),
        phone_number=_number(data, "phone_number"),
        sub="" if sub == "anonymous" else sub,
        mobile_id=_id(data, "mobile_id"),
        **common,
    )


def clean_text(value: Any) -> str:
    """Return the provider's text as one printable line, without phone numbers and ids.

    It has at most `MAX_TEXT_LENGTH` characters; a `value` that is not text gives an empty one.
    """
    text = value if isinstance(value, str) else ""
    printable = "".join(c if c.isprintable() else " " for c in text[: 2 * MAX_TEXT_LENGTH])
    # SECURITY: staff without the permission to see numbers can read this column.
    return _NUMBER_OR_ID.sub("***", " ".join(printable.split()))[:MAX_TEXT_LENGTH]


def _json(body: bytes) -> Any:
    """Return the parsed JSON, which every database can store. Raises `InvalidResponse`."""
    try:
        data = json.loads(body, object_pairs_hook=_object)
        is_shallow = _is_within(MAX_DEPTH, data)
        # Python accepts more than JSON allows: NaN, numbers that overflow to infinity, and lone
        # surrogates, which can't be encoded.
        text = json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidResponse(f"The answer is not JSON ({type(error).__name__}).") from None
    if not is_shallow or b"\\u0000" in text:
        raise InvalidResponse("The answer is nested too deeply, or has NUL characters.")
    return data


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # SECURITY: of a repeated name, one reader takes the first value and another the last.
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError
    return members


def _is_within(levels: int, value: Any) -> bool:
    """Whether lists and objects in `value` are nested at most `levels` deep."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return True
    return levels > 0 and all(_is_within(levels - 1, item) for item in value)


def _is_true(value: Any) -> bool:
    # In Python, the text "false" and the number 1 are truthy. They verify nothing.
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidResponse(f"The answer's {name} is not text.")
    return value.strip()


def _id(data: dict[str, Any], name: str) -> str:
    value = _text(data, name)
    if len(value) > MAX_ID_LENGTH or not value.isprintable():
        raise InvalidResponse(f"The answer's {name} is not an id.")
    return Hidden(value)


def _number(data: dict[str, Any], name: str) -> str:
    value = _text(data, name)
    if not value:
        return ""
    try:
        return phones.e164(phones.from_wire(value))
    except InvalidPhoneNumber:
        raise InvalidResponse(f"The answer's {name} is not a phone number.") from None
