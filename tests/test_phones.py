"""Parsing what people type and what PlasGate answers; formatting for both; masks."""

import unicodedata

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumber_field.phonenumber import PhoneNumber
from phonenumbers import carrier

from django_plasgate_ip import phones
from django_plasgate_ip.exceptions import InvalidPhoneNumber, RegionNotAccepted
from tests.visitor import DIGITS, MASKED, NUMBER

KHMER = str.maketrans("0123456789", "០១២៣៤៥៦៧៨៩")
FULL_WIDTH = str.maketrans("0123456789+", "０１２３４５６７８９＋")  # noqa: RUF001 - the point


def number(text: str) -> PhoneNumber:
    return PhoneNumber.from_string(text)


def examples(kind: int = phonenumbers.PhoneNumberType.MOBILE) -> list[PhoneNumber]:
    """Return a number of this type of every region that has one."""
    found = [
        phonenumbers.example_number_for_type(region, kind)
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    ]
    return [number(phonenumbers.format_number(each, 0)) for each in found if each]


@pytest.mark.parametrize(
    "typed",
    [
        *("077 696 118", "77696118", "(077)-696.118", "077/696118", "  077 696 118\n"),
        *("+855 77 696 118", "(+855) (0)77-696-118", "85577696118", "855077696118"),
        # The last begins with Cambodia's own prefix for calls abroad.
        *("00 855 77 696 118", "00185577696118"),
        *(text.translate(KHMER) for text in ("00855 77 696 118", "+855 77 696 118")),
        *("٠٧٧٦٩٦١١٨", "+855 77 696 118".translate(FULL_WIDTH)),
        # The zero-width space that Khmer keyboards put between words, and no-break spaces.
        "\u200b077\u200b696\u00a0118\u3000",
        # A contact card adds direction marks, non-breaking hyphens and dashes.
        "\u202a+855 77\u2011696\u2013118\u202c",
        "\ufeff077696118",
        *("0855 77 696 118", "0855 077 696 118", "+0855 77 696 118", "000 855 77 696 118"),
        # A sign too many: Solomon Islands' +677 69 611 8 would be no phone's.
        *("+077 696 118", "00 77 696 118"),
        # Copied out of a sentence.
        *("'077 696 118'", "\u201c077 696 118\u201d", "077 696 118;", "077 696 118\u17d4"),
        *("+855 0 77 696 118", "TEL:+855-77-696-118", "\u200etel:%2B855%2077%20696%20118"),
        # Separators, what looks like a dash or a bracket, and keycaps.
        *("077_696\u00b7118", "077,696,118", "[077] {696} \uff08118\uff09"),
        *("077\u2212696\u30fc118", "077\uff0d696\uff70118", "077\uff0f696\uff0e118"),
        "".join(f"{digit}\ufe0f\u20e3" for digit in "077696118"),
        # As long as a number with separators may be.
        "077696118" + "-" * (phones.MAX_LENGTH - 9),
    ],
)
def test_a_number_is_the_same_in_every_way_of_typing_it(typed):
    parsed = phones.parse(typed)

    assert phones.digits(parsed) == DIGITS
    assert phones.e164(parsed) == NUMBER


@pytest.mark.parametrize(
    "typed",
    [
        *("", "\u200b", "+", "00", "117", "0776961", "07769611899", "+999123456789"),
        # phonenumbers reads letters as digits and drops extensions silently.
        *("077696118abc", "077 OYO 118"),
        *("077696118 ext 5", "+85577696118;isub=5", "077696118#5"),
        *("077\n696\n118", "077\x00696118", "077696118\ud83d\ude00", "077²696118"),
        *("077+696118", "++85577696118"),
        # Two numbers, also where the second is written short.
        *("077 696 118 / 012 345 678", "077696118,012345678"),
        *("012 345 678/9", "012 345 678 \uff5c 79"),
        # Cambodia dials 001 before a country code, and most others 00: +65 92…, or +1 659….
        "001 65 9234 5678",
        *("+800 1234 5678", "tel:077696118;phone-context=+855", "tel:tel:077696118"),
        "1" * 10_000_000,
        "077696118" + "-" * (phones.MAX_LENGTH - 8),
    ],
    ids=lambda typed: ascii(typed[:25]),
)
def test_any_other_text_is_refused_and_not_repeated_in_the_error(typed):
    with pytest.raises(InvalidPhoneNumber) as caught:
        phones.parse(typed)

    assert not [word for word in typed.split() if len(word) > 2 and word in str(caught.value)]


