"""Parse typed text into a number, and format a number for PlasGate, for storage and for people.

Inside the app a number is a `Number` (E.164, ``+855…``). PlasGate gets digits without the plus sign
(``855…``). Pages and logs show the mask.
"""

import re
import unicodedata
from typing import Any
from urllib.parse import unquote

from phonenumber_field.phonenumber import PhoneNumber
from phonenumbers import (
    NumberParseException,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
    carrier,
    country_code_for_region,
    example_number,
    example_number_for_type,
    format_number,
    is_possible_number_for_type_with_reason,
    is_valid_number,
    national_significant_number,
    ndd_prefix_for_region,
    number_type,
    region_code_for_country_code,
    region_code_for_number,
    region_codes_for_country_code,
)

from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import InvalidPhoneNumber, RegionNotAccepted
from django_plasgate_ip.redaction import Hidden

# E.164 allows 15 digits, and a keycap is three characters. The rest is for separators.
MAX_LENGTH = 64
# The column's length. phonenumbers has names of up to 54 characters.
MAX_OPERATOR = 64

# PlasGate's staging system has numbers with this country code, which no country has.
_STAGE = 999
# The types of number that no phone has. Of the other types, numbering plans are not reliable.
_SERVICES = {
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.UAN,
    PhoneNumberType.VOICEMAIL,
}
_MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
# The marks of keycaps and emoji, the grapheme joiner, and Khmer's two invisible vowels.
_INVISIBLE = re.compile("[\u20e3\ufe00-\ufe0f\u034f\u17b4\u17b5\U000e0100-\U000e01ef]")
# What surrounds a number that is copied from a text.
_AROUND = " \t\r\n'\"\u2018\u2019\u201c\u201d\u00ab\u00bb;:\u17d4\u260e"
# Characters that stand between two numbers as often as inside one.
_LISTING = set("/,|\u2044\u2215\u3001\u060c")
# Dots, and characters that look like dashes but belong to other categories than Pd.
_GROUPING = set("._~\u00b7\u2022\u2027\u2219\u30fb\u02d7\u2043\u2053\u2212\u223c\u2500\u30fc")


class Number(PhoneNumber):  # type: ignore[misc]
    """A phone number with a masked ``repr``. PlasGate's staging numbers are such numbers, too."""

    @classmethod
    def from_string(cls, phone_number: str, region: str | None = None) -> "Number":
        """Return the number that phonenumbers reads. Raises its NumberParseException."""
        if not re.fullmatch(rf"\+{_STAGE}[0-9]{{6,12}}", phone_number):
            number: Number = super().from_string(phone_number, region)
            return number
        rest = phone_number[4:]
        zeros = len(rest) - len(rest.lstrip("0"))
        return cls(
            country_code=_STAGE,
            national_number=int(rest),
            italian_leading_zero=zeros > 0,
            number_of_leading_zeros=zeros,
            raw_input=phone_number,
        )

    def is_valid(self) -> bool:
        """Whether a phone can have this number, as ``PLASGATE_IP_NUMBER_VALIDATION`` defines it."""
        if self.country_code is None:
            return False
        kind = number_type(self)
        if kind != PhoneNumberType.UNKNOWN:
            return kind not in _SERVICES
        return conf.PLASGATE_IP_NUMBER_VALIDATION == "possible" and _is_possible(self)

    def __repr__(self) -> str:
        return f"<Number {mask(self) if self.is_valid() else '***'}>"


