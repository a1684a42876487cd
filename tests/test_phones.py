"""Numbers as people type them, as the wire wants them, and as everybody may see them."""

import unicodedata
from typing import Any

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumber_field.phonenumber import PhoneNumber

from django_plasgate_ip import phones
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from tests.visitor import DIGITS, MASKED, NUMBER

KHMER = str.maketrans("0123456789", "០១២៣៤៥៦៧៨៩")
FULL_WIDTH = str.maketrans("0123456789+", "０１２３４５６７８９＋")  # noqa: RUF001 - the point


def number(text: str) -> PhoneNumber:
    return PhoneNumber.from_string(text)


def examples() -> list[PhoneNumber]:
    """Return a mobile number of every region that has one."""
    found = [
        phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    ]
    return [number(phonenumbers.format_number(each, 0)) for each in found if each]


@pytest.mark.parametrize(
    "typed",
    [
        "077696118",
        "077 696 118",
        "077-696-118",
        "077.696.118",
        "(077) 696 118",
        "077/696118",
        "77696118",
        "77 696 118",
        "+85577696118",
        "+855 77 696 118",
        "+855 (0)77 696 118",
        "+855 077 696 118",
        "(+855) 77-696-118",
        "+ 855 77 696 118",
        "85577696118",
        "855 77 696 118",
        "855077696118",
        "0085577696118",
        "00855 77 696 118",
        "00 855 77 696 118",
        "00855 77 696 118".translate(KHMER),
        # Cambodia's own prefix for calls abroad.
        "00185577696118",
        "  077 696 118  ",
        "077 696 118\n",
        "077 696 118".translate(KHMER),
        "+855 77 696 118".translate(KHMER),
        "٠٧٧٦٩٦١١٨",
        "077 696 118".translate(FULL_WIDTH),
        "+855 77 696 118".translate(FULL_WIDTH),
        # The zero-width space that Khmer keyboards put between words, and no-break spaces.
        "077\u200b696\u200b118",
        "\u200b077 696 118\u200b",
        "077\u00a0696\u202f118",
        "077\u3000696\u3000118",
        # As a contact card pastes it: within direction marks, with the hyphen that does not break.
        "\u202a+855 77 696 118\u202c",
        "\u2066077\u2011696\u2011118\u2069",
        "077\u2013696\u2014118",
        "\ufeff077696118",
    ],
)
def test_however_it_is_typed_it_is_one_number(typed: str) -> None:
    parsed = phones.parse(typed)

    assert phones.digits(parsed) == DIGITS
    assert phones.e164(parsed) == NUMBER


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "\u200b",
        "+",
        "()",
        "-",
        "hello",
        # phonenumbers reads letters as digits and drops extensions in silence.
        "077696118abc",
        "0776961i8",
        "077 OYO 118",
        "tel:077696118",
        "077696118 ext 5",
        "077696118x5",
        "077696118;ext=5",
        "+85577696118;isub=5",
        "077696118#5",
        "077696118,5",
        "*100#",
        "077 696 118 (home)",
        "077\t696\t118",
        "077\n696\n118",
        "077\x00696118",
        "077696118\ud83d\ude00",
        "077+696118",
        "++85577696118",
        "+855+77696118",
        "077²696118",
        "Ⅶ7696118",
        "七七",
        "0776961",
        "07769611899",
        "+855",
        "+85577",
        "0000000000",
        "+999123456789",
        "00",
        "117",
        "1" * 39,
        "1" * 10_000_000,
        "\u200b" * 41 + "077696118",
    ],
)
def test_anything_else_is_refused_without_being_repeated(typed: str) -> None:
    with pytest.raises(InvalidPhoneNumber) as caught:
        phones.parse(typed)

    assert not [word for word in typed.split() if len(word) > 2 and word in str(caught.value)]


@pytest.mark.parametrize(
    ("typed", "region", "meant"),
    [
        ("081 234 5678", "TH", "+66812345678"),
        ("077 696 118", "KH", NUMBER),
        ("(202) 555-0123", "US", "+12025550123"),
        ("02 1234 5678", "IT", "+390212345678"),
        # With a country code, the region does not matter.
        ("+855 77 696 118", "US", NUMBER),
        ("0085577696118", "TH", NUMBER),
        ("+66 81 234 5678", "KH", "+66812345678"),
        ("+1 202-555-0123", "KH", "+12025550123"),
    ],
)
def test_the_region_is_that_of_national_numbers(typed: str, region: str, meant: str) -> None:
    assert phones.e164(phones.parse(typed, region)) == meant


