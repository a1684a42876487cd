"""The documentation's Python and templates run, and do what the text around them says.

The hand-off's page runs in tests/handoff/test_invitation.py, where its app is installed. The
login's view and the filter for Sentry run in tests/other_sites.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import async_to_sync
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.messages import get_messages
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.http import Http404, HttpResponse
from django.template import engines
from django.test import Client, RequestFactory
from django.urls import include, path
from prometheus_client import REGISTRY, generate_latest

from django_plasgate_ip import flow, signals
from django_plasgate_ip.client import Credentials
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.testing import PlasGate, make_verification
from django_plasgate_ip.verification import app_handle
from django_plasgate_ip.verification.browser_session import SESSION_KEY
from tests import urls
from tests.conftest import Answers
from tests.docs.pages import DOCUMENTS, ROOT, blocks, document
from tests.visitor import DIGITS, MASKED, TYPED, came_back, newest, outcome

pytestmark = pytest.mark.django_db

FALLBACK, HANDOFF = "docs/fallback.rst", "docs/handoff.rst"


def code_of(name: str, language: str = "python") -> list[str]:
    return [text for _file, its, text in blocks(document(name)) if its == language]


WITH_CODE = [name for name in DOCUMENTS if code_of(name) and name != HANDOFF]


def request_of(user: Any, **posted: str) -> Any:
    factory = RequestFactory()
    request: Any = factory.post("/", posted) if posted else factory.get("/payout/")
    request.user, request.session = user, SessionStore()
    request._messages = FallbackStorage(request)
    return request


def user_of_token(token: str) -> User | None:
    return User.objects.filter(username=token).first()


def site_of(*pages: Any) -> type:
    """Return a URL configuration with these pages and those of the tests' site."""
    return type("Site", (), {"urlpatterns": [*pages, *urls.urlpatterns]})


