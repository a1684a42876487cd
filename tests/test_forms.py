"""The start page's form, for a site that shows it on a page of its own."""

import pytest

from django_plasgate_ip.forms import PhoneNumberField, StartForm
from django_plasgate_ip.phones import parse
from tests.visitor import NUMBER, TYPED

NOT_A_NUMBER = "This is not a phone number. Type it like this: 091 234 567"


@pytest.mark.parametrize("typed", [TYPED, " ០៧៧ ៦៩៦ ១១៨ "])
def test_the_typed_number_is_cleaned_to_a_phone_number(typed):
    form = StartForm({"phone_number": typed, "next": "/here/"})

    assert form.is_valid()
    assert form.cleaned_data == {"phone_number": parse(NUMBER), "next": "/here/"}


@pytest.mark.parametrize(
    ("typed", "message", "code"),
    [
        ("  ", "Type your phone number.", "required"),
        (None, "Type your phone number.", "required"),
        ("077", NOT_A_NUMBER, "invalid"),
        (85577696118, "Send the phone number as text, in quotes.", "not_text"),
        (0.0, "Send the phone number as text, in quotes.", "not_text"),
    ],
)
def test_any_other_text_is_one_error(typed, message, code):
    form = StartForm({"phone_number": typed})

    assert form.errors.get_json_data() == {"phone_number": [{"message": message, "code": code}]}


def test_a_number_of_another_region_has_an_error_of_its_own(settings):
    settings.PLASGATE_IP_REGIONS = ["TH", "KH"]
    form = StartForm({"phone_number": "+84 91 234 56 78"})

    (error,) = form.errors.get_json_data()["phone_number"]
    assert error["code"] == "region_not_accepted"
    assert error["message"].endswith("can't be verified here. Type one like this: +66 81 234 5678")
    assert StartForm({"phone_number": "+66 81 234 5678"}).is_valid()


def test_a_site_may_use_the_field_where_a_number_is_optional():
    assert PhoneNumberField(required=False).clean("") == ""


def test_a_phone_shows_its_number_pad_and_offers_the_visitors_own_number():
    html = str(StartForm()["phone_number"])

    for attribute in ('type="tel"', 'inputmode="tel"', 'autocomplete="tel"'):
        assert attribute in html


def test_the_field_has_the_focus_only_after_a_mistake():
    form = StartForm({"phone_number": "077"})
    form.add_error(None, "of no field")

    assert "autofocus" in str(form["phone_number"])
    assert "autofocus" not in str(StartForm()["phone_number"])


def test_the_form_has_a_number_only_where_the_scopes_need_one(settings):
    settings.PLASGATE_IP_SCOPES = ["ip:phone", "mobile_id"]
    form = StartForm({"phone_number": TYPED})
    assert form.is_valid()
    assert form.cleaned_data == {"next": ""}

    settings.PLASGATE_IP_SCOPES = ["ip:profile", "phone"]
    assert not StartForm({}).is_valid()


def test_a_bad_next_is_not_an_error_of_the_visitors():
    form = StartForm({"phone_number": TYPED, "next": " //evil.example\r\n\x00"})

    assert form.is_valid()
    assert form.cleaned_data["next"] == " //evil.example\r\n\x00"


def test_text_that_has_no_encoding_is_shown_with_question_marks():
    form = StartForm({"phone_number": "077\ud800", "next": "/\udfff"})

    assert form["phone_number"].value() == "077?"
    assert form["next"].value() == "/?"
