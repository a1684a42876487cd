"""Parse typed text into a number, and format a number for PlasGate, for storage and for people.

Inside the app a number is a `Number` (E.164, ``+855…``). PlasGate gets digits without the plus sign
(``855…``). Pages and logs show the mask.
"""

import unicodedata
from collections.abc import Iterator
from typing import Any

from phonenumber_field.phonenumber import PhoneNumber
from phonenumbers import NumberParseException

from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.redaction import Hidden

# E.164 allows 15 digits; the rest is for separators.
MAX_LENGTH = 40


class Number(PhoneNumber):  # type: ignore[misc]
    """A phone number with a masked ``repr``."""

    def __repr__(self) -> str:
        return f"<Number {mask(self) if self.is_valid() else '***'}>"


def parse(text: str | PhoneNumber, region: str | None = None) -> Number:
    """Return the number that a person typed.

    `text` may be national (``077 696 118``) or international (``+855 77 696 118``,
    ``85577696118``, ``00855…``). It may have spaces, dashes, dots and brackets, and the digits of
    any script (Khmer, Arabic, full width). `region` is the ISO 3166 region of national numbers, by
    default ``PLASGATE_IP_DEFAULT_REGION``. A `PhoneNumber` is read like its E.164 text.

    Raises `InvalidPhoneNumber` for any other text. Letters and extensions are refused, because
    phonenumbers would read the former as digits and drop the latter.
    """
    plain = _plain(str(text.as_e164) if isinstance(text, PhoneNumber) else text)
    for candidate in _readings(plain):
        number = _valid(candidate, region or conf.PLASGATE_IP_DEFAULT_REGION)
        if number is not None:
            return number
    raise InvalidPhoneNumber("This is not a phone number that can be verified.")


def from_wire(text: str, region: str | None = None) -> Number:
    """Return the number in an answer: digits with the country code, the plus sign optional.

    A national number (``077…``) is read as `parse` reads it, in `region`. Raises
    `InvalidPhoneNumber`.
    """
    plain = _plain(text)
    return _valid("+" + plain.removeprefix("+"), None) or parse(plain, region)


def digits(number: PhoneNumber) -> str:
    """Return the number in PlasGate's format: ``85577696118``."""
    return Hidden(e164(number).removeprefix("+"))


def e164(number: PhoneNumber) -> str:
    """Return ``+85577696118``. ``PHONENUMBER_DEFAULT_FORMAT`` has no effect."""
    return Hidden(number.as_e164)


def hidden(number: Any) -> Any:
    """Return a `PhoneNumber` as a `Number`, and any other value unchanged."""
    if not isinstance(number, PhoneNumber) or isinstance(number, Number):
        return number
    masked = Number()
    masked.merge_from(number)
    return masked


def mask(number: Any) -> str:
    """Return ``+855 77 *** *18``: visitors recognise their own number, others can't call it.

    The country code, the first group and the last two digits stay. If that would hide fewer than
    four digits (short numbers, or numbers in two groups), the first group is hidden, too. The mask
    of a value that is not a `PhoneNumber` is empty.
    """
    if not isinstance(number, PhoneNumber) or number.country_code is None:
        return ""
    head, first, *groups = str(number.as_international).replace("-", " ").split(" ")
    tail = " ".join(groups)
    if sum(character.isdigit() for character in tail[:-2]) >= 4:
        head += " " + first
    else:
        tail = f"{first} {tail}".strip()
    stars = "".join("*" if character.isdigit() else character for character in tail[:-2])
    return f"{head} {stars}{tail[-2:]}"


def _plain(text: str) -> str:
    """Return ASCII digits with at most a leading plus sign."""
    if len(text) > MAX_LENGTH:
        raise InvalidPhoneNumber("This is too long for a phone number.")
    plain = "".join(_character(character) for character in text.strip())
    if not plain.removeprefix("+").isdecimal():
        raise InvalidPhoneNumber("A phone number has digits only.")
    return plain


def _character(character: str) -> str:
    """Return an ASCII digit, a plus sign, or nothing for a separator. "?" is refused later."""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    # Zs and Cf are spaces, the zero-width space that Khmer keyboards put between words, and the
    # direction marks around a number that is copied from a contact card. Pd are dashes.
    if category in {"Zs", "Cf", "Pd"} or character in "./()":
        return ""
    return "+" if character in "+\uff0b" else "?"


def _readings(plain: str) -> Iterator[str]:
    yield plain
    if plain.startswith("00"):
        # Most countries dial 00 before the country code. phonenumbers knows the region's own
        # prefix (Cambodia: 001).
        yield "+" + plain[2:]


def _valid(text: str, region: str | None) -> Number | None:
    try:
        number = Number.from_string(text, region=region)
    except NumberParseException:
        return None
    return number if number.is_valid() else None
