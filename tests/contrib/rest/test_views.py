"""The endpoints by HTTP, without a cookie."""

import json
import sys
from importlib import reload
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import Http404
from django.urls import include, path
from django.utils import timezone
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.test import APIClient
from rest_framework.utils.encoders import JSONEncoder

from django_plasgate_ip import flow, responses
from django_plasgate_ip.contrib import rest
from django_plasgate_ip.contrib.rest import errors, serializers, views
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.testing import make_verification
from tests.contrib.rest.conftest import Site, app_of
from tests.visitor import TYPED, newest

pytestmark = pytest.mark.django_db

START = "/api/phone/"
COMPLETE = f"{START}00000000-0000-4000-8000-000000000000/complete/"
COMMON = {"handle": "h", "code": "c", "state": "s"}


def post(client: Any, path: str, body: Any) -> Any:
    return client.post(path, body, content_type="application/json")


def start(client: Any, **fields: Any) -> Any:
    return post(client, START, {"phone_number": TYPED} | fields)


def complete(client: Any, started: Any, **changes: Any) -> Any:
    body = COMMON | {"handle": started["handle"]} | changes
    return post(client, f"{START}{started['id']}/complete/", body)


def codes(response: Any) -> dict[str, list[str]]:
    """Return the codes of an error, whose whole form is checked."""
    assert response["Content-Type"] == "application/json"
    assert "no-store" in response["Cache-Control"]
    for details in response.json().values():
        assert all(set(each) == {"message", "code"} for each in details)
        assert {each["code"] for each in details} <= set(errors.CODES)
    return {name: [each["code"] for each in found] for name, found in response.json().items()}


def test_an_app_verifies_and_reads_without_a_cookie(user, plasgate_ip, settings, monkeypatch):
    login_required = "django.contrib.auth.middleware.LoginRequiredMiddleware"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, login_required]
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    client = app_of(user)

    started = start(client)
    assert started.status_code == 201
    assert set(started.json()) == {"id", "authorize_url", "redirect_uri", "handle"}
    assert started.json()["redirect_uri"] == "http://testserver/phone/callback/"
    ended = complete(client, started.json())

    row = newest()
    assert (ended.status_code, row.user, row.status) == (200, user, "verified")
    detail = client.get(f"{START}{row.pk}/")
    shown = JSONEncoder().encode(responses.verification_json(row))
    assert detail.json() == ended.json() == json.loads(shown)
    for response in (started, ended, detail):
        assert response.headers["Cache-Control"].count("no-store") == 1
    assert not client.cookies


def test_the_testing_kit_walks_both_clients_for_each_outcome(user, plasgate_ip, settings):
    settings.PLASGATE_IP_MAX_STARTS_PER_NUMBER = None
    drf: Any = APIClient()
    drf.credentials(**app_of(user).defaults)
    for client in (app_of(user), drf):
        plasgate_ip.verifies(TYPED)
        result = plasgate_ip.verify_for_app(client)
        assert (result.verification.user, result.response.status_code) == (user, 200)
        for reason in ("not_on_mobile_data", "number_mismatch", "provider_denied"):
            result = plasgate_ip.fails(reason).verify_for_app(client, TYPED)
            assert (result.verification.reason, result.response.json()["reason"]) == (reason,) * 2

    with pytest.raises(AssertionError, match=r"401\. Give the client a token"):
        plasgate_ip.verify_for_app(app_of(None))
    with pytest.raises(AssertionError, match=r"400\. This is not a phone number"):
        plasgate_ip.verify_for_app(app_of(user), "12")
    with (
        mock.patch.object(flow, "complete_for_app", side_effect=Http404),
        pytest.raises(AssertionError, match=r"complete/ answered 404"),
    ):
        plasgate_ip.verify_for_app(app_of(user))


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (START, {"phone_number": "12"}, {"phone_number": ["invalid"]}),
        (START, {"phone_number": ""}, {"phone_number": ["required"]}),
        (START, {"phone_number": None}, {"phone_number": ["null"]}),
        (START, {"phone_number": 77696118}, {"phone_number": ["not_text"]}),
        (START, {}, {"phone_number": ["required"]}),
        (START, [], {"detail": ["invalid"]}),
        (START, "{", {"detail": ["parse_error"]}),
        (START, "[" * 99999, {"detail": ["parse_error"]}),
        (COMPLETE, COMMON | {"handle": ""}, {"handle": ["blank"]}),
        (COMPLETE, COMMON | {"code": ""}, {"code": ["required"]}),
        (COMPLETE, {"handle": "h", "state": ""}, {"code": ["required"], "state": ["required"]}),
        (COMPLETE, COMMON | {"state": "s" * 4097}, {"state": ["max_length"]}),
        (COMPLETE, COMMON | {"code": "a\0b"}, {"code": ["null_characters_not_allowed"]}),
        (COMPLETE, COMMON | {"code": "\ud800"}, {"code": ["surrogate_characters_not_allowed"]}),
        (COMPLETE, COMMON | {"code": {"a": 1}}, {"code": ["invalid"]}),
    ],
    ids=lambda case: str(case)[:60],
)
def test_an_invalid_body_names_the_field(user, path, body, expected):
    response = post(app_of(user), path, body)

    assert (response.status_code, codes(response)) == (400, expected)
    assert not PhoneVerification.objects.exists()


