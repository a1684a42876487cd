"""Walks and the admin beside axes, auditlog and the debug toolbar."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from axes.models import AccessAttempt
from debug_toolbar.store import get_store
from django.core.management import call_command
from django.http import HttpResponse
from django.urls import include, path

from django_plasgate_ip.decorators import phone_verified_required
from django_plasgate_ip.models import PhoneVerification
from tests import urls
from tests.conftest import Answers
from tests.docs.pages import blocks, document
from tests.handoff.devices import Phone, hand_over, offered, text
from tests.privacy import canaries
from tests.staff import EXPORT, LIST, detail, post, staff
from tests.visitor import MASKED, MOBILE_ID, NUMBER, SUB, Page, Visitor, newest, outcome

pytestmark = pytest.mark.django_db


def documented(page: str, contains: str) -> dict[str, Any]:
    """Run the one block of the page that contains this, and return its names."""
    (code,) = (code for _file, _language, code in blocks(document(page)) if contains in code)
    names: dict[str, Any] = {"__name__": "docs"}
    exec(compile(code, page, "exec"), names)  # noqa: S102
    return names


class Site:
    urlpatterns = [
        path("members/", phone_verified_required(lambda request: HttpResponse("in"))),
        path("phone-login/", documented("docs/login.rst", "def phone_login")["phone_login"]),
        path("__debug__/", include("debug_toolbar.urls")),
        *urls.urlpatterns,
    ]


@pytest.fixture(autouse=True)
def site(settings: Any, answers: Answers) -> Iterator[None]:
    settings.ROOT_URLCONF = Site
    names = documented("docs/login.rst", "def is_phone_login")
    settings.AXES_WHITELIST_CALLABLE = names["is_phone_login"]
    documented("docs/privacy.rst", "auditlog.register")
    get_store().clear()
    answers()
    yield
    auditlog.unregister(PhoneVerification)


def log_in(password: str = "a password") -> tuple[Visitor, int]:
    browser = Visitor()
    page = browser.get("/accounts/login/")
    return browser, browser.submit(page, username="teak", password=password).status_code


def phone_login(number: str = NUMBER) -> bool:
    """Verify the number in a new browser, and return whether it is logged in then."""
    browser = Visitor()
    back = browser.verify(number, next="/phone-login/")
    browser.get(back["Location"])
    return "_auth_user_id" in browser.session


def test_a_number_is_verified_and_logs_its_account_in(user):
    visitor, phone = log_in()[0], Phone()
    assert visitor.verify(next="/members/")["Location"] == "/members/"
    assert visitor.get("/members/").content == b"in"
    assert phone_login()

    hand_over(visitor, phone, offered(visitor.get("/phone/?again=1")))
    phone.come_back()
    assert outcome() == ("verified", "")
    assert (newest().user, newest().is_handed_over) == (user, True)


def test_axes_counts_passwords_only(user, settings, answers):
    log_in()[0].verify()
    answers(login_hint="85512345678")
    documented_callable, settings.AXES_WHITELIST_CALLABLE = settings.AXES_WHITELIST_CALLABLE, None
    assert Visitor().get("/phone-login/")["Location"] == "/accounts/login/"
    assert not AccessAttempt.objects.exists()
    assert not phone_login("012 345 678")
    AccessAttempt.objects.get().delete()

    settings.AXES_WHITELIST_CALLABLE = documented_callable
    assert [phone_login("012 345 678") for _ in range(3)] == [False] * 3
    assert not AccessAttempt.objects.exists()

    assert [log_in(password)[1] for password in ("wrong", "wrong", "a password")] == [200, 429, 429]
    answers()
    assert phone_login()


def test_auditlog_holds_starts_and_deletions_without_personal_data(user):
    for erase in (False, True):
        log_in()[0].verify()
        row = newest()
        row.claims, row.acknowledged_at = {"given_name": "Canary"}, row.completed_at
        row.save()
        if erase:
            call_command("plasgate_ip_erase", user="teak", interactive=False, verbosity=0)
        else:
            deleter = staff("view_phoneverification", "delete_phoneverification")
            post(deleter, detail(row, "delete"), post="yes")
    assert not PhoneVerification.objects.exists()

    entries = list(LogEntry.objects.get_for_model(PhoneVerification).order_by("pk"))
    assert [entry.get_action_display() for entry in entries] == ["create", "update", "delete"] * 2
    held = [f"{entry.object_repr} {entry.changes} {entry.serialized_data}" for entry in entries]
    assert MASKED in held[0]
    secrets = (NUMBER[1:], SUB, MOBILE_ID, "claims")
    assert [secret for secret in secrets if secret in str(held)] == []


def test_the_admin_works_and_the_toolbar_shows_no_key_and_no_claim(user, settings, answers):
    settings.PLASGATE_IP_SECRET_KEY = canaries.SECRET_KEY
    settings.PLASGATE_IP_SCOPES = ["phone_verify", "mobile_id", "profile"]
    answers(canaries.VERIFIED)
    log_in()[0].verify(canaries.NATIONAL)
    assert outcome() == ("verified", "")
    settings.DEBUG_TOOLBAR_CONFIG = {**settings.DEBUG_TOOLBAR_CONFIG, "INSERT_BEFORE": "</body>"}
    viewer = staff("view_phoneverification")
    pages = [viewer.get(url) for url in (LIST, f"{LIST}?q=teak", detail(newest()), LIST)]
    assert all('id="djDebug"' in text(page) for page in pages)
    tags = [tag for page in pages for tag in Page(page).tags]
    names = {name for _tag, attributes in tags for name in attributes}
    # A site's Content-Security-Policy may forbid these.
    assert [name for name in names if name == "style" or name.startswith("on")] == []
    assert canaries.MASKED in b"".join(viewer.get(EXPORT)).decode()

    store = get_store()
    panels = [list(store.panels(request_id)) for request_id in store.request_ids()]
    shown = json.dumps(panels, default=str, ensure_ascii=False)
    keys = (canaries.SECRET_KEY, settings.PLASGATE_IP_ENCRYPTION_KEYS[0])
    forbidden = (*keys, canaries.SID, *canaries.PROFILE.values())
    assert [secret for secret in forbidden if secret in shown] == []