def parse(text: str | PhoneNumber, region: str | None = None) -> Number:
    """Return the number that a person typed.

    `text` may be national (``077 696 118``) or international (``+855 77 696 118``,
    ``85577696118``, ``00855…``, ``0855…``), or a ``tel:`` link. It may have spaces, dashes, dots,
    slashes and brackets, and the digits of any script (Khmer, Arabic, full width, keycaps).
    `region` is the ISO 3166 region of national numbers, by default ``PLASGATE_IP_DEFAULT_REGION``.
    A `PhoneNumber` is read like its E.164 text.

    Raises `InvalidPhoneNumber` for any other text: no number, two of them, or one that no phone
    has. Letters and extensions are refused, because phonenumbers would read the former as digits
    and drop the latter.
    """
    if isinstance(text, Number) and text.is_valid() and not text.extension:
        return text  # It is parsed already: the form's number, for example.
    if isinstance(text, PhoneNumber):
        text = str(text.raw_input if text.country_code is None else text.as_e164)
    region = region or conf.PLASGATE_IP_DEFAULT_REGION
    marks = _marks(text)
    found = _numbers(_plain(marks), region)
    if len(found) != 1 or _has_two(marks, region):
        raise InvalidPhoneNumber("This is not a phone number that can be verified.")
    return found.pop()


def accept(text: str | PhoneNumber) -> Number:
    """Return the number that a person typed, if it may start a verification.

    The text is read as `parse` reads it. Raises `RegionNotAccepted` for a number of a region that
    is not in ``PLASGATE_IP_REGIONS``. `parse` finds stored numbers whatever their region.
    """
    number, accepted = parse(text), conf.PLASGATE_IP_REGIONS
    # The staging numbers belong to no region.
    if accepted is None or number.country_code == _STAGE:
        return number
    # Regions may share a country code (+1: US and CA), so only the number tells which it is. If
    # phonenumbers does not know its prefix, it may belong to each of them.
    region = region_code_for_number(number)
    regions = {region} if region else {*region_codes_for_country_code(number.country_code)}
    if not regions & {*accepted}:
        raise RegionNotAccepted("The site accepts no phone numbers of this region.")
    return number


def example() -> str:
    """Return a mobile number to show how to type one: of the first region that the site accepts.

    It is national in ``PLASGATE_IP_DEFAULT_REGION``, and otherwise international.
    """
    default = conf.PLASGATE_IP_DEFAULT_REGION
    region = next(iter(conf.PLASGATE_IP_REGIONS or ()), default)
    number: Any = example_number_for_type(region, PhoneNumberType.MOBILE) or example_number(region)
    form = PhoneNumberFormat.NATIONAL if region == default else PhoneNumberFormat.INTERNATIONAL
    return str(format_number(number, form))


def operator(number: Any) -> str:
    """Return the operator whose prefix the number has, such as ``Smart``, or an empty text.

    In countries where people take their number to another operator, the prefix does not tell it.
    """
    if not isinstance(number, PhoneNumber) or number.country_code is None:
        return ""
    return str(carrier.safe_display_name(number, "en"))[:MAX_OPERATOR]


def from_wire(text: str, region: str | None = None) -> Number:
    """Return the number in an answer: digits with the country code, the plus sign optional.

    A national number (``077…``) is read as `parse` reads it in `region`. Raises
    `InvalidPhoneNumber`.
    """
    plain = _plain(_marks(text))
    number = _read("+" + plain.removeprefix("+"), None)
    return number if number and number.is_valid() else parse(plain, region)


def digits(number: PhoneNumber) -> str:
    """Return the number in PlasGate's format: ``85577696118``."""
    return Hidden(e164(number).removeprefix("+"))


def e164(number: PhoneNumber) -> str:
    """Return ``+85577696118``. ``PHONENUMBER_DEFAULT_FORMAT`` has no effect."""
    return Hidden(number.as_e164)


def typed(number: PhoneNumber) -> str:
    """Return the number as a person types it: ``077 696 118`` in the default region."""
    code = country_code_for_region(conf.PLASGATE_IP_DEFAULT_REGION)
    return Hidden(number.as_national) if number.country_code == code else e164(number)


def mask(number: Any) -> str:
    """Return ``+855 77 *** *18``: visitors recognise their own number, others can't call it.

    The country code, the first group and the last two digits stay. If that would hide fewer than
    four digits (short numbers, or numbers in two groups), the first group is hidden, too. The mask
    of a value that is not a `PhoneNumber` is empty.
    """
    if not isinstance(number, PhoneNumber) or number.country_code is None:
        return ""
    # Of a country code that it does not know, phonenumbers returns the national digits only.
    national = str(number.as_international).removeprefix(f"+{number.country_code}")
    head, (first, *groups) = f"+{number.country_code}", re.split("[ -]", national.lstrip(" -"))
    tail = " ".join(groups)
    if sum(character.isdigit() for character in tail[:-2]) >= 4:
        head += " " + first
    else:
        tail = f"{first} {tail}".strip()
    stars = "".join("*" if character.isdigit() else character for character in tail[:-2])
    return f"{head} {stars}{tail[-2:]}"


