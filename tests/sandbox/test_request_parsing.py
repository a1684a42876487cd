"""The values that the two endpoints accept, and the errors for all others."""

import pytest
from django.test import RequestFactory

from django_plasgate_ip.sandbox import request_parsing
from django_plasgate_ip.sandbox.request_parsing import Refused, UnusableNumber

NUMBER = "85577696118"


@pytest.mark.parametrize(
    ("read", "query", "message"),
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
        *(
            (request_parsing.requested_scopes, query, "at least one of phone_verify")
            for query in ({}, {"scope": "phone email"})
        ),
    ],
)
def test_any_other_redirect_uri_or_scope_is_a_bad_request(read, query, message):
    with pytest.raises(Refused, match=message) as caught:
        read(query)

    assert caught.value.status == 400
    assert "email" not in str(caught.value)


@pytest.mark.parametrize(
    ("query", "scope", "number"),
    [
        ({"phone_number": NUMBER, "login_hint": ""}, "phone_verify", NUMBER),
        ({"phone_number": NUMBER, "login_hint": NUMBER}, "phone_verify", NUMBER),
        # No scope needs it.
        ({}, "phone", ""),
    ],
)
def test_a_number_has_either_name_or_both(query, scope, number):
    assert request_parsing.phone_number(query, [scope]) == number


@pytest.mark.parametrize(
    ("query", "scope", "error"),
    [
        ({}, "phone_verify", "login_hint is required"),
        ({"phone_number": NUMBER, "login_hint": "85577696199"}, "phone_verify", "differ"),
        ({"phone_number": "+85577696118"}, "phone_verify", "must be digits"),
        ({"phone_number": "៨៥៥៧៧៦៩៦១១៨"}, "phone_verify", "must be digits"),
        ({"phone_number": "0776961"}, "mobile_id", "must be digits"),
    ],
)
def test_any_other_number_is_unusable(query, scope, error):
    with pytest.raises(UnusableNumber, match=error):
        request_parsing.phone_number(query, [scope])


def test_members_that_are_not_text_count_as_missing():
    body = {"code": 7, "state": "a state"}
    request = RequestFactory().post("/", body, content_type="application/json")

    assert request_parsing.json_body(request) == {"state": "a state"}


@pytest.mark.parametrize("body", [b"code=1", b"[]"])
def test_a_body_that_is_not_a_json_object_is_a_bad_request(body):
    request = RequestFactory().post("/", body, content_type="application/json")

    with pytest.raises(Refused, match="JSON object") as caught:
        request_parsing.json_body(request)

    assert caught.value.status == 400