@pytest.mark.parametrize("kind", ["TOLL_FREE", "PREMIUM_RATE", "SHARED_COST", "UAN", "VOICEMAIL"])
def test_a_number_of_a_service_is_refused(settings, kind):
    for each in examples(getattr(phonenumbers.PhoneNumberType, kind)):
        for settings.PLASGATE_IP_NUMBER_VALIDATION in ("valid", "possible"):
            with pytest.raises(InvalidPhoneNumber):
                phones.parse(each)


def test_a_mobile_number_is_read_in_every_regions_own_notation_and_from_the_wire():
    for each in examples():
        region = phonenumbers.region_code_for_number(each)
        for notation in (each.as_international, each.as_national, each.as_rfc3966):
            assert phones.parse(notation, region) == each, notation
            assert phones.parse(notation.replace(" ", "/"), region) == each, notation
        # Some of these digits are also a national number of Cambodia.
        assert phones.from_wire(phones.digits(each)) == each


def test_a_number_is_of_the_region_and_of_two_readings_the_one_of_a_phone_is_taken():
    for typed, region, expected in (
        ("081 234 5678", "TH", "+66812345678"),
        ("02 1234 5678", "IT", "+390212345678"),
        # It begins like the region's own country code after a zero.
        ("066 123 4567", "TH", "+66661234567"),
        # Its groups could be two short numbers.
        ("27 12 34 56", "LU", "+35227123456"),
        # With a country code, the region does not matter.
        ("+855 77 696 118", "US", NUMBER),
        ("0085577696118", "TH", NUMBER),
        ("+1 202-555-0123", "KH", "+12025550123"),
        # Solomon Islands' +677 22123 is a land line.
        ("00 67 722 123", "KH", "+85567722123"),
        # Without the plus sign, these are also land lines of the same country.
        ("62899474755", "ID", "+62899474755"),
        ("4915513510985", "DE", "+4915513510985"),
    ):
        assert phones.e164(phones.parse(typed, region)) == expected, typed


def test_the_region_is_a_setting_and_the_sites_format_does_not_matter(settings):
    settings.PHONENUMBER_DEFAULT_FORMAT = "NATIONAL"
    settings.PLASGATE_IP_DEFAULT_REGION = "TH"

    assert phones.e164(phones.parse("081 234 5678")) == "+66812345678"
    parsed = phones.parse(number(NUMBER))
    assert (phones.digits(parsed), phones.e164(parsed)) == (DIGITS, NUMBER)
    for invalid in (PhoneNumber(raw_input="077"), phones.Number.from_string("+855123")):
        with pytest.raises(InvalidPhoneNumber):
            phones.parse(invalid)
    assert phones.parse(phones.Number.from_string(f"{NUMBER} ext. 5")).extension is None


def test_an_answer_may_write_the_number_in_several_ways():
    for answered in (f" {DIGITS} ", NUMBER, "077696118", "855077696118", "0855 77696118"):
        assert phones.e164(phones.from_wire(answered)) == NUMBER, answered
    # A national number belongs to the region of the number asked for.
    assert phones.e164(phones.from_wire("081 234 5678", "TH")) == "+66812345678"
    assert phones.e164(phones.from_wire(DIGITS, "TH")) == NUMBER


def test_an_answer_is_read_as_strictly_as_typed_text():
    for answered in ("", "1", "anonymous", DIGITS + ";ext=5", "8" * 41):
        with pytest.raises(InvalidPhoneNumber):
            phones.from_wire(answered)


@settings(deadline=None)
@given(st.text(max_size=50))
def test_every_text_is_a_valid_number_or_refused(typed):
    try:
        parsed = phones.parse(typed)
    except InvalidPhoneNumber:
        return
    assert parsed.is_valid()
    letters = {each for each in typed if unicodedata.category(each).startswith("L")}
    # These look like dashes.
    assert letters <= {"\u30fc", "\uff70"} or typed.strip().lower().startswith("tel:")


def test_a_possible_number_is_read_from_every_side_if_the_setting_says_so(settings):
    for expected, ways in (
        ("+85520123456", ["020 123 456", "855 20 123 456", "0855 20 123 456"]),
        ("+999012345678", ["+999012345678", "999012345678", "00999 012 345 678"]),
        # Where one reading is valid, merely possible ones do not make the number ambiguous.
        ("+85599912345", ["99 912 345"]),
    ):
        settings.PLASGATE_IP_NUMBER_VALIDATION = "possible"
        # A site's own field keeps a number that phonenumbers can't read as raw text.
        for typed in [*ways, PhoneNumber(raw_input=expected)]:
            parsed = phones.parse(typed)
            assert str(parsed) == phones.e164(parsed) == expected
            assert phones.parse(parsed) == phones.from_wire(phones.digits(parsed)) == parsed
            assert repr(parsed) == f"<Number {phones.mask(parsed)}>"
        settings.PLASGATE_IP_NUMBER_VALIDATION = "valid"
        assert parsed.is_valid() is (expected == "+85599912345")