def test_a_handle_is_useless_to_others(user, other_user, plasgate_ip, settings):
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    owned, nobodys = start(app_of(user)).json(), start(app_of(None)).json()
    detail = f"{START}{nobodys['id']}/"

    refused = [complete(app_of(other_user), owned), app_of(None).get(detail)]
    assert {(each.status_code, each.content) for each in refused} == {(404, refused[0].content)}
    assert codes(refused[0]) == {"detail": ["not_found"]}

    malformed = complete(app_of(user), owned, code="a\nb")
    assert (malformed.status_code, codes(malformed)) == (400, {"detail": ["invalid_callback"]})
    found = app_of(None).get(detail, headers={"X-Verification-Handle": nobodys["handle"]})
    assert found.json()["status"] == "pending"
    assert complete(app_of(None), nobodys).json()["status"] == "verified"


def test_anonymous_requests_are_refused(user):
    pk = make_verification(user).pk
    unknown = User(username="nobody")
    for sender, code in ((None, "not_authenticated"), (unknown, "authentication_failed")):
        client = app_of(sender)
        for response in (
            start(client),
            complete(client, {"id": pk, "handle": "h"}),
            client.get(f"{START}{pk}/"),
        ):
            assert (response.status_code, codes(response)) == (401, {"detail": [code]})
            assert response["WWW-Authenticate"]


def test_what_the_framework_refuses_has_a_documented_code(user):
    client, browser = app_of(user), app_of(None)
    browser.force_login(user)

    for code, response in {
        "permission_denied": start(browser),  # a session needs the CSRF token
        "method_not_allowed": client.get(START),
        "not_acceptable": client.get(START, headers={"accept": "text/html"}),
        "unsupported_media_type": client.post(START, "a", content_type="text/plain"),
    }.items():
        assert codes(response) == {"detail": [code]}


def test_a_limit_and_a_throttle_of_the_site_answer_429(user, settings, monkeypatch):
    settings.PLASGATE_IP_MAX_STARTS_PER_USER = 1
    start(app_of(user))

    limited = start(app_of(user))
    assert (limited.status_code, codes(limited)) == (429, {"detail": ["too_many_starts"]})
    assert 3590 < int(limited["Retry-After"]) <= 3600
    assert limited.json()["detail"][0]["message"].startswith("Too many attempts. Please")

    throttle = mock.Mock(allow_request=lambda *args: False, wait=lambda: 7)
    monkeypatch.setattr(views.DetailView, "throttle_classes", [lambda: throttle])
    throttled = app_of(user).get(f"{START}{newest().pk}/")
    assert (throttled["Retry-After"], codes(throttled)) == ("7", {"detail": ["throttled"]})


def test_a_verification_that_another_request_completes_answers_202(user, plasgate_ip):
    started = start(app_of(user)).json()
    PhoneVerification.objects.update(status="exchanging", exchanging_at=timezone.now())

    response = complete(app_of(user), started)

    assert (response.status_code, response.json()["status"]) == (202, "exchanging")


def test_scopes_without_a_number_ignore_it(user, plasgate_ip, settings):
    settings.PLASGATE_IP_SCOPES = ["mobile_id"]

    assert start(app_of(user), phone_number=12).status_code == 201
    assert plasgate_ip.verify_for_app(app_of(user)).verification.mobile_id


def test_a_framework_without_an_anonymous_user_object_works(user, plasgate_ip, settings):
    settings.REST_FRAMEWORK = {"UNAUTHENTICATED_USER": None}
    assert start(app_of(None)).status_code == 401
    settings.PLASGATE_IP_LOGIN_REQUIRED = False

    assert plasgate_ip.verify_for_app(app_of(None)).verification.status == "verified"


def test_the_body_of_an_authentications_own_error_keeps_its_code():
    error = APIException({"detail": "Expired.", "code": "token_not_valid", "messages": []})
    error.detail["detail"].code = "token_not_valid"

    response = errors.handle(error, {})

    assert response.data == {"detail": [{"message": "Expired.", "code": "token_not_valid"}]}
    listed = errors.handle(ValidationError(["No."], code="invalid"), {})
    assert listed.data == {"detail": [{"message": "No.", "code": "invalid"}]}
    assert errors.handle(ValueError(), {}) is None


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_a_body_is_utf_8_within_the_sites_limits(user, settings, kind):
    client, body = app_of(user), f'{{"phone_number": "{TYPED}"}}'
    if "form" in kind:
        body = f"phone_number={TYPED}"
    assert client.generic("POST", START, body, f"{kind}; charset=utf-16").status_code == 201

    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1
    assert codes(client.generic("POST", START, f"{body}&a=1", kind)) == {"detail": ["parse_error"]}


def test_the_path_of_the_site_may_have_a_version(user, plasgate_ip, settings, monkeypatch):
    urls = include("django_plasgate_ip.contrib.rest.urls")
    monkeypatch.setattr(Site, "urlpatterns", [path("<version>/", urls), *Site.urlpatterns])
    client = app_of(user)
    started = post(client, "/v1/", {"phone_number": TYPED}).json()
    body = COMMON | {"handle": started["handle"]}

    ended = post(client, f"/v1/{started['id']}/complete/", body)
    assert ended.json() == client.get(f"/v1/{started['id']}/").json()


def test_a_bodys_repr_has_nothing_of_the_body():
    for kind in (serializers.StartSerializer, serializers.CompleteSerializer):
        assert repr(kind(data=COMMON | {"phone_number": TYPED})) == f"<{kind.__name__}>"


def test_the_folder_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "rest_framework", None)

    with pytest.raises(ImportError, match=r"pip install 'django-plasgate-ip\[rest\]'"):
        reload(rest)
