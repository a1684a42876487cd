"""The sandbox over its real URLs, as the visitor's browser and the site's server meet it."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.apps import apps
from django.core.checks import registry, run_checks
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from django_plasgate_ip.sandbox.magic_numbers import Outcome
from django_plasgate_ip.sandbox.models import AuthorizationCode

CALLBACK = "https://shop.example/phone/callback/"
PRIVATE_KEY = "sandbox-private-key"
SECRET_KEY = "$5$rounds=535000$sandbox$secret-key"
VERIFIED = "85577696118"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def debug_on(settings: Any) -> None:
    settings.DEBUG = True


@pytest.fixture
def browser() -> Client:
    """Return somebody else's client: it sends no CSRF token and is signed in nowhere."""
    return Client(enforce_csrf_checks=True)


def start(browser: Client, **changes: str | None) -> Any:
    """Open ``authenticate`` as the API page has it; None leaves a parameter out."""
    query = {
        "private_key": PRIVATE_KEY,
        "phone_number": VERIFIED,
        "login_hint": None,
        "redirect_uri": CALLBACK,
        "scope": "mobile_id phone_verify",
    } | changes
    return browser.get("/sandbox/authenticate", {k: v for k, v in query.items() if v is not None})


def start_with(browser: Client, phone_number: str, **changes: str | None) -> dict[str, str]:
    """Start for a number and return the query that the callback gets."""
    response = start(browser, phone_number=phone_number, **changes)
    assert response.status_code == 302
    return dict(parse_qsl(urlsplit(response["Location"]).query))


def exchange(
    browser: Client,
    callback: dict[str, str],
    *,
    private_key: str | None = PRIVATE_KEY,
    secret: str | None = SECRET_KEY,
    endpoint: str = "ip-auth",
    body_key: Any = None,
    **changes: Any,
) -> Any:
    """Post the callback's values as the API page has it; None leaves something out."""
    body = {
        "response_type": "code",
        "state": callback["state"],
        "redirect_uri": CALLBACK,
        "code": callback["code"],
        "private_key": body_key,
    } | changes
    return browser.post(
        f"/sandbox/{endpoint}" + (f"?private_key={private_key}" if private_key else ""),
        {name: value for name, value in body.items() if value is not None},
        content_type="application/json",
        headers={"X-Secret": secret} if secret else {},
    )


def verify(browser: Client, phone_number: str | None, scope: str) -> Any:
    """Go the whole way and return the JSON answer."""
    callback = start_with(browser, phone_number or "", scope=scope)
    response = exchange(browser, callback)
    assert response.status_code == 200
    return response.json()


def why(response: Any) -> str:
    """Return what a JSON error says."""
    return str(json.loads(response.content)["error_description"])


# The callback


def test_the_visitor_comes_straight_back_with_what_the_api_page_shows(browser: Client) -> None:
    response = start(browser)

    assert response.status_code == 302
    assert response["Location"].startswith(CALLBACK + "?")
    callback = dict(parse_qsl(urlsplit(response["Location"]).query))
    assert set(callback) == {"code", "private_key", "redirect_uri", "session_state", "state"}
    assert callback["private_key"] == PRIVATE_KEY
    assert callback["redirect_uri"] == CALLBACK
    assert re.fullmatch(rf"{UUID}\.{UUID}\.{UUID}", callback["code"])
    assert callback["code"].split(".")[1] == callback["session_state"]
    assert re.fullmatch(UUID, callback["state"])
    assert callback["state"] not in callback["code"]


def test_each_start_has_its_own_code_and_state(browser: Client) -> None:
    first, second = start_with(browser, VERIFIED), start_with(browser, VERIFIED)

    assert first["code"] != second["code"]
    assert first["state"] != second["state"]


def test_no_cache_keeps_the_redirect(browser: Client) -> None:
    assert "no-store" in start(browser)["Cache-Control"]


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:8000/callback?next=%2Fa%3Fb%3D1&empty=&flag&a=1&a=2",
        "https://shop.example/callback?next={x}|y",
        "https://shop.example?lang=km",
        "https://[::1]/callback/%E1%9E%80?x=%e1",
    ],
)
def test_the_own_query_of_redirect_uri_is_kept_byte_for_byte(browser: Client, uri: str) -> None:
    location = start(browser, redirect_uri=uri)["Location"]

    assert location.startswith(uri + "&code=")
    assert f"&{urlencode({'redirect_uri': uri})}&" in location


