"""The one place that turns typed text into a number, its digits and its mask.

Inside the app a number is a `Number` (E.164, ``+855…``). PlasGate gets digits without the plus sign
(``855…``). People and logs see the mask.
"""

import unicodedata
from collections.abc import Iterator
from typing import Any

from phonenumber_field.phonenumber import PhoneNumber
from phonenumbers import NumberParseException

from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.redaction import Hidden

# No number with its separators is longer.
MAX_LENGTH = 40


class Number(PhoneNumber):  # type: ignore[misc]
    """A number that is masked in its ``repr``."""

    def __repr__(self) -> str:
        return f"<Number {mask(self) if self.is_valid() else '***'}>"


def parse(text: str | PhoneNumber, region: str | None = None) -> Number:
    """Return the number that a person typed.

    `text` may be national (``077 696 118``) or international (``+855 77 696 118``,
    ``85577696118``, ``00855…``), with spaces, dashes, dots, brackets and the digits of any script
    (Khmer, Arabic, full width). `region` is the ISO 3166 region of national numbers, by default
    ``PLASGATE_IP_DEFAULT_REGION``. A `PhoneNumber` is read like its E.164 text.

    Raises `InvalidPhoneNumber` for anything else, and for letters and extensions, which
    phonenumbers would read as digits or drop silently.
    """
    plain = _plain(str(text.as_e164) if isinstance(text, PhoneNumber) else text)
    for candidate in _readings(plain):
        number = _valid(candidate, region or conf.PLASGATE_IP_DEFAULT_REGION)
        if number is not None:
            return number
    raise InvalidPhoneNumber("This is not a phone number that can be verified.")


def from_wire(text: str) -> Number:
    """Return the number in an answer: digits with the country code, the plus sign optional.

    `parse` reads a national number (``077…``). Raises `InvalidPhoneNumber`.
    """
    plain = _plain(text)
    return _valid("+" + plain.removeprefix("+"), None) or parse(plain)


def digits(number: PhoneNumber) -> str:
    """Return the number as PlasGate wants it: ``85577696118``."""
    return Hidden(e164(number).removeprefix("+"))


def e164(number: PhoneNumber) -> str:
    """Return ``+85577696118``, whatever ``PHONENUMBER_DEFAULT_FORMAT`` says."""
    return Hidden(number.as_e164)


def hidden(number: Any) -> Any:
    """Return a `PhoneNumber` as a `Number`, and anything else as it is."""
    if not isinstance(number, PhoneNumber) or isinstance(number, Number):
        return number
    masked = Number()
    masked.merge_from(number)
    return masked


def mask(number: Any) -> str:
    """Return ``+855 77 *** *18``: enough to recognise one's own number, too little to call it.

    `number` is a `PhoneNumber`; anything else has an empty mask. The country code, the first group
    and the last two digits stay. Where that would hide fewer than four digits (short numbers, or
    numbers in two groups), the first group is hidden, too.
    """
    if not isinstance(number, PhoneNumber) or number.country_code is None:
        return ""
    head, first, *groups = str(number.as_international).replace("-", " ").split(" ")
    tail = " ".join(groups)
    if sum(character.isdigit() for character in tail[:-2]) >= 4:
        head += " " + first
    else:
        tail = f"{first} {tail}".strip()
    return f"{head} {_hide(tail[:-2])}{tail[-2:]}"


def _hide(text: str) -> str:
    return "".join("*" if character.isdigit() else character for character in text)


def _plain(text: str) -> str:
    """Return ASCII digits with at most a leading plus sign."""
    if len(text) > MAX_LENGTH:
        raise InvalidPhoneNumber("This is too long for a phone number.")
    plain = "".join(_character(character) for character in text.strip())
    if not plain.removeprefix("+").isdecimal():
        raise InvalidPhoneNumber("A phone number has digits only.")
    return plain


def _character(character: str) -> str:
    """Return an ASCII digit, a plus sign, nothing for a separator, or a sign that is refused."""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    # Zs and Cf: spaces, the zero-width space that Khmer keyboards put between words, and the
    # direction marks of a number that is pasted from a contact card. Pd: dashes.
    if category in {"Zs", "Cf", "Pd"} or character in "./()":
        return ""
    return "+" if character in "+\uff0b" else "?"


def _readings(plain: str) -> Iterator[str]:
    yield plain
    if plain.startswith("00"):
        # The prefix that most countries dial. The region's own may differ (Cambodia: 001).
        yield "+" + plain[2:]


def _valid(text: str, region: str | None) -> Number | None:
    try:
        number = Number.from_string(text, region=region)
    except NumberParseException:
        return None
    return number if number.is_valid() else None
