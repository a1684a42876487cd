"""The one place that turns typed text into a number, its digits, and its mask.

Inside the app a number is a `Number` (E.164, ``+855…``); on the wire it is digits without the plus
sign (``855…``); everywhere that people or logs see it, it is masked.
"""

import unicodedata
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from phonenumber_field.phonenumber import PhoneNumber
from phonenumbers import NumberParseException

from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.redaction import Hidden

# More than any number with its separators has; longer text is not worth parsing.
MAX_LENGTH = 40
_WITHOUT_SEPARATORS = str.maketrans("", "", "-./() ")


class Number(PhoneNumber):  # type: ignore[misc]
    """A number that is masked in its ``repr``; to be read, and not changed.

    Whether it is valid is looked up once, as is its text: a start asks six and three times.
    """

    _is_valid: bool | None = None

    @cached_property
    def as_e164(self) -> str:
        """``+85577696118``."""
        return str(super().as_e164)

    def is_valid(self) -> bool:
        """Whether there can be such a number."""
        if self._is_valid is None:
            self._is_valid = bool(super().is_valid())
        return self._is_valid

    def __repr__(self) -> str:
        return f"<Number {mask(self) if self.is_valid() else '***'}>"

    def __bool__(self) -> bool:
        """Return True: empty is what has no number. By its length, each look would format it."""
        return True


def parse(text: str | PhoneNumber, region: str | None = None) -> Number:
    """Return the number that a person typed.

    `text` may be national (``077 696 118``) or international (``+855 77 696 118``,
    ``85577696118``, ``00855…``), with spaces, dashes, dots, brackets and the digits of any script
    (Khmer, Arabic, full width). `region` is the ISO 3166 region of national numbers, by default
    ``PLASGATE_IP_DEFAULT_REGION``. Raises `InvalidPhoneNumber` for anything else: letters and
    extensions, too, which phonenumbers would read as digits or drop in silence. A `PhoneNumber`
    is read like its E.164 text.
    """
    if isinstance(text, Number) and not text.extension and text.is_valid():
        # As it came out of here: a start asks three times.
        return text
    plain = _plain(str(text.as_e164) if isinstance(text, PhoneNumber) else text)
    for candidate in _readings(plain):
        number = _valid(candidate, region or conf.PLASGATE_IP_DEFAULT_REGION)
        if number is not None:
            return number
    raise InvalidPhoneNumber("This is not a phone number that can be verified.")


def from_wire(text: str) -> Number:
    """Return the number that PlasGate wrote: digits with the country code, the plus sign optional.

    A national number (``077…``) is read by `parse`. Raises `InvalidPhoneNumber`.
    """
    plain = _plain(text)
    return _valid("+" + plain.removeprefix("+"), None) or parse(plain)


def digits(number: PhoneNumber) -> str:
    """Return the number as the wire wants it: ``85577696118``."""
    return Hidden(e164(number).removeprefix("+"))


def e164(number: PhoneNumber) -> str:
    """Return ``+85577696118``, whatever ``PHONENUMBER_DEFAULT_FORMAT`` says."""
    return Hidden(number.as_e164)


def hidden(number: Any) -> Any:
    """Return a `PhoneNumber` as a `Number`, and anything else (no number) as it is."""
    if not isinstance(number, PhoneNumber) or isinstance(number, Number):
        return number
    masked = Number()
    masked.merge_from(number)
    return masked


def mask(number: Any) -> str:
    """Return ``+855 77 *** *18``: enough to recognise one's own number, too little to call it.

    `number` is a `PhoneNumber`, or empty for an attempt without one, whose mask is empty too.
    The country code, the first group and the last two digits stay. Where that would hide fewer
    than four digits (short numbers, or ones in two groups), the first group is hidden, too.
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
    plain = text.strip().translate(_WITHOUT_SEPARATORS)
    if not plain.isascii():
        plain = "".join(_character(character) for character in plain)
    if not plain.removeprefix("+").isdecimal():
        raise InvalidPhoneNumber("A phone number has digits only.")
    return plain


def _character(character: str) -> str:
    """Return an ASCII digit, a plus sign, nothing for a separator, or a sign that is refused."""
    if unicodedata.category(character) == "Nd":
        return str(unicodedata.decimal(character))
    # Zs and Cf: no-break spaces, the zero-width space that Khmer keyboards put between words,
    # and the direction marks that come along when a number is pasted from a contact card.
    # Pd: the dashes of other scripts.
    if unicodedata.category(character) in {"Zs", "Cf", "Pd"}:
        return ""
    return "+" if character in "+\uff0b" else "?"


def _readings(plain: str) -> Iterator[str]:
    yield plain
    if plain.startswith("00"):
        # The prefix that most of the world dials; the region's own may differ (Cambodia: 001).
        yield "+" + plain[2:]


def _valid(text: str, region: str | None) -> Number | None:
    try:
        number = Number.from_string(text, region=region)
    except NumberParseException:
        return None
    return number if number.is_valid() else None