@pytest.mark.parametrize("parameter", ["phone_number", "login_hint"])
def test_the_number_may_come_under_either_name(browser: Client, parameter: str) -> None:
    numbers = {"phone_number": None, "login_hint": None} | {parameter: "85577696199"}
    callback = dict(parse_qsl(urlsplit(start(browser, **numbers)["Location"]).query))

    assert exchange(browser, callback).json()["login_hint"] == "85577696199"


def test_the_number_may_come_under_both_names(browser: Client) -> None:
    callback = start_with(browser, "85577696199", login_hint="85577696199")

    assert exchange(browser, callback).json()["login_hint"] == "85577696199"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"phone_number": None}, "login_hint is required"),
        ({"phone_number": ""}, "login_hint is required"),
        ({"phone_number": None, "scope": "mobile_id profile"}, "login_hint is required"),
        ({"phone_number": None, "scope": "mobile_id ip:phone_verify"}, "login_hint is required"),
        ({"phone_number": None, "scope": "mobile_id ip:profile"}, "login_hint is required"),
        ({"login_hint": "85577696199"}, "differ"),
        ({"phone_number": "+85577696118"}, "must be digits"),
        ({"phone_number": "077696118"}, "must be digits"),
        ({"phone_number": "៨៥៥៧៧៦៩៦១១៨"}, "must be digits"),
        ({"phone_number": "855776961181234567"}, "must be digits"),
        ({"phone_number": "8557769611x", "scope": "mobile_id"}, "must be digits"),
    ],
)
def test_a_number_that_will_not_do_sends_the_visitor_back_with_an_error(
    browser: Client, changes: dict[str, str | None], error: str
) -> None:
    response = start(browser, redirect_uri=CALLBACK + "?lang=km", **changes)

    assert response.status_code == 302
    assert response["Location"].startswith(CALLBACK + "?lang=km&error=invalid_request&")
    callback = dict(parse_qsl(urlsplit(response["Location"]).query))
    assert set(callback) == {"lang", "error", "error_description"}
    assert error in callback["error_description"]


@pytest.mark.parametrize("key", [None, "", "another", PRIVATE_KEY + "x"])
def test_no_start_without_the_private_key(browser: Client, key: str | None) -> None:
    response = start(browser, private_key=key)

    assert response.status_code == 403
    assert "private_key" in why(response)


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "",
        "/callback",
        "//shop.example/callback",
        "shop.example/callback",
        "javascript:alert(1)",
        "ftp://shop.example/callback",
        "https:callback",
        "https:///callback",
        "https://:443/callback",
        "https://shop.example/callback#part",
        "https://shop.example/call back",
        "https://shop.example/callback\r\nX-Header: 1",
        "https://shop.example/callback\x00",
        "https://shop.example/ទូរសព្ទ",
        "https://[::1/callback",
    ],
)
def test_a_bad_redirect_uri_is_never_followed(browser: Client, uri: str | None) -> None:
    response = start(browser, redirect_uri=uri)

    assert response.status_code == 400
    assert not response.has_header("Location")
    assert "redirect_uri must be" in why(response)


@pytest.mark.parametrize(
    ("scope", "error"),
    [
        (None, "at least one of"),
        ("", "at least one of"),
        ("openid", "at least one of"),
        ("openid ip:phone_verify ip:mobile_id", "at least one of"),
        ("mobile_id email", "unknown value"),
        ("Phone_Verify", "unknown value"),
        ("mobile_id,phone_verify", "unknown value"),
    ],
)
def test_bad_scopes_are_never_sent_back(browser: Client, scope: str | None, error: str) -> None:
    response = start(browser, scope=scope)

    assert response.status_code == 400
    assert not response.has_header("Location")
    assert error in why(response)
    assert "phone_verify mobile_id phone profile" in why(response)


# The answer


def test_a_verified_number_gets_the_answer_of_the_api_page(browser: Client) -> None:
    answer = verify(browser, VERIFIED, "mobile_id phone_verify")

    assert re.fullmatch(UUID, answer.pop("sid"))
    assert re.fullmatch(r"[0-9a-f]{128}", answer.pop("mobile_id"))
    assert re.fullmatch(r"[0-9a-f]{64}", answer.pop("sub"))
    assert answer == {
        "error_description": " ",
        "login_hint": VERIFIED,
        "phone_number_verified": "true",
        "status": "success",
    }


