"""Properties of phone numbers: what is accepted, and how it is written."""

from contextlib import suppress
from typing import Any

import phonenumbers
from hypothesis import strategies as st

from django_plasgate_ip import phones
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from tests.hostile.conftest import Examples
from tests.visitor import NUMBER

TYPED_TEXTS = st.one_of(
    st.text(),
    st.text("0123456789+-./() ០១២៣៤៥៦៧៨៩\u200b\xa0", max_size=45),
    st.from_regex(r"\+?[0-9 ()-]{3,20}(;ext=[0-9]+|abc)?", fullmatch=True),
)
REGIONS = st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS))


@st.composite
def valid_numbers(draw: st.DrawFn) -> Any:
    """Return a region's example number, with other last digits where that is valid."""
    example: Any = phonenumbers.example_number(draw(REGIONS))
    national = str(example.national_number)
    tail = draw(st.text("0123456789", min_size=1, max_size=4))
    changed = f"+{example.country_code}{national[: -len(tail)]}{tail}"
    for text in (changed, phonenumbers.format_number(example, 0)):
        with suppress(InvalidPhoneNumber):
            return phones.parse(text)
    return phones.parse(NUMBER)


def test_every_text_is_a_valid_number_or_rejected(examples: Examples) -> None:
    @examples(text=TYPED_TEXTS, region=REGIONS)
    def check(text: str, region: str) -> None:
        for read_number in (phones.parse, phones.from_wire, lambda t: phones.parse(t, region)):
            with suppress(InvalidPhoneNumber):
                number = read_number(text)
                assert number.is_valid()
                assert not number.extension
                assert phones.parse(phones.e164(number)) == number
                assert phones.digits(number).isdecimal()


def test_each_format_of_a_number_parses_to_that_number(examples: Examples) -> None:
    @examples(number=valid_numbers())
    def check(number: Any) -> None:
        assert phones.from_wire(phones.digits(number)) == number
        assert phones.parse(phones.e164(number)) == number
        assert phones.parse(number) == number
        assert phones.parse(str(number.as_international)) == number