def _marks(text: str) -> str:
    """Return ASCII digits and plus signs, with "," and " " for separators.

    A "," may also stand between two numbers.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidPhoneNumber("This is too long for a phone number.")
    text, links = re.subn(r"^\W*tel:", "", text.strip(_AROUND), flags=re.IGNORECASE)
    marks = "".join(_mark(character) for character in (unquote(text) if links else text))
    if not _plain(marks).removeprefix("+").isdecimal():
        raise InvalidPhoneNumber("A phone number has digits only.")
    return marks


def _mark(character: str) -> str:
    """Return what `_marks` consists of, or "?" for a character that no number has."""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    # Cf: the zero-width space that Khmer keyboards put between words, and the direction marks
    # around a number that is copied from a contact card.
    if category == "Cf" or _INVISIBLE.match(character):
        return ""
    folded = unicodedata.normalize("NFKC", character)
    if folded in _LISTING:
        return ","
    # Spaces, dashes and brackets.
    if category in {"Zs", "Pd", "Ps", "Pe"} or folded in _GROUPING:
        return " "
    return "+" if folded == "+" else "?"


def _plain(marks: str) -> str:
    return re.sub("[ ,]", "", marks)


def _has_two(marks: str, region: str) -> bool:
    """Whether a number ends before the last digit: "012 345 678 / 9" is short for two numbers."""
    for gap in re.finditer("[ ,]+", marks):
        first, rest = marks[: gap.start()], _plain(marks[gap.end() :])
        # Between the groups of one number, the same separator stands more than once.
        listed = "," in gap[0] and bool(rest) and ("," not in first or len(rest) < 3)
        again = rest.startswith(("+", "0")) and bool(_numbers(rest, region))
        if (listed or again) and _numbers(_plain(first), region):
            return True
    return False


def _numbers(plain: str, region: str) -> set[Number]:
    """Return the numbers that these digits can mean: of several, those that phones have.

    Numbers that phonenumbers knows come first.
    """
    code = str(country_code_for_region(region))
    international = "+" + plain.lstrip("+0")
    dialled = {plain}
    if plain.startswith(("+", "00", code)):
        # Most countries dial 00 before the country code. phonenumbers knows the region's own
        # prefix (Cambodia: 001).
        dialled.add(international)
    if plain.startswith(("+0", "00")):
        # With a sign too many, it may also be a national number.
        dialled.add("0" + plain.lstrip("+0"))
    # A zero before the country code is a mistake, unless the region has such a number.
    mistaken = plain.startswith((f"0{code}", str(_STAGE)))
    for texts in (dialled, {international} if mistaken else set()):
        numbers = {_read(text, region) for text in texts}
        valid = {number for number in numbers if number and number.is_valid()}
        if valid:
            known = {number for number in valid if is_valid_number(number)} or valid
            return {number for number in known if number_type(number) in _MOBILE} or known
    return set()


def _read(text: str, region: str | None) -> Number | None:
    try:
        return Number.from_string(text, region)
    except NumberParseException:
        return None


def _is_possible(number: Number) -> bool:
    """Whether the number is as long as its country's mobile numbers."""
    if number.country_code == _STAGE:
        return True
    # phonenumbers keeps the zero of a national number that is too short.
    region = region_code_for_country_code(number.country_code)
    trunk = ndd_prefix_for_region(region, strip_non_digits=True)
    if trunk == "0" and national_significant_number(number).startswith(trunk):
        return False
    length = is_possible_number_for_type_with_reason(number, PhoneNumberType.MOBILE)
    return bool(length == ValidationResult.IS_POSSIBLE)