PERSON = {"given_name", "family_name", "birthdate", "gender", "personal_identification_number"}


@pytest.mark.parametrize(
    ("scope", "claims"),
    [
        ("phone_verify", {"login_hint", "phone_number_verified"}),
        ("mobile_id", {"mobile_id"}),
        ("phone", {"phone_number"}),
        ("profile", {*PERSON, "address"}),
        ("openid phone ip:mobile_id", {"phone_number", "mobile_id"}),
    ],
)
def test_each_scope_brings_its_own_claims(browser: Client, scope: str, claims: set[str]) -> None:
    answer = verify(browser, VERIFIED, scope)

    assert set(answer) - {"error_description", "sid", "status", "sub"} == claims


def test_the_profile_is_the_person_of_the_api_page(browser: Client) -> None:
    answer = verify(browser, VERIFIED, "profile")

    assert answer["given_name"] == "Teak"
    assert answer["address"]["locality"] == "Phnom Penh City"


@pytest.mark.parametrize(
    ("typed", "found"), [(None, "85577696118"), ("85511222333", "85511222333")]
)
def test_the_network_finds_the_number_itself(
    browser: Client, typed: str | None, found: str
) -> None:
    answer = verify(browser, typed, "phone mobile_id")

    assert answer["phone_number"] == found
    assert answer["status"] == "success"
    assert answer["mobile_id"] == verify(browser, found, "mobile_id")["mobile_id"]


def test_the_same_number_is_recognised_and_another_is_not(browser: Client) -> None:
    first, again, other = (
        verify(browser, number, "mobile_id")
        for number in ("85577696118", "85577696118", "85577696130")
    )

    assert (first["mobile_id"], first["sub"]) == (again["mobile_id"], again["sub"])
    assert first["sid"] != again["sid"]
    assert first["mobile_id"] != other["mobile_id"]
    assert first["sub"] != other["sub"]


def test_another_account_knows_the_number_under_another_sub(browser: Client, settings: Any) -> None:
    before = verify(browser, VERIFIED, "mobile_id")
    settings.PLASGATE_IP_SANDBOX_PRIVATE_KEY = "another-account"
    callback = start_with(browser, VERIFIED, private_key="another-account")
    after = exchange(browser, callback, private_key="another-account").json()

    assert after["sub"] != before["sub"]


def test_check_info_is_the_same_endpoint(browser: Client) -> None:
    callback = start_with(browser, VERIFIED)
    answer = exchange(browser, callback, endpoint="check-info").json()

    assert answer["status"] == "success"
    assert exchange(browser, callback).status_code == 403


@pytest.mark.parametrize(
    ("in_query", "in_body", "status"),
    [
        (None, PRIVATE_KEY, 200),
        (PRIVATE_KEY, PRIVATE_KEY, 200),
        (None, "another", 403),
        ("another", PRIVATE_KEY, 403),
        (None, "\ud800", 403),
        (None, 7, 403),
    ],
)
def test_the_private_key_may_be_in_the_body_as_ios_has_it(
    browser: Client, in_query: str | None, in_body: Any, status: int
) -> None:
    callback = start_with(browser, VERIFIED)
    response = exchange(browser, callback, private_key=in_query, body_key=in_body)

    assert response.status_code == status


def test_a_site_chooses_the_keys(browser: Client, settings: Any) -> None:
    settings.PLASGATE_IP_SANDBOX_PRIVATE_KEY = "ours"
    settings.PLASGATE_IP_SANDBOX_SECRET_KEY = "our secret"

    assert start(browser).status_code == 403
    callback = start_with(browser, VERIFIED, private_key="ours")
    assert callback["private_key"] == "ours"
    assert exchange(browser, callback, private_key="ours").status_code == 403
    answer = exchange(browser, callback, private_key="ours", secret="our secret").json()
    assert answer["status"] == "success"


