"""The values that the two endpoints accept, and the errors for all others."""

from typing import Any

import pytest
from django.test import RequestFactory

from django_plasgate_ip.sandbox import request_parsing
from django_plasgate_ip.sandbox.request_parsing import Refused, UnusableNumber

NUMBER = "85577696118"
HINT = {"login_hint": NUMBER}


def posted(body: Any) -> Any:
    return RequestFactory().post("/", body, content_type="application/json")


@pytest.mark.parametrize(
    ("read", "given", "message"),
    [
        *(
            (request_parsing.redirect_uri, query, "redirect_uri must be")
            for query in (
                {},
                {"redirect_uri": "//shop.example/callback"},
                {"redirect_uri": "javascript:alert(1)"},
                {"redirect_uri": "https://:443/callback"},
                {"redirect_uri": "https://shop.example/callback#part"},
                {"redirect_uri": "https://shop.example/call back\r\nX-Header: 1"},
                {"redirect_uri": "https://shop.example/ទូរសព្ទ"},
            )
        ),
        (request_parsing.requested_scopes, {}, "at least one of phone_verify"),
        (request_parsing.requested_scopes, {"scope": "phone email"}, "at least one of"),
        (request_parsing.json_body, posted(b"code=1"), "JSON object"),
        (request_parsing.json_body, posted(b"[]"), "JSON object"),
    ],
)
def test_any_other_redirect_uri_scope_or_body_is_a_bad_request(read, given, message):
    with pytest.raises(Refused, match=message) as caught:
        read(given)

    assert caught.value.status == 400
    assert "email" not in str(caught.value)


def test_a_number_has_either_name_or_both():
    for query in ({"phone_number": NUMBER, "login_hint": ""}, {"phone_number": NUMBER} | HINT):
        assert request_parsing.phone_number(query, ["phone_verify"]) == NUMBER
    # No scope needs it.
    assert request_parsing.phone_number({}, ["phone"]) == ""


def test_any_other_number_is_unusable():
    for query, error in (
        ({}, "login_hint is required"),
        ({"phone_number": "85577696199"} | HINT, "differ"),
        ({"phone_number": "+85577696118"}, "must be digits"),
        ({"phone_number": "៨៥៥៧៧៦៩៦១១៨"}, "must be digits"),
        ({"phone_number": "0776961"}, "must be digits"),
    ):
        with pytest.raises(UnusableNumber, match=error):
            request_parsing.phone_number(query, ["phone_verify"])


def test_members_that_are_not_text_count_as_missing():
    body = posted({"code": 7, "state": "a state"})

    assert request_parsing.json_body(body) == {"state": "a state"}
