"""The start page's form, for a site that shows it on a page of its own."""

from typing import Any

import pytest

from django_plasgate_ip.forms import PhoneNumberField, StartForm
from django_plasgate_ip.phones import parse
from tests.visitor import NUMBER, TYPED


@pytest.mark.parametrize("typed", [TYPED, "+855 77 696 118", "85577696118", " ០៧៧ ៦៩៦ ១១៨ "])
def test_the_typed_number_is_cleaned_to_a_phone_number(typed: str) -> None:
    form = StartForm({"phone_number": typed, "next": "/here/"})

    assert form.is_valid()
    assert form.cleaned_data == {"phone_number": parse(NUMBER), "next": "/here/"}


@pytest.mark.parametrize(
    ("typed", "message", "code"),
    [
        ("", "Type your phone number.", "required"),
        ("   ", "Type your phone number.", "required"),
        (None, "Type your phone number.", "required"),
        ("077", "This is not a phone number. Type it like this: 077 696 118", "invalid"),
        ("077 696 118 x", "This is not a phone number. Type it like this: 077 696 118", "invalid"),
        ("077696118\x00", "This is not a phone number. Type it like this: 077 696 118", "invalid"),
        ("0" * 5000, "This is not a phone number. Type it like this: 077 696 118", "invalid"),
    ],
)
def test_what_is_no_number_is_told_in_one_sentence(
    typed: str | None, message: str, code: str
) -> None:
    form = StartForm({"phone_number": typed})

    assert form.errors.get_json_data() == {"phone_number": [{"message": message, "code": code}]}


def test_a_site_may_use_the_field_where_a_number_is_optional() -> None:
    assert PhoneNumberField(required=False).clean("") == ""


def test_a_phone_shows_its_number_pad_and_offers_the_visitors_own_number() -> None:
    html = str(StartForm()["phone_number"])

    for attribute in ('type="tel"', 'inputmode="tel"', 'autocomplete="tel"', "required"):
        assert attribute in html


@pytest.mark.parametrize("scopes", [["mobile_id"], ["phone"], ["openid", "ip:phone", "mobile_id"]])
def test_no_number_is_asked_for_where_nobody_would_confirm_it(
    settings: Any, scopes: list[str]
) -> None:
    settings.PLASGATE_IP_SCOPES = scopes

    form = StartForm({"phone_number": TYPED})

    assert form.is_valid()
    assert form.cleaned_data == {"next": ""}


@pytest.mark.parametrize(
    "scopes", [["profile"], ["phone", "phone_verify"], ["ip:profile", "phone"]]
)
def test_a_number_is_asked_for_where_somebody_confirms_it(settings: Any, scopes: list[str]) -> None:
    settings.PLASGATE_IP_SCOPES = scopes

    assert not StartForm({}).is_valid()


@pytest.mark.parametrize("url", ["//evil.example", "/\x00", "/a\r\nb", " /here/ ", "a" * 5000])
def test_a_bad_next_is_not_the_visitors_to_mend(url: str) -> None:
    form = StartForm({"phone_number": TYPED, "next": url})

    assert form.is_valid()
    assert form.cleaned_data["next"] == url