# Refusals of the exchange


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"private_key": None}, "private_key"),
        ({"private_key": "another"}, "private_key"),
        ({"secret": None}, "X-Secret"),
        ({"secret": "another"}, "X-Secret"),
        ({"response_type": None}, "response_type"),
        ({"response_type": "token"}, "response_type"),
        ({"code": None}, "code"),
        ({"code": 7}, "code"),
        ({"code": "\x00"}, "code"),
        ({"code": "\ud800"}, "code"),
        ({"code": ".".join(["842b5f93-2c70-4df3-930e-d7cd42516c31"] * 3)}, "code"),
    ],
)
def test_a_refused_exchange_leaves_the_code_alone(
    browser: Client, changes: dict[str, Any], error: str
) -> None:
    callback = start_with(browser, VERIFIED)
    response = exchange(browser, callback, **changes)

    assert response.status_code == 403
    assert error in why(response)
    assert exchange(browser, callback).json()["status"] == "success"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"state": None}, "state"),
        ({"state": "842b5f93-2c70-4df3-930e-d7cd42516c31"}, "state"),
        ({"redirect_uri": None}, "redirect_uri"),
        ({"redirect_uri": CALLBACK + "?"}, "redirect_uri"),
    ],
)
def test_a_code_with_the_wrong_company_is_refused_and_spent(
    browser: Client, changes: dict[str, Any], error: str
) -> None:
    callback = start_with(browser, VERIFIED)
    response = exchange(browser, callback, **changes)

    assert response.status_code == 403
    assert error in why(response)
    assert exchange(browser, callback).status_code == 403


