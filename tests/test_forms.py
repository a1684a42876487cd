"""The start page's form, for a site that shows it on a page of its own."""

from django_plasgate_ip.forms import PhoneNumberField, StartForm
from django_plasgate_ip.phones import parse
from tests.visitor import NUMBER, TYPED

NOT_A_NUMBER = "This is not a phone number. Type it like this: 091 234 567"


def test_a_number_is_cleaned_to_a_phone_number_and_next_is_not_an_error_of_the_visitors():
    bad = " //evil.example\r\n\x00"
    form = StartForm({"phone_number": TYPED, "next": bad})

    assert form.is_valid()
    assert form.cleaned_data == {"phone_number": parse(NUMBER), "next": bad}
    # A site may use the field where a number is optional.
    assert PhoneNumberField(required=False).clean("") == ""


def test_any_other_text_is_one_error():
    for typed, message, code in (
        ("  ", "Type your phone number.", "required"),
        (None, "Type your phone number.", "required"),
        ("077", NOT_A_NUMBER, "invalid"),
        (85577696118, "Send the phone number as text, in quotes.", "not_text"),
        (0.0, "Send the phone number as text, in quotes.", "not_text"),
    ):
        errors = StartForm({"phone_number": typed}).errors.get_json_data()
        assert errors == {"phone_number": [{"message": message, "code": code}]}


def test_a_number_of_another_region_has_an_error_of_its_own(settings):
    settings.PLASGATE_IP_REGIONS = ["TH", "KH"]

    form = StartForm({"phone_number": "+84 91 234 56 78"})

    (error,) = form.errors.get_json_data()["phone_number"]
    assert error["code"] == "region_not_accepted"
    assert error["message"].endswith("can't be verified here. Type one like this: +66 81 234 5678")


def test_a_phone_shows_its_number_pad_and_the_field_has_the_focus_only_after_a_mistake():
    mistaken = StartForm({"phone_number": "077"})
    mistaken.add_error(None, "of no field")
    html = str(StartForm()["phone_number"])

    for attribute in ('type="tel"', 'inputmode="tel"', 'autocomplete="tel"'):
        assert attribute in html
    assert "autofocus" in str(mistaken["phone_number"])
    assert "autofocus" not in html


def test_the_form_has_a_number_only_where_the_scopes_need_one(settings):
    settings.PLASGATE_IP_SCOPES = ["ip:phone", "mobile_id"]
    form = StartForm({"phone_number": TYPED})
    assert form.is_valid()
    assert form.cleaned_data == {"next": ""}


def test_text_that_has_no_encoding_is_shown_with_question_marks():
    form = StartForm({"phone_number": "077\ud800", "next": "/\udfff"})

    assert (form["phone_number"].value(), form["next"].value()) == ("077?", "/?")
