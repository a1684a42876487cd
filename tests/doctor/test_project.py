"""The findings about the site: its table, its sessions, and the redirect URI to register."""

from typing import Any

import pytest
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.urls import set_script_prefix
from django.utils import translation

from django_plasgate_ip.doctor import project
from django_plasgate_ip.doctor.findings import Finding, Level
from django_plasgate_ip.models import PhoneVerification
from tests.visitor import Visitor

pytestmark = pytest.mark.django_db

OWN = "tests.doctor.test_project"
urlpatterns: list[Any] = []


class SessionStore(db.SessionStore):
    """Makes this module a session engine, whose server is down."""

    def save(self, must_create: bool = False) -> None:
        raise ConnectionRefusedError("redis://:pass-word@cache.example:6379")


def findings() -> list[Finding]:
    return list(project.examine())


@pytest.fixture(autouse=True)
def public(settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = "https://testserver"


def test_a_good_site_is_ok_and_its_redirect_uri_can_be_copied(visitor: Visitor) -> None:
    table, sessions, redirect_uri = found = findings()

    assert [(finding.about, finding.level, finding.do) for finding in found] == [
        ("Site", Level.OK, "")
    ] * 3
    assert table.what == "The table exists in database 'default'."
    assert "(django.contrib.sessions.backends.db)" in sessions.what
    visitor.start()
    shown = redirect_uri.what.split()[-1]
    assert shown == visitor.sent["redirect_uri"] == "https://testserver/phone/callback/"


# The table


def test_a_migration_that_is_not_applied_is_an_error() -> None:
    MigrationRecorder(connection).record_unapplied("django_plasgate_ip", "0001_initial")
    found = findings()[0]

    assert found.level is Level.ERROR
    assert found.what == "Database 'default' has unapplied migrations of the app: 1."
    assert "migrate" in found.do


@pytest.mark.django_db(transaction=True)
def test_a_table_that_does_not_exist_is_an_error() -> None:
    table = PhoneVerification._meta.db_table
    with connection.schema_editor() as editor:
        editor.alter_db_table(PhoneVerification, table, "elsewhere")
    try:
        found = findings()[0]
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(PhoneVerification, "elsewhere", table)

    assert found.level is Level.ERROR
    assert "'default' can't be read: " in found.what
    assert "migrate" in found.do


def test_an_error_of_the_database_is_shown_without_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*args: Any) -> None:
        raise OperationalError('connection to "db.example" as "somebody" failed')

    monkeypatch.setattr(MigrationExecutor, "migration_plan", fail)
    found = findings()[0]

    assert found.level is Level.ERROR
    assert found.what == "The table in database 'default' can't be read: OperationalError."
    assert "somebody" not in repr(found)


# Sessions


def test_the_trial_session_is_deleted_and_would_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    ages = []
    delete = db.SessionStore.delete

    def watched(self: Any, session_key: Any = None) -> None:
        ages.append(self.get_expiry_age())
        delete(self, session_key)

    monkeypatch.setattr(db.SessionStore, "delete", watched)
    findings()

    assert Session.objects.count() == 0
    assert ages == [project.SESSION_SECONDS]


@pytest.mark.parametrize("name", ["cache", "signed_cookies"])
def test_other_engines_can_be_ok(name: str, settings: Any) -> None:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{name}"

    assert findings()[1].level is Level.OK


@pytest.mark.parametrize(
    ("engine", "problem"),
    [
        ("django.contrib.sessions.backends.cache", "a stored session was not found again"),
        (OWN, "ConnectionRefusedError"),
    ],
)
def test_sessions_that_can_not_be_stored_are_an_error(
    engine: str, problem: str, settings: Any
) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    settings.SESSION_ENGINE = engine
    found = findings()[1]

    assert found.level is Level.ERROR
    assert found.what == f"Sessions can't be stored and read ({engine}): {problem}."
    assert "SESSION_ENGINE" in found.do
    assert "pass-word" not in repr(found)


# The redirect URI


def test_the_redirect_uri_has_the_script_prefix_and_the_default_language(
    visitor: Visitor, settings: Any
) -> None:
    settings.ROOT_URLCONF = "tests.doctor.i18n_urls"
    settings.FORCE_SCRIPT_NAME = "/shop"
    set_script_prefix("/shop/")
    try:
        with translation.override("km"):
            said = findings()[-1].what.split()[-1]
        visitor.start(path="/km/phone/")
    finally:
        set_script_prefix("/")

    assert said == "https://testserver/shop/en/phone/callback/"
    assert visitor.sent["redirect_uri"] == said


def test_a_site_without_our_urls_has_an_error(settings: Any) -> None:
    settings.ROOT_URLCONF = OWN
    found = findings()[-1]

    assert found.level is Level.ERROR
    assert "no URL" in found.what
    assert 'include("django_plasgate_ip.urls")' in found.do


@pytest.mark.parametrize(
    ("values", "level", "what", "do"),
    [
        ({"PUBLIC_URL": "https://["}, Level.ERROR, "is malformed", "checks above"),
        ({"PUBLIC_URL": None}, Level.WARNING, "path /phone/callback/ ", "PLASGATE_IP_PUBLIC_URL"),
        (
            {"PUBLIC_URL": None, "CREDENTIALS": "tests.checks.reported.ids"},
            Level.WARNING,
            "the host of each request",
            "the tenant's own host",
        ),
        (
            {"PUBLIC_URL": "https://shop.example:8443"},
            Level.WARNING,
            "https://shop.example:8443/phone/callback/",
            "'shop.example' to ALLOWED_HOSTS",
        ),
        ({"PUBLIC_URL": "http://testserver"}, Level.WARNING, "http://testserver/", "Use https"),
        ({"CALLBACK_NONCE": True}, Level.WARNING, "?nonce=", "Ask PlasGate"),
    ],
)
def test_what_a_person_has_to_decide_about_the_redirect_uri_is_reported(
    values: dict[str, Any], level: Level, what: str, do: str, settings: Any
) -> None:
    for name, value in values.items():
        setattr(settings, f"PLASGATE_IP_{name}", value)
    found = findings()[-1]

    assert found.level is level
    assert what in found.what
    assert do in found.do