@pytest.mark.parametrize("body", [b"", b"code=1", b"[]", b'"x"', b"null", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_a_bad_request(browser: Client, body: bytes) -> None:
    response = browser.post(
        f"/sandbox/ip-auth?private_key={PRIVATE_KEY}",
        body,
        content_type="application/json",
        headers={"X-Secret": SECRET_KEY},
    )

    assert response.status_code == 400
    assert "JSON object" in why(response)


def test_a_code_is_good_once(browser: Client) -> None:
    callback = start_with(browser, VERIFIED)

    assert exchange(browser, callback).json()["status"] == "success"
    again = exchange(browser, callback)
    assert again.status_code == 403
    assert "used" in why(again)


@pytest.mark.parametrize(("age", "status"), [(4, 200), (5, 403)])
def test_a_code_is_good_for_five_minutes(browser: Client, age: int, status: int) -> None:
    callback = start_with(browser, VERIFIED)
    AuthorizationCode.objects.update(created_at=timezone.now() - timedelta(minutes=age))

    assert exchange(browser, callback).status_code == status


def test_expired_codes_are_deleted_by_the_next_start(browser: Client) -> None:
    start(browser)
    start(browser)
    AuthorizationCode.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    callback = start_with(browser, VERIFIED)

    (left,) = AuthorizationCode.objects.all()
    assert str(left) == callback["state"]


@pytest.mark.django_db(transaction=True)
def test_of_two_exchanges_at_once_one_gets_the_answer(browser: Client) -> None:
    callback = start_with(browser, VERIFIED)
    barrier = Barrier(4)

    def race(_: int) -> int:
        try:
            barrier.wait()
            return int(exchange(Client(), callback).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(race, range(4))) == [200, 403, 403, 403]


# The magic numbers


def test_every_ending_is_a_row_of_one_table() -> None:
    assert [outcome.ending for outcome in Outcome] == [str(number) for number in range(18, 29)]
    for outcome in Outcome:
        assert Outcome.of(outcome.phone_number) is outcome
        assert outcome.label
        assert outcome.happens.endswith(".")


@pytest.mark.parametrize("number", [VERIFIED, "85577696100", "85511222333", ""])
def test_any_other_ending_is_verified(number: str) -> None:
    assert Outcome.of(number) is Outcome.VERIFIED


@pytest.mark.parametrize(
    ("number", "description"),
    [
        ("85577696119", "Please turn off Wi-Fi or use Mobile data network"),
        ("85577696120", "Phone number is not verified"),
    ],
)
def test_19_and_20_fail_with_the_whole_answer_of_the_api_page(
    browser: Client, number: str, description: str
) -> None:
    answer = verify(browser, number, "phone_verify")

    assert re.fullmatch(UUID, answer.pop("sid"))
    assert re.fullmatch(r"[0-9a-f]{128}", answer.pop("mobile_id"))
    assert answer == {
        "error_description": description,
        "login_hint": number,
        "phone_number_verified": "false",
        "status": "failed",
        "sub": "anonymous",
    }


def test_21_is_denied_on_the_callback(browser: Client) -> None:
    callback = start_with(browser, "85577696121", redirect_uri=CALLBACK + "?lang=km")

    assert callback == {
        "lang": "km",
        "error": "access_denied",
        "error_description": "The user denied the request",
    }


def test_22_has_its_keys_refused(browser: Client) -> None:
    response = exchange(browser, start_with(browser, "85577696122"))

    assert response.status_code == 403
    assert "check your private key and secret key" in why(response)


@pytest.mark.parametrize(("number", "status"), [("85577696123", 500), ("85577696125", 200)])
def test_23_and_25_answer_with_a_page(browser: Client, number: str, status: int) -> None:
    response = exchange(browser, start_with(browser, number))

    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")
    assert response.content.startswith(b"<!doctype html>")


def test_24_answers_too_late(browser: Client, settings: Any) -> None:
    settings.PLASGATE_IP_SANDBOX_DELAY = 0.2
    callback = start_with(browser, "85577696124")
    began = time.monotonic()
    response = exchange(browser, callback)

    assert time.monotonic() - began >= 0.2
    assert response.json()["status"] == "success"


@pytest.mark.django_db(transaction=True)
def test_24_keeps_no_transaction_open_meanwhile(
    browser: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = []
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    monkeypatch.setattr(
        time, "sleep", lambda seconds: slept.append((seconds, connection.in_atomic_block))
    )
    exchange(browser, start_with(browser, "85577696124"))

    assert slept == [(30, False)]


def test_26_leaves_the_visitor_on_the_operators_page(browser: Client) -> None:
    response = start(browser, phone_number="85577696126")

    assert response.status_code == 200
    assert b"This operator never sends anybody back." in response.content


def test_27_is_verified_with_another_mobile_id_each_time(browser: Client) -> None:
    first, second = (verify(browser, "85577696127", "mobile_id phone_verify") for _ in range(2))

    assert first["phone_number_verified"] == second["phone_number_verified"] == "true"
    assert first["mobile_id"] != second["mobile_id"]
    assert re.fullmatch(r"[0-9a-f]{128}", first["mobile_id"])
    assert first["sub"] == second["sub"]


def test_28_is_a_success_about_somebody_else(browser: Client) -> None:
    answer = verify(browser, "85577696128", "phone_verify phone")

    assert answer["status"] == "success"
    assert answer["phone_number_verified"] == "true"
    assert answer["login_hint"] == answer["phone_number"] == "85577696118"


# Where it runs


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("get", "/sandbox/authenticate"),
        ("post", "/sandbox/ip-auth"),
        ("post", "/sandbox/check-info"),
        ("get", "/sandbox/ip-auth"),
    ],
)
def test_without_debug_there_is_no_sandbox(
    browser: Client, settings: Any, method: str, url: str
) -> None:
    settings.DEBUG = False

    assert getattr(browser, method)(url).status_code == 404


def test_a_running_exchange_ends_with_debug(browser: Client, settings: Any) -> None:
    callback = start_with(browser, VERIFIED)
    settings.DEBUG = False

    assert exchange(browser, callback).status_code == 404


def test_login_required_middleware_lets_it_through(browser: Client, settings: Any) -> None:
    settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]

    answer = verify(Client(enforce_csrf_checks=True), VERIFIED, "phone_verify")
    assert answer["status"] == "success"


@pytest.mark.parametrize(
    ("method", "url"), [("post", "authenticate"), ("head", "authenticate"), ("get", "ip-auth")]
)
def test_other_methods_are_not_allowed(method: str, url: str) -> None:
    assert getattr(Client(), method)(f"/sandbox/{url}").status_code == 405


def errors_at_start(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Start the app once more, with a registry of its own, and run what it registers."""
    monkeypatch.setattr(registry.registry, "registered_checks", set())
    apps.get_app_config("plasgate_ip_sandbox").ready()
    return run_checks()


def test_a_site_started_without_debug_fails_its_checks(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEBUG = False
    (error,) = errors_at_start(monkeypatch)

    assert error.id == "plasgate_ip_sandbox.E001"
    assert error.is_serious()
    assert "INSTALLED_APPS" in error.hint
    settings.DEBUG = True
    assert run_checks() == []


def test_a_site_started_with_debug_may_be_tested_without(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert errors_at_start(monkeypatch) == []
    settings.DEBUG = False  # as every test runner does
    assert run_checks() == []


def test_the_migration_is_complete() -> None:
    call_command("makemigrations", "plasgate_ip_sandbox", check=True, dry_run=True, verbosity=0)