def test_the_region_is_a_setting(settings: Any) -> None:
    settings.PLASGATE_IP_DEFAULT_REGION = "TH"

    assert phones.e164(phones.parse("081 234 5678")) == "+66812345678"


def test_a_number_is_read_as_itself_in_every_region(settings: Any) -> None:
    settings.PLASGATE_IP_DEFAULT_REGION = "US"
    settings.PHONENUMBER_DEFAULT_FORMAT = "NATIONAL"

    assert phones.parse(number(NUMBER)) == number(NUMBER)


@pytest.mark.parametrize("text", ["abc", "077"])
def test_a_stored_number_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidPhoneNumber):
        phones.parse(PhoneNumber(raw_input=text))


@pytest.mark.parametrize("default_format", ["E164", "NATIONAL", "INTERNATIONAL", "RFC3966"])
def test_the_wire_gets_digits_whatever_the_site_shows(default_format: str, settings: Any) -> None:
    settings.PHONENUMBER_DEFAULT_FORMAT = default_format

    assert phones.digits(phones.parse("077 696 118")) == DIGITS
    assert phones.e164(phones.parse("077 696 118")) == NUMBER


@pytest.mark.parametrize(
    "answered", [DIGITS, "+" + DIGITS, "077696118", "855077696118", f" {DIGITS} "]
)
def test_what_the_provider_writes_is_the_same_number(answered: str) -> None:
    assert phones.e164(phones.from_wire(answered)) == NUMBER


def test_digits_come_back_from_the_wire_as_the_number_they_were() -> None:
    # Read as national in Cambodia, some of the world's would be another's.
    changed = [each for each in examples() if phones.from_wire(phones.digits(each)) != each]

    assert changed == []


@pytest.mark.parametrize("answered", ["", "+", "1", "anonymous", DIGITS + ";ext=5", "8" * 41])
def test_the_wire_is_read_as_strictly_as_a_visitor(answered: str) -> None:
    with pytest.raises(InvalidPhoneNumber):
        phones.from_wire(answered)


@settings(deadline=None)
@given(st.text(max_size=50))
def test_no_text_is_anything_but_a_number_or_refused(typed: str) -> None:
    try:
        parsed = phones.parse(typed)
    except InvalidPhoneNumber:
        return
    assert parsed.is_valid()
    assert not any(unicodedata.category(character).startswith("L") for character in typed)


@pytest.mark.parametrize(
    ("e164", "masked"),
    [
        (NUMBER, MASKED),
        ("+855977123456", "+855 97 *** **56"),
        ("+85523756789", "+855 23 *** *89"),
        ("+12025550123", "+1 202 *** **23"),
        ("+33612345678", "+33 6 ** ** ** 78"),
        ("+66812345678", "+66 81 *** **78"),
        ("+4915123456789", "+49 1512 *****89"),
        # Two groups, or three short ones: with the first of them, a dozen calls would find it.
        ("+85251234567", "+852 **** **67"),
        ("+6591234567", "+65 **** **67"),
        ("+376312345", "+376 *** *45"),
        # One group.
        ("+68531234", "+685 ***34"),
    ],
)
def test_a_mask_shows_whose_it_is_to_its_owner_alone(e164: str, masked: str) -> None:
    assert phones.mask(number(e164)) == masked


def test_no_mask_in_the_world_is_soon_guessed() -> None:
    for each in examples():
        masked = phones.mask(each)

        national = phonenumbers.national_significant_number(each)
        assert masked.count("*") >= min(4, len(national) - 2), masked
        assert masked.startswith(f"+{each.country_code} ")
        assert masked.endswith(national[-2:])


@pytest.mark.parametrize("nothing", ["", None, PhoneNumber(raw_input="077 696 118 abc"), NUMBER])
def test_what_is_no_number_has_an_empty_mask(nothing: Any) -> None:
    # Text, too: a caller that passes it would show it.
    assert phones.mask(nothing) == ""
