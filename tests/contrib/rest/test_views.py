"""The endpoints by HTTP, without a cookie."""

import sys
from importlib import reload
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import Http404
from django.urls import include, path
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.test import APIClient

from django_plasgate_ip import flow, responses
from django_plasgate_ip.contrib import rest
from django_plasgate_ip.contrib.rest import errors, serializers, views
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.testing import make_verification
from tests.contrib.rest.conftest import Site, app_of
from tests.visitor import MASKED, TYPED, newest, outcome

pytestmark = pytest.mark.django_db

START = "/api/phone/"
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


def test_an_app_starts_completes_and_reads_without_a_cookie(
    user, plasgate_ip, settings, monkeypatch
):
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
    assert detail.json() == ended.json()
    assert set(ended.json()) == set(responses.verification_json(row))
    assert ended.json()["phone_number"] == MASKED
    for response in (started, ended, detail):
        assert response.headers["Cache-Control"].count("no-store") == 1
        assert not response.cookies
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
    ("body", "expected"),
    [
        ({"phone_number": "12"}, {"phone_number": ["invalid"]}),
        ({"phone_number": ""}, {"phone_number": ["required"]}),
        ({"phone_number": None}, {"phone_number": ["null"]}),
        ({"phone_number": 77696118}, {"phone_number": ["not_text"]}),
        ({}, {"phone_number": ["required"]}),
        ([], {"detail": ["invalid"]}),
        ("{", {"detail": ["parse_error"]}),
        ("[" * 99999, {"detail": ["parse_error"]}),
    ],
    ids=lambda case: str(case)[:60],
)
def test_an_invalid_start_names_the_field(user, body, expected):
    response = post(app_of(user), START, body)

    assert response.status_code == 400
    assert codes(response) == expected
    assert not PhoneVerification.objects.exists()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"handle": ""}, {"handle": ["blank"]}),
        ({"code": ""}, {"code": ["required"]}),
        ({"code": "", "state": ""}, {"code": ["required"], "state": ["required"]}),
        ({"state": "s" * 4097}, {"state": ["max_length"]}),
        ({"code": "a\0b"}, {"code": ["null_characters_not_allowed"]}),
        ({"code": "\ud800"}, {"code": ["surrogate_characters_not_allowed"]}),
        ({"code": {"a": 1}}, {"code": ["invalid"]}),
        ({"code": "a\nb"}, {"detail": ["invalid_callback"]}),
    ],
    ids=str,
)
def test_an_invalid_completion_changes_nothing(user, plasgate_ip, changes, expected):
    started = start(app_of(user)).json()

    response = complete(app_of(user), started, **changes)

    assert response.status_code == 400
    assert codes(response) == expected
    assert outcome() == ("pending", "")
    assert plasgate_ip.calls == []


def test_a_handle_is_useless_to_others_and_without_it(user, other_user, plasgate_ip, settings):
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    owned, nobodys = start(app_of(user)).json(), start(app_of(None)).json()

    refused = [
        complete(app_of(other_user), owned),
        complete(app_of(None), owned),
        complete(app_of(user), owned, handle=nobodys["handle"]),
        complete(app_of(user), nobodys),
        complete(app_of(user), owned | {"id": "00000000-0000-4000-8000-000000000000"}),
        app_of(other_user).get(f"{START}{owned['id']}/"),
        app_of(None).get(f"{START}{nobodys['id']}/"),
        app_of(user).get(f"{START}{nobodys['id']}/"),
    ]

    assert {(each.status_code, each.content) for each in refused} == {(404, refused[0].content)}
    assert codes(refused[0]) == {"detail": ["not_found"]}
    with_handle = {"X-Verification-Handle": nobodys["handle"]}
    found = app_of(None).get(f"{START}{nobodys['id']}/", headers=with_handle)
    assert found.json()["status"] == "pending"
    assert complete(app_of(None), nobodys).json()["status"] == "verified"
    assert PhoneVerification.objects.get(pk=nobodys["id"]).user is None


def test_anonymous_and_forbidden_requests_are_refused(user, settings):
    pk = make_verification(user).pk
    for anonymous in (None, User(username="nobody")):
        for response in (
            start(app_of(anonymous)),
            complete(app_of(anonymous), {"id": pk, "handle": "h"}),
            app_of(anonymous).get(f"{START}{pk}/"),
        ):
            assert response.status_code == 401
            assert response["WWW-Authenticate"]
            code = "authentication_failed" if anonymous else "not_authenticated"
            assert codes(response) == {"detail": [code]}
    # A browser's session needs the CSRF token, as with any view of the framework.
    browser = app_of(None)
    browser.force_login(user)
    forged = start(browser)
    assert (forged.status_code, codes(forged)) == (403, {"detail": ["permission_denied"]})
    assert codes(app_of(user).get(START)) == {"detail": ["method_not_allowed"]}
    assert codes(app_of(user).get(START, headers={"accept": "text/html"})) == {
        "detail": ["not_acceptable"]
    }
    sent = app_of(user).post(START, "a", content_type="text/plain")
    assert codes(sent) == {"detail": ["unsupported_media_type"]}
    with mock.patch.object(views.StartView, "authentication_classes", []):
        assert start(app_of(user)).status_code == 403


def test_a_limit_and_a_throttle_of_the_site_answer_429(user, settings, monkeypatch):
    settings.PLASGATE_IP_MAX_STARTS_PER_USER = 1
    start(app_of(user))

    limited = start(app_of(user))
    assert limited.status_code == 429
    assert codes(limited) == {"detail": ["too_many_starts"]}
    assert 3590 < int(limited["Retry-After"]) <= 3600
    assert limited.json()["detail"][0]["message"].startswith("Too many attempts. Please")

    throttle = mock.Mock(allow_request=lambda *args: False, wait=lambda: 7)
    monkeypatch.setattr(views.DetailView, "throttle_classes", [lambda: throttle])
    throttled = app_of(user).get(f"{START}{newest().pk}/")
    assert (throttled.status_code, throttled["Retry-After"]) == (429, "7")
    assert codes(throttled) == {"detail": ["throttled"]}


def test_a_verification_that_another_request_completes_answers_202(user, plasgate_ip):
    started = start(app_of(user)).json()
    row = newest()
    assert row.transition(status="exchanging", exchanging_at=row.created_at)

    response = complete(app_of(user), started)

    assert (response.status_code, response.json()["status"]) == (202, "exchanging")


def test_scopes_without_a_number_ignore_it(user, plasgate_ip, settings):
    settings.PLASGATE_IP_SCOPES = ["mobile_id"]

    assert start(app_of(user), phone_number=12).status_code == 201
    assert plasgate_ip.verify_for_app(app_of(user)).verification.mobile_id
    assert newest().nonce == ""


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
    started = post(app_of(user), "/v1/", {"phone_number": TYPED}).json()
    body = COMMON | {"handle": started["handle"]}

    assert post(app_of(user), f"/v1/{started['id']}/complete/", body).status_code == 200
    assert app_of(user).get(f"/v1/{started['id']}/").json()["status"] == "verified"


def test_a_bodys_repr_has_nothing_of_the_body():
    for kind in (serializers.StartSerializer, serializers.CompleteSerializer):
        assert repr(kind(data=COMMON | {"phone_number": TYPED})) == f"<{kind.__name__}>"


def test_the_folder_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "rest_framework", None)

    with pytest.raises(ImportError, match=r"pip install 'django-plasgate-ip\[rest\]'"):
        reload(rest)
