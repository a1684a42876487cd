"""The site's lines: its table, its sessions, and the redirect URI to register."""

from typing import Any

import pytest
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
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
    """With it, this module is a session engine, whose server is down."""

    def save(self, must_create: bool = False) -> None:
        raise ConnectionRefusedError("redis://:pass-word@cache.example:6379")


def findings() -> list[Finding]:
    return list(project.examine())


def about(word: str) -> Finding:
    """Return the one finding that speaks of this."""
    (found,) = [finding for finding in findings() if word in finding.what]
    return found


@pytest.fixture(autouse=True)
def public(settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = "https://testserver"


def test_a_good_site_is_fine_and_its_redirect_uri_is_there_to_copy() -> None:
    found = findings()

    assert [finding.level for finding in found] == [Level.OK] * 3
    assert found[-1].what.split()[-1] == "https://testserver/phone/callback/"
    assert not any(finding.do for finding in found)


# The table


def test_a_migration_that_is_missing_is_told() -> None:
    MigrationRecorder(connection).record_unapplied("django_plasgate_ip", "0001_initial")
    found = about("Migrations")

    assert found.level is Level.ERROR
    assert found.what.endswith("'default' needs and has not applied: 1.")
    assert "migrate" in found.do


@pytest.mark.django_db(transaction=True)
def test_a_table_that_is_missing_is_told() -> None:
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


def test_a_database_that_is_down_is_told_without_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(alias: str) -> int:
        raise OperationalError('connection to "db.example" as "somebody" failed')

    monkeypatch.setattr(project, "_unapplied", fail)
    found = findings()[0]

    assert found.level is Level.ERROR
    assert found.what == "The table in database 'default' can't be read: OperationalError."
    assert "somebody" not in repr(found)


# Sessions


@pytest.mark.parametrize("name", ["db", "cached_db", "cache", "file", "signed_cookies"])
def test_each_of_djangos_engines_keeps_a_session(name: str, settings: Any, tmp_path: Any) -> None:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{name}"
    settings.SESSION_FILE_PATH = str(tmp_path)
    found = about("Sessions")

    assert found.level is Level.OK
    assert settings.SESSION_ENGINE in found.what


def test_the_session_is_deleted_again_and_would_soon_end_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ages = []
    delete = db.SessionStore.delete

    def watched(self: Any, session_key: Any = None) -> None:
        ages.append(self.get_expiry_age())
        delete(self, session_key)

    monkeypatch.setattr(db.SessionStore, "delete", watched)
    findings()

    assert Session.objects.count() == 0
    assert ages == [project.SESSION_SECONDS]


def test_a_cache_that_keeps_nothing_is_told(settings: Any) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    found = about("was not found again")

    assert found.level is Level.ERROR
    assert "cache" in found.do


@pytest.mark.parametrize(
    ("engine", "error"),
    [
        (OWN, "ConnectionRefusedError"),
        ("nowhere.at.all", "ModuleNotFoundError"),
        ("tests.visitor", "AttributeError"),
    ],
)
def test_sessions_that_cannot_be_stored_are_told(engine: str, error: str, settings: Any) -> None:
    settings.SESSION_ENGINE = engine
    found = about("Sessions can't be stored and read")

    assert found.level is Level.ERROR
    assert found.what.endswith(f"({engine}): {error}.")
    assert "SESSION_ENGINE" in found.do
    assert "pass-word" not in repr(found)


# The redirect URI


def test_it_is_the_one_that_a_start_sends(visitor: Visitor) -> None:
    visitor.start()

    assert findings()[-1].what.split()[-1] == visitor.sent["redirect_uri"]


def test_it_is_the_same_below_a_script_prefix_and_in_any_language(
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


def test_without_a_public_url_its_path_is_told(settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = None
    found = about("redirect URI")

    assert found.level is Level.WARNING
    assert " /phone/callback/ " in found.what
    assert "PLASGATE_IP_PUBLIC_URL" in found.do


def test_a_malformed_public_url_is_not_made_into_one(settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = "https://["
    found = findings()[-1]

    assert found.level is Level.ERROR
    assert "malformed" in found.what


def test_a_site_without_our_urls_is_told(settings: Any) -> None:
    settings.ROOT_URLCONF = OWN
    found = findings()[-1]

    assert found.level is Level.ERROR
    assert "no URL" in found.what
    assert 'include("django_plasgate_ip.urls")' in found.do


def test_a_host_that_django_refuses_is_told(settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = "https://shop.example:8443"
    found = about("redirect URI")

    assert found.level is Level.WARNING
    assert "https://shop.example:8443/phone/callback/" in found.what
    assert "'shop.example' to ALLOWED_HOSTS" in found.do
    settings.ALLOWED_HOSTS = [".example"]
    assert about("redirect URI").level is Level.OK


def test_a_tenants_host_is_its_own_and_needs_no_public_url(settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = None
    settings.PLASGATE_IP_CREDENTIALS = "tests.client.test_credentials.keys_for"

    found = about("redirect URI")

    assert found.level is Level.WARNING
    assert "each tenant" in found.do
    assert "PLASGATE_IP_PUBLIC_URL" not in found.do


def test_http_is_told(settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = "http://testserver"
    found = about("redirect URI")

    assert found.level is Level.WARNING
    assert "https" in found.do


def test_a_nonce_is_told(settings: Any) -> None:
    settings.PLASGATE_IP_CALLBACK_NONCE = True
    found = about("nonce")

    assert found.level is Level.WARNING
    assert "PlasGate" in found.do
