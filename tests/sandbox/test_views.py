"""The sandbox over its real URLs, for a visitor's browser and for a site's server."""

import time
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from django_plasgate_ip.sandbox.answers import changed
from django_plasgate_ip.sandbox.models import AuthorizationCode

CALLBACK = "https://shop.example/phone/callback/"
PRIVATE_KEY = "sandbox-private-key"
SECRET_KEY = "$5$rounds=535000$sandbox$secret-key"
A_UUID = "842b5f93-2c70-4df3-930e-d7cd42516c31"

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(settings: Any) -> Client:
    """Return a client that sends no CSRF token and is not signed in."""
    settings.DEBUG = True
    return Client(enforce_csrf_checks=True)


def start(browser: Client, phone_number: str = "85577696118", **changes: str) -> Any:
    """Open ``authenticate`` as the API page has it."""
    query = {
        "private_key": PRIVATE_KEY,
        "phone_number": phone_number,
        "redirect_uri": CALLBACK,
        "scope": "mobile_id phone_verify",
    }
    return browser.get("/sandbox/authenticate", query | changes)


def query_of(response: Any) -> dict[str, str]:
    """Return the query that the callback gets."""
    assert response.status_code == 302
    return dict(parse_qsl(urlsplit(response["Location"]).query))


def exchange(
    browser: Client,
    callback: dict[str, str],
    *,
    path: str = f"ip-auth?private_key={PRIVATE_KEY}",
    secret: str = SECRET_KEY,
    **changes: Any,
) -> Any:
    """Post the callback's values as the API page has it; None leaves a value out."""
    body = {"response_type": "code", "redirect_uri": CALLBACK}
    return browser.post(
        f"/sandbox/{path}",
        changed(body | {name: callback[name] for name in ("state", "code")}, changes),
        content_type="application/json",
        headers={"X-Secret": secret},
    )


@pytest.mark.parametrize("host", ["https://shop.example", "http://127.0.0.1:8000", "https://[::1]"])
def test_a_redirect_uri_is_kept_byte_for_byte(browser, host):
    uri = f"{host}/callback/%E1%9E%80?next={{x}}|%e1%2F&empty=&flag&a=1&a=2"

    location = start(browser, redirect_uri=uri)["Location"]

    assert location.startswith(uri + "&code=")
    assert f"&{urlencode({'redirect_uri': uri})}&" in location


def test_an_unusable_number_sends_the_browser_back_with_an_error(browser):
    response = start(browser, "077696118", redirect_uri=CALLBACK + "?lang=km")

    assert response["Location"].startswith(CALLBACK + "?lang=km&error=invalid_request&")
    callback = query_of(response)
    assert set(callback) == {"lang", "error", "error_description"}
    assert "must be digits" in callback["error_description"]


def test_a_refused_start_redirects_nowhere(browser):
    for name, value, status in (("private_key", "x", 403), ("redirect_uri", "javascript:1", 400)):
        response = start(browser, **{name: value})
        assert (response.status_code, response.has_header("Location")) == (status, False)
        assert response.json()["error_description"].startswith(name)


def test_21_is_denied_and_26_stays_on_the_operators_page(browser):
    assert query_of(start(browser, "85577696121")) == {
        "error": "access_denied",
        "error_description": "The user denied the request",
    }
    stayed = start(browser, "85577696126")
    assert stayed.status_code == 200
    assert b"This operator never sends anybody back." in stayed.content


def test_a_code_is_exchanged_for_the_answer_once(browser):
    as_ios_has_it = {"path": "ip-auth", "private_key": PRIVATE_KEY}
    for place in ({}, {"path": f"check-info?private_key={PRIVATE_KEY}"}, as_ios_has_it):
        callback = query_of(start(browser, "85577696199", scope="phone_verify"))

        answer = exchange(browser, callback, **place).json()
        again = exchange(browser, callback)

        assert (answer["status"], answer["login_hint"]) == ("success", "85577696199"), place
        assert again.status_code == 403
        assert "used" in again.json()["error_description"]


@pytest.mark.django_db(transaction=True)
def test_24_answers_late_without_an_open_transaction(browser, monkeypatch):
    slept = []
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    monkeypatch.setattr(
        time, "sleep", lambda seconds: slept.append((seconds, connection.in_atomic_block))
    )
    response = exchange(browser, query_of(start(browser, "85577696124")))

    assert slept == [(30, False)]
    assert response.json()["status"] == "success"


@pytest.mark.parametrize(
    ("changes", "error", "status_after"),
    [
        ({"path": "ip-auth"}, "private_key", 200),
        ({"path": "ip-auth?private_key=x", "private_key": PRIVATE_KEY}, "private_key", 200),
        ({"secret": "another"}, "X-Secret", 200),
        ({"response_type": "token"}, "response_type", 200),
        ({"code": None}, "code", 200),
        ({"code": ".".join([A_UUID] * 3)}, "code", 200),
        ({"state": A_UUID}, "state", 403),
        ({"redirect_uri": CALLBACK + "?"}, "redirect_uri", 403),
    ],
)
def test_only_a_wrong_state_or_redirect_uri_spends_the_code_of_a_refused_exchange(
    browser, changes, error, status_after
):
    callback = query_of(start(browser))
    response = exchange(browser, callback, **changes)

    assert response.status_code == 403
    assert error in response.json()["error_description"]
    assert exchange(browser, callback).status_code == status_after


@pytest.mark.parametrize(("age", "status"), [(4, 200), (5, 403)])
def test_a_code_can_be_spent_for_five_minutes(browser, age, status):
    callback = query_of(start(browser))
    AuthorizationCode.objects.update(created_at=timezone.now() - timedelta(minutes=age))

    assert str(AuthorizationCode.objects.get()) == callback["state"]
    assert exchange(browser, callback).status_code == status


def test_without_debug_there_is_no_sandbox(browser, settings):
    settings.DEBUG = False

    assert browser.get("/sandbox/authenticate").status_code == 404
    assert browser.post("/sandbox/ip-auth").status_code == 404


def test_login_required_middleware_lets_it_through(browser, settings):
    required = "django.contrib.auth.middleware.LoginRequiredMiddleware"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, required]

    assert exchange(browser, query_of(start(browser))).json()["status"] == "success"
