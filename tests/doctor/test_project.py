"""The findings about the site: its table, its sessions, and the redirect URI to register."""

import re
from typing import Any
from unittest import mock

import pytest
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from django_plasgate_ip.doctor import project
from django_plasgate_ip.doctor.findings import Finding, Level
from django_plasgate_ip.models import PhoneVerification

pytestmark = pytest.mark.django_db

OWN = "tests.doctor.test_project"
TENANTS = "tests.checks.reported.ids"
urlpatterns: list[Any] = []


class SessionStore(db.SessionStore):
    """Makes this module a session engine, whose server is down."""

    def save(self, must_create: bool = False) -> None:
        raise ConnectionRefusedError("redis://:pass-word@cache.example:6379")


def findings() -> list[Finding]:
    return list(project.examine())


def is_error(finding: Finding, what: str, do: str) -> None:
    """Fail unless the finding is this error. `what` is a regular expression."""
    assert finding.level is Level.ERROR
    assert re.fullmatch(what, finding.what)
    assert do in finding.do


def test_a_good_site_is_ok_and_its_redirect_uri_can_be_copied(visitor):
    table, sessions, redirect_uri = found = findings()

    assert all((f.about, f.level, f.do) == ("Site", Level.OK, "") for f in found)
    assert table.what == "The table exists in database 'default'."
    assert "(django.contrib.sessions.backends.db)" in sessions.what
    visitor.start()
    shown = redirect_uri.what.split()[-1]
    assert shown == visitor.sent["redirect_uri"] == "https://testserver/phone/callback/"


def test_a_migration_that_is_not_applied_is_an_error():
    MigrationRecorder(connection).record_unapplied("django_plasgate_ip", "0001_initial")

    is_error(findings()[0], "Database 'default' has unapplied migrations .*: 1.", "migrate")


def test_a_table_that_can_not_be_read_is_an_error_without_the_databases_words(monkeypatch):
    monkeypatch.setattr(PhoneVerification._meta, "db_table", "elsewhere")
    found = findings()[0]

    is_error(found, r".* 'default' can't be read: \w+Error\.", "migrate")
    assert "elsewhere" not in repr(found)


def test_the_trial_session_is_deleted_and_would_expire():
    real = db.SessionStore.delete
    with mock.patch.object(db.SessionStore, "delete", autospec=True, side_effect=real) as delete:
        findings()

    assert Session.objects.count() == 0
    assert delete.call_args.args[0].get_expiry_age() == project.SESSION_SECONDS


def test_sessions_that_can_not_be_stored_are_an_error(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    for engine, problem in {
        "django.contrib.sessions.backends.cache": "a stored session was not found again",
        OWN: "ConnectionRefusedError",
    }.items():
        settings.SESSION_ENGINE = engine
        found = findings()[1]
        is_error(found, rf".* stored and read \({engine}\): {problem}\.", "SESSION_ENGINE")
        assert "pass-word" not in repr(found)


def test_a_site_without_our_urls_has_an_error(settings):
    settings.ROOT_URLCONF = OWN

    is_error(findings()[-1], ".* no URL.*", 'include("django_plasgate_ip.urls")')


@pytest.mark.parametrize(
    ("values", "what", "do"),
    [
        # A check reports what is wrong with these.
        ({"PUBLIC_URL": "https://["}, "Sessions can be stored", ""),
        ({"PUBLIC_URL": None}, "path /phone/callback/ and the host of each", ""),
        ({"PUBLIC_URL": "https://shop.example:1"}, ":1/phone/callback/", ""),
        ({"PUBLIC_URL": None, "CREDENTIALS": TENANTS}, "host of each request", "tenant's own host"),
        ({"PUBLIC_URL": "http://testserver"}, "http://testserver/", "Use https"),
        ({"CALLBACK_NONCE": True}, "?nonce=", "Ask PlasGate"),
        ({"SCOPES": ["phone"]}, "?nonce=", "Ask PlasGate"),
        # Without a finding about a nonce, the redirect URI is the last one.
        ({"SCOPES": ["phone"], "CALLBACK_NONCE": False}, "to register", ""),
        ({"SCOPES": ["no such scope"], "CALLBACK_NONCE": False}, "to register", ""),
    ],
)
def test_what_a_person_has_to_decide_about_the_redirect_uri_is_reported(values, what, do, settings):
    for name, value in values.items():
        setattr(settings, f"PLASGATE_IP_{name}", value)
    found = findings()[-1]

    assert found.level is (Level.WARNING if do else Level.OK)
    assert what in found.what
    assert do in found.do
    assert bool(found.do) == bool(do)
