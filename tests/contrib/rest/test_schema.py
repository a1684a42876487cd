"""What drf-spectacular makes of the endpoints."""

from importlib import reload
from typing import Any
from unittest import mock

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from django_plasgate_ip import responses
from django_plasgate_ip.contrib.rest import errors, schema, urls
from django_plasgate_ip.contrib.rest.serializers import CompleteSerializer
from django_plasgate_ip.reasons import Reason, Status
from django_plasgate_ip.testing import make_verification

BASE = "/api/phone/"


@pytest.fixture
def documented(capsys: Any) -> Any:
    found = SchemaGenerator().get_schema(request=None, public=True)
    validate_schema(found)
    assert capsys.readouterr().err == ""  # neither a warning nor an error
    return found


def test_each_request_response_and_header_is_documented(documented):
    start = documented["paths"][BASE]["post"]
    complete = documented["paths"][f"{BASE}{{id}}/complete/"]["post"]
    detail = documented["paths"][f"{BASE}{{id}}/"]["get"]
    parts = documented["components"]["schemas"]

    assert set(start["responses"]) == {"201", "400", "401", "403", "429"}
    assert set(complete["responses"]) == {"200", "202", "400", "401", "403", "404", "429"}
    assert set(detail["responses"]) == {"200", "401", "403", "404", "429"}
    assert list(parts["PlasGateIPStart"]["properties"]) == ["phone_number"]
    assert parts["PlasGateIPComplete"]["required"] == ["handle"]
    started = parts["PlasGateIPStarted"]["properties"]
    assert set(started) == {"id", "authorize_url", "redirect_uri", "handle"}
    (header,) = (each for each in detail["parameters"] if each["in"] == "header")
    assert (header["name"], header.get("required", False)) == ("X-Verification-Handle", False)
    assert "Retry-After" in start["responses"]["429"]["headers"]


@pytest.mark.django_db
def test_the_codes_and_the_fields_are_those_of_the_code(documented):
    parts = documented["components"]["schemas"]

    fields = parts["PlasGateIPVerification"]["properties"]
    assert set(fields) == set(responses.verification_json(make_verification()))
    assert "phone_number" in parts["PlasGateIPStartErrors"]["properties"]
    assert set(parts["PlasGateIPCompleteErrors"]["properties"]) > set(CompleteSerializer().fields)
    listed = [part["enum"] for part in parts.values() if "enum" in part]
    for values in (errors.CODES, Reason.values, Status.values):
        assert list(values) in listed


def test_a_site_without_drf_spectacular_needs_no_schema():
    with mock.patch("importlib.util.find_spec", return_value=None):
        assert len(reload(urls).urlpatterns) == 3
    assert reload(urls).schema is schema