@pytest.fixture
def names(user: User, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Return what the pages take for granted, and put back what their code registers."""
    monkeypatch.setenv("PLASGATE_IP_PRIVATE_KEY", "a key")
    monkeypatch.setenv("PLASGATE_IP_SECRET_KEY", "$5$rounds=535000$a$secret")
    # The others would change this process. Their own tests are in tests/other_sites.
    for other in ("mysite", "auditlog", "auditlog.registry", "sentry_sdk"):
        monkeypatch.setitem(sys.modules, other, mock.Mock())
    (tmp_path / ".env").write_text("")
    listened = signals.phone_verified, signals.phone_claimed, signals.phone_verification_failed
    registered, measured = admin.site._registry.copy(), set(REGISTRY._collector_to_names)
    for signal in listened:
        monkeypatch.setattr(signal, "receivers", signal.receivers[:])
    yield {
        "__name__": "documentation",
        "BASE_DIR": tmp_path,
        "DEBUG": True,
        "INSTALLED_APPS": [],
        "User": User,
        # It has a "user", which is not called "author".
        "Article": SimpleNamespace(objects=mock.Mock(annotate=LogEntry.objects.annotate)),
        "include": include,
        "path": path,
        "request": request_of(user),
        "urlpatterns": [],
        "user": user,
        "user_of_token": user_of_token,
    }
    admin.site._registry = registered
    for collector in set(REGISTRY._collector_to_names) - measured:
        REGISTRY.unregister(collector)


def run(names: dict[str, Any], name: str) -> dict[str, Any]:
    """Run all Python of a document, in one namespace and in order."""
    for text in code_of(name):
        exec(compile(text.replace('"author"', '"user"'), name, "exec"), names)  # noqa: S102
    return names


@pytest.mark.parametrize("name", WITH_CODE)
def test_the_python_runs(names, name):
    assert run(names, name)["__name__"] == "documentation"


def test_the_template_tags_render(names, user):
    (template,) = code_of("docs/pages.rst", "html+django")
    make_verification(user)

    page = engines["django"].from_string(template).render({"user": user}, names["request"])

    assert page.count("Phone verified") == 2
    assert "/welcome/" in page
    tested = {"docs/pages.rst", FALLBACK, HANDOFF}
    assert not any(code_of(n, "html+django") for n in {*DOCUMENTS} - tested)


def test_the_sites_own_form_starts_a_verification(names, user):
    signup = run(names, "docs/pages.rst")["signup"]
    names["render"] = lambda request, template, context: HttpResponse(context["problem"])
    assert "/authenticate?" in signup(request_of(user, phone=TYPED))["Location"]
    assert signup(request_of(user, phone="077")).content == b"Please check the number."


def test_the_async_views_start_and_finish(names, user, answers):
    answers()
    views = run(names, "docs/pages.rst")
    request = request_of(user, phone=TYPED)

    assert "/authenticate?" in async_to_sync(views["async_signup"])(request)["Location"]
    finish = async_to_sync(views["async_callback"])
    assert finish(came_back(request))["Location"] == f"/phone/{newest().pk}/"
    assert outcome() == ("verified", "")
    assert finish(came_back(request_of(user)))["Location"] == "/phone/"


def test_the_receiver_greets(names, user):
    run(names, "docs/signals.rst")
    request, row = request_of(user), make_verification(user)
    signals.phone_verified.send(PhoneVerification, verification=row, request=request)
    assert [str(message) for message in get_messages(request)] == [f"{MASKED} is yours."]


def test_a_changed_sim_leads_to_the_sites_page_until_it_is_acknowledged(names, user, settings):
    settings.ROOT_URLCONF = site_of(path("me/", HttpResponse, name="confirm-it-is-me"))
    payout = run(names, "docs/verified-phones.rst")["payout"]
    make_verification(user, mobile_id_changed=True)

    assert payout(request_of(user))["Location"] == "/me/?next=/payout/"
    exec(code_of("docs/verified-phones.rst")[-1], names)  # noqa: S102
    assert payout(request_of(user)) is None
    PhoneVerification.objects.update(method="sms")
    assert payout(request_of(user)).status_code == 302


@pytest.fixture
def code_page(names: dict[str, Any], settings: Any) -> Any:
    """Return a function that sends a form to the page with a code by SMS."""
    run(names, FALLBACK)
    (template,) = code_of(FALLBACK, "html+django")
    page = engines["django"].from_string(template)
    members = path("members/", HttpResponse, name="members")
    settings.ROOT_URLCONF = site_of(*names["urlpatterns"], members)
    names["render"] = lambda request, name, context: HttpResponse(page.render(context, request))
    PhoneVerification.objects.all().delete()
    cache.clear()
    return lambda user, **posted: names["phone_code"](request_of(user, **posted))


def code_in(printed: str) -> str:
    return re.findall(r"^SMS to \+85577696118: (\d{6}) is your code", printed, re.MULTILINE)[-1]


def test_the_code_by_sms_is_that_of_the_example():
    example = ROOT / "example_project/example/phone_code.py"
    assert example.read_text(encoding="utf-8").rstrip() in code_of(FALLBACK)


def test_a_code_by_sms_verifies_its_number_for_its_user_once(code_page, user, other_user, capsys):
    assert code_page(user, phone_number=TYPED)["Location"] == "/phone-code/"
    code = code_in(capsys.readouterr().out)
    assert b"We have sent you a code." in code_page(user).content
    assert b"We have sent you a code." not in code_page(other_user).content
    assert b"wrong or too old" in code_page(other_user, code=code).content
    assert b"six digits" in code_page(user, code="12345").content
    assert not any(code in repr(cache.get(f"phone-code:{u.pk}")) for u in (user, other_user))
    assert not PhoneVerification.objects.exists()

    in_khmer = code.translate(str.maketrans("0123456789", "០១២៣៤៥៦៧៨៩"))
    assert code_page(user, code=in_khmer)["Location"] == "/members/"
    (row,) = PhoneVerification.objects.all()
    assert (row.user, row.phone_number, row.method) == (user, f"+{DIGITS}", "sms")
    assert b"wrong or too old" in code_page(user, code=code).content
    assert PhoneVerification.objects.count() == 1


def test_of_two_requests_with_the_right_code_one_verifies(code_page, user, capsys, monkeypatch):
    code_page(user, phone_number=TYPED)
    monkeypatch.setattr(cache, "delete", lambda key: False)  # the other one was first
    assert b"wrong or too old" in code_page(user, code=code_in(capsys.readouterr().out)).content
    assert not PhoneVerification.objects.exists()


def test_a_code_by_sms_has_five_tries(code_page, user, capsys):
    code_page(user, phone_number=TYPED)
    code = code_in(capsys.readouterr().out)
    for _guess in range(5):
        code_page(user, code=f"{(int(code) + 1) % 10**6:06}")
    assert b"wrong or too old" in code_page(user, code=code).content

    code_page(user, phone_number=TYPED)
    assert code_page(user, code=code_in(capsys.readouterr().out)).status_code == 302


def test_codes_by_sms_are_limited_by_user_and_number_and_stay_in_the_country(
    code_page, user, other_user, capsys
):
    assert b"to this country" in code_page(user, phone_number="+33 6 12 34 56 78").content
    sent = [code_page(user, phone_number=TYPED).status_code for _ in range(4)]
    assert sent == [302, 302, 302, 200]
    assert b"Too many codes" in code_page(other_user, phone_number=TYPED).content
    sent = [code_page(user, phone_number="012 345 678").status_code for _ in range(2)]
    assert sent == [302, 200]
    assert capsys.readouterr().out.count("SMS to") == 4


def test_the_code_page_knows_the_number_that_this_browser_has_just_typed(
    code_page, names, user, other_user
):
    cases = (user, "", True), (user, "a phone's", False), (other_user, "", False)
    for owner, continued_in, is_shown in cases:
        request = request_of(user)
        row = make_verification(owner, "failed", callback_session_id=continued_in)
        request.session[SESSION_KEY] = row.session_id
        assert (f"+{DIGITS}" in names["phone_code"](request).content.decode()) is is_shown


def test_an_api_asks_about_the_user_that_its_own_token_names(names, user, other_user, settings):
    class Bearer:
        def authenticate(self, request: Any) -> Any:
            found = user_of_token(request.headers["Authorization"].removeprefix("Bearer "))
            return found and (found, "token")

        def authenticate_header(self, request: Any) -> str:
            return "Bearer"

    api = run(names, "docs/verified-phones.rst")["api"]
    names["Payouts"].authentication_classes = [Bearer]
    drf = path("drf/payouts", names["Payouts"].as_view())
    settings.ROOT_URLCONF = site_of(drf, path("ninja/", api.urls))
    make_verification(user)
    flow.confirm(other_user, TYPED)
    browser = Client()
    browser.force_login(user)  # the session's user is not asked about

    def ask(url: str, name: Any) -> Any:
        return browser.get(url, headers={"Authorization": f"Bearer {name}"})

    for url in ("/drf/payouts", "/ninja/payouts"):
        nobodys, others, own = (ask(url, name) for name in ("nobody", other_user, user))
        assert (nobodys.status_code, others.status_code) == (401, 403)
        assert "Verify your phone number first." in others.content.decode()
        assert own.json() == {"user": "teak"}
    PhoneVerification.objects.update(claimed_at_login=True)
    refused = ask("/drf/payouts", user).json()
    assert refused["detail"][0]["code"] == "phone_change_unacknowledged"


def test_the_endpoints_of_ninja_verify_an_app(names, user, plasgate_ip, settings):
    api = run(names, "docs/apps.rst")["phone_api"]
    settings.ROOT_URLCONF = site_of(path("api/", api.urls))
    settings.PLASGATE_IP_MAX_STARTS_PER_USER = 1
    app = Client(headers={"Authorization": "Bearer teak"})

    def post(path: str, **body: str) -> Any:
        return app.post(f"/api/phone/{path}", body, content_type="application/json")

    assert post("", phone_number="12").status_code == 400
    started = post("", phone_number=TYPED).json()
    assert post("", phone_number=TYPED)["Retry-After"]
    row, body = f"{started['id']}/", {"handle": started["handle"], "code": "a", "state": "b"}
    assert post(f"{row}complete/", **body | {"code": ""}).status_code == 400
    assert post(f"{row}complete/", **body | {"handle": "a"}).status_code == 404
    assert app.get("/api/phone/00000000-0000-4000-8000-000000000000/").status_code == 404
    ended = post(f"{row}complete/", **body)
    assert ended.json() == app.get(f"/api/phone/{row}").json()
    assert ended.json() == {"status": "verified", "reason": "", "masked_number": MASKED}
    assert "no-store" in ended["Cache-Control"]
    assert not app.cookies


def test_who_signs_up_in_an_app_gets_the_number_once(names, settings):
    sign_up = run(names, "docs/apps.rst")["SignUp"].as_view()
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    row = make_verification(session_id=app_handle.session_id_of("a"), callback_session_id="")
    body = {"password1": "tuk-tuk-tonle-sap", "password2": "tuk-tuk-tonle-sap", "id": str(row.pk)}
    for name, handle, status in [("a", "b", 404), ("", "a", 400), ("b", "a", 201), ("c", "a", 404)]:
        request = RequestFactory().post("/", {**body, "username": name, "handle": handle})
        assert sign_up(request).status_code == status

    assert PhoneVerification.objects.trusted().get().user == User.objects.get(username="b")
    PhoneVerification.objects.update(user=None, completed_at=row.created_at - timedelta(hours=1))
    assert sign_up(request).status_code == 404


def test_the_kit_plays_an_app(names, django_user_model, plasgate_ip, settings):
    endpoints = include("django_plasgate_ip.contrib.rest.urls")
    settings.ROOT_URLCONF = site_of(path("api/phone/", endpoints))
    run(names, "docs/testing.rst")["test_an_app_on_wifi_is_told_so"](django_user_model, plasgate_ip)


def test_who_signs_up_by_phone_may_log_in_by_phone(names, user):
    sign_up = run(names, "docs/login.rst")["sign_up"]
    names["render"] = lambda request, template, context: HttpResponse(context["number"])
    posted = {"username": "sok", "password1": "tuk-tuk-tonle-sap", "password2": "tuk-tuk-tonle-sap"}

    assert sign_up(request_of(AnonymousUser(), **posted))["Location"] == "/phone/"
    row = make_verification()
    shown, sent = request_of(AnonymousUser()), request_of(AnonymousUser(), **posted)
    shown.session[SESSION_KEY] = sent.session[SESSION_KEY] = row.session_id
    assert sign_up(shown).content.decode() == MASKED
    assert sign_up(sent)["Location"] == "/"
    (trusted,) = PhoneVerification.objects.trusted().filter(user__username="sok")
    assert (trusted, trusted.claimed_at_login) == (row, True)


def test_a_new_number_is_acknowledged_with_the_password(names, user):
    confirm = run(names, "docs/login.rst")["confirm_it_is_me"]
    names["render"] = lambda request, template, context: HttpResponse(str(context["changes"]))
    shown, later = (make_verification(user, number_changed=True) for _ in range(2))

    for wrong in ({}, {"password": "a wrong one"}):
        assert "+855" not in confirm(request_of(user, **wrong)).content.decode()
    assert PhoneVerification.objects.with_unacknowledged_change().count() == 2
    for next_url, expected in ("/payout/", "/payout/"), ("//evil.example/", "/"), ("", "/"):
        request = request_of(user, password="a password", shown=str(shown.pk))
        request.GET = {"next": next_url}
        assert confirm(request)["Location"] == expected
    assert list(PhoneVerification.objects.with_unacknowledged_change()) == [later]


def test_a_number_of_two_accounts_is_taken_from_the_second(names, user, other_user):
    run(names, "docs/login.rst")
    first, second = make_verification(user), make_verification(other_user)
    others = make_verification(other_user, phone_number="012 345 678"), make_verification()
    for row in (*others, second):
        signal = signals.phone_claimed if row == second else signals.phone_verified
        signal.send(PhoneVerification, verification=row, user=row.user, request=None)
    second.refresh_from_db()
    assert (second.user, second.session_id, second.is_handed_over) == (None, "", False)
    assert set(PhoneVerification.objects.exclude(user=None)) == {first, others[0]}


def test_the_log_is_json_without_a_number(names, user, answers, caplog):
    caplog.set_level(logging.INFO, "django_plasgate_ip")
    formatter = run(names, "docs/monitoring.rst")["JSONFormatter"]()
    ended_by_callback(user, answers)
    line = json.loads(formatter.format(caplog.records[-1]))
    assert (line["status"], line["operator"], line["method"]) == ("verified", "Cellcard", "network")
    assert line["message"] == f"Verification {line['verification']} ended: verified"
    assert DIGITS[-6:] not in repr(line)


def test_the_metrics_count_and_time_what_has_ended(names, user, answers):
    run(names, "docs/monitoring.rst")
    ended_by_callback(user, answers)
    late = make_verification(user, reason="expired")
    signals.phone_verification_failed.send(PhoneVerification, verification=late, request=None)

    shown = generate_latest().decode()
    for ended in ('reason="",status="verified"', 'reason="expired",status="error"'):
        labels = f'method="network",operator="Cellcard",{ended}'
        assert f"phone_verifications_ended_total{{{labels}}} 1.0" in shown
    assert 'phone_verification_seconds_count{operator="Cellcard"} 1.0' in shown


def test_the_health_check_fails_if_few_of_many_are_verified(names, user):
    health = run(names, "docs/monitoring.rst")["phone_health"]
    late = timedelta(minutes=10)
    for reason in [None, *["provider_timeout"] * 18]:
        make_verification(user, reason=reason, age=late)
    make_verification(user, method="sms", age=late)
    for age in timedelta(hours=1), timedelta(0):
        make_verification(user, age=age)
    assert health(request_of(user)).status_code == 200

    make_verification(user, "pending", age=late)
    ill = health(request_of(user))
    assert (ill.status_code, json.loads(ill.content)) == (503, {"started": 20, "verified": 1})
    for _ in range(4):
        make_verification(user, age=late)
    assert health(request_of(user)).status_code == 200


def ended_by_callback(user: User, answers: Answers) -> None:
    answers()
    request = request_of(user)
    flow.begin(request, TYPED)
    flow.complete(came_back(request))


def test_a_visitor_on_the_way_is_verified_with_the_old_keys(names, user, settings, monkeypatch):
    for name in ("OLD_PRIVATE", "OLD_SECRET", "NEW_PRIVATE", "NEW_SECRET"):
        monkeypatch.setenv(f"{name}_KEY", name)
    function = run(names, "docs/rotating-keys.rst")["old_or_new_keys"]
    client = Client(headers={"Accept": "application/json"})
    client.force_login(user)
    with PlasGate() as plasgate:
        settings.PLASGATE_IP_CREDENTIALS = lambda request: Credentials("OLD_PRIVATE", "OLD_SECRET")
        started = client.post("/phone/", {"phone_number": TYPED}).json()
        settings.PLASGATE_IP_CREDENTIALS = function
        client.get(plasgate.callback_url(started["authorize_url"]))
        again = client.post("/phone/", {"phone_number": TYPED}).json()

    assert PhoneVerification.objects.is_verified(user)
    assert [call.secret_key for call in plasgate.calls] == ["OLD_SECRET"]
    assert "NEW_PRIVATE" in again["authorize_url"]


def test_a_tenant_is_found_by_its_host(names, user):
    keys_for = run(names, "docs/tenants.rst")["keys_for"]
    names["Shop"] = shop = mock.Mock()
    found = shop._default_manager.all.return_value.get.return_value
    found.private_key, found.secret_key = "a", "b"
    assert keys_for(request_of(user)).private_key == "a"
    names["get_object_or_404"] = mock.Mock(side_effect=Http404)
    with pytest.raises(Http404):
        keys_for(request_of(user))