def test_a_number_of_the_wrong_length_is_not_even_possible(settings):
    settings.PLASGATE_IP_NUMBER_VALIDATION = "possible"

    # A digit is missing or added; a service; the stage without a number; two numbers.
    wrong = "077 696 11|077 696 11899|1800 999 999|+80001234567|+99912345|+998|020 123 456/7"
    for typed in wrong.split("|"):
        with pytest.raises(InvalidPhoneNumber):
            phones.parse(typed)


def test_a_mask_shows_enough_to_recognise_ones_own_number():
    for e164, masked in (
        (NUMBER, MASKED),
        ("+12025550123", "+1 202 *** **23"),
        ("+33612345678", "+33 6 ** ** ** 78"),
        # With the first of two groups, or of three short ones, the number could be guessed.
        ("+85251234567", "+852 **** **67"),
        ("+376312345", "+376 *** *45"),
        # One group.
        ("+68531234", "+685 ***34"),
        # A country code that no country has.
        ("+999012345678", "+999 *******78"),
    ):
        assert phones.mask(phones.Number.from_string(e164)) == masked
    for value in ("", None, PhoneNumber(raw_input="077 696 118 abc"), NUMBER):
        assert phones.mask(value) == ""
    assert repr(phones.Number(raw_input="077 696 118 abc")) == "<Number ***>"


def test_a_mask_hides_at_least_four_digits_in_every_region():
    for each in examples():
        masked = phones.mask(each)

        national = phonenumbers.national_significant_number(each)
        assert masked.count("*") >= min(4, len(national) - 2), masked
        assert masked.startswith(f"+{each.country_code} ")
        assert masked.endswith(national[-2:])


def is_accepted(text: str) -> bool:
    try:
        return bool(phones.accept(text) == phones.parse(text))
    except RegionNotAccepted:
        return False


def test_a_number_of_another_region_may_not_start(settings):
    for settings.PLASGATE_IP_REGIONS, text, accepted in (
        (None, "+84 91 234 56 78", True),
        (["KH"], "077 696 118", True),
        (["KH"], "+84 91 234 56 78", False),
        (["TH", "VN"], "+84 91 234 56 78", True),
        # These share +1 and +44.
        (["US"], "+1 201 555 0123", True),
        (["US"], "+1 604 555 0123", False),
        (["GB"], "+44 7797 712345", False),
        (["JE"], "+44 7797 712345", True),
        # In no region: satellite phones.
        (["KH"], "+881 612 345 678", False),
    ):
        assert is_accepted(text) is accepted, text


def test_a_number_that_is_only_possible_may_belong_to_each_region_of_its_code(settings):
    settings.PLASGATE_IP_NUMBER_VALIDATION = "possible"
    settings.PLASGATE_IP_REGIONS = ["CA", "KH"]

    for text in ("+1 222 555 0123", "+999 123456"):
        assert is_accepted(text), text
    assert not is_accepted("+84991234567")


def test_the_example_is_a_number_of_the_site(settings):
    for settings.PLASGATE_IP_REGIONS, settings.PLASGATE_IP_DEFAULT_REGION, shown in (
        (None, "KH", "091 234 567"),
        (["KH", "TH"], "KH", "091 234 567"),
        (["TH", "KH"], "KH", "+66 81 234 5678"),
        (None, "TA", "8999"),
    ):
        assert phones.example() == shown


def test_the_prefix_tells_the_operator(monkeypatch):
    for stored, operator in (
        ("+85577696118", "Cellcard"),
        ("+85510345678", "Smart"),
        ("+85597345678", "Metfone"),
        # No mobile prefix, and a country where people keep their number.
        ("+85523345678", ""),
        ("+66812345678", ""),
    ):
        assert phones.operator(number(stored)) == operator
    assert phones.operator("") == ""
    # Each name fits the column.
    monkeypatch.setattr(carrier, "safe_display_name", lambda *_: "x" * 99)
    assert phones.operator(number(NUMBER)) == "x" * phones.MAX_OPERATOR


def test_each_regions_example_can_be_typed_and_read_again_as_it_is_filled_in(settings):
    assert phones.typed(phones.parse(NUMBER)) == "077 696 118"
    assert phones.typed(phones.parse("+66812345678")) == "+66812345678"
    for written in (phones.typed, phones.e164, phones.digits):
        assert repr(written(phones.parse(NUMBER))) == "'***'"
    for settings.PLASGATE_IP_DEFAULT_REGION in phonenumbers.SUPPORTED_REGIONS:
        typed = phones.parse(phones.example())
        assert phones.parse(phones.typed(typed)) == typed, typed
