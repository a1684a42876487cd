"""The checks of the site around the app, and of settings that suit development only."""

from importlib import metadata
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import ERROR, WARNING

from django_plasgate_ip.checks import check_project
from tests.checks.reported import ids, messages
from tests.kept import DAY

OWN = "tests.checks.test_project"
FUNCTION = "tests.checks.reported.ids"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
REQUEST = "django.template.context_processors.request"
LOADERS = "django.template.loaders"
CACHES = "django.core.cache.backends"
LOCAL, DUMMY = "locmem.LocMemCache", "dummy.DummyCache"
CONTENT = "{% block content %}{% endblock %}"
BODY = "{% block body %}{% endblock %}"
PRODUCTION = {
    "ALLOWED_HOSTS": [".example.com"],
    "PLASGATE_IP_PUBLIC_URL": "https://www.example.com",
    "PLASGATE_IP_ENCRYPTION_KEYS": [Fernet.generate_key()],
    "PLASGATE_IP_SCOPES": "phone_verify mobile_id",
    "PLASGATE_IP_FALLBACK_URL": "/sms/",
}


class OwnSessionMiddleware(SessionMiddleware):
    """A site's subclass."""


OTHER_ENGINE = {"BACKEND": "django.template.backends.dummy.TemplateStrings"}


def django_templates(
    base: str | None = None, between: str | None = None, processors: tuple[str, ...] = (REQUEST,)
) -> dict[str, Any]:
    """Return an entry of TEMPLATES: the site's base.html, its override of ours, and our own."""
    own = {"base.html": base, "django_plasgate_ip/base.html": between}
    loaders = [
        (
            f"{LOADERS}.locmem.Loader",
            {name: text for name, text in own.items() if text is not None},
        ),
        f"{LOADERS}.app_directories.Loader",
    ]
    return {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {"loaders": loaders, "context_processors": processors},
    }


def sessions(engine: str, cache: str = "redis.RedisCache") -> dict[str, Any]:
    """Return settings with this engine of Django's, and this cache for it."""
    backends = {"default": "redis.RedisCache", "sessions": cache}
    return {
        "SESSION_ENGINE": f"django.contrib.sessions.backends.{engine}",
        "SESSION_CACHE_ALIAS": "sessions",
        "CACHES": {
            alias: {"BACKEND": f"{CACHES}.{backend}", "LOCATION": "redis://127.0.0.1"}
            for alias, backend in backends.items()
        },
    }


def scopes(scopes: Any, nonce: bool | None = True) -> dict[str, Any]:
    return {"PLASGATE_IP_SCOPES": scopes, "PLASGATE_IP_CALLBACK_NONCE": nonce}


LATE_LOGIN = {"AUTHENTICATION_BACKENDS": ["django_plasgate_ip.backends.VerifiedPhoneBackend"]}
LOGIN = LATE_LOGIN | {"PLASGATE_IP_LOGIN_REQUIRED": False}
OVERRIDE = f"{{% extends plasgate_ip_base %}}{BODY}"
EMPTY = {**django_templates(), "NAME": "empty"}
SITES: list[tuple[dict[str, Any], list[str]]] = [
    # A function can be session middleware, but no check can tell.
    ({"MIDDLEWARE": [FUNCTION, AUTHENTICATION]}, ["W016"]),
    ({"MIDDLEWARE": [SESSIONS]}, ["W017"]),
    ({"MIDDLEWARE": [f"{OWN}.OwnSessionMiddleware", AUTHENTICATION]}, []),
    # Templates: the request, and a block for our pages.
    ({"TEMPLATES": [django_templates(CONTENT, processors=())]}, ["W018"]),
    ({"TEMPLATES": [OTHER_ENGINE]}, ["W018"]),
    ({"TEMPLATES": [django_templates(f"{{% if user %}}{CONTENT}{{% endif %}}")]}, []),
    ({"TEMPLATES": [django_templates('{% extends "layout.html" %}')]}, []),
    ({"TEMPLATES": [django_templates("{% broken %}")]}, []),
    ({"TEMPLATES": [django_templates(BODY, OVERRIDE)]}, []),
    ({"TEMPLATES": [django_templates(BODY)]}, ["W004"]),
    ({"TEMPLATES": [OTHER_ENGINE, django_templates("")]}, ["W004"]),
    ({"TEMPLATES": [OTHER_ENGINE, EMPTY, django_templates()]}, []),
    ({"PLASGATE_IP_ENCRYPTION_KEYS": None, "SECRET_KEY_FALLBACKS": None}, []),
    # Sessions: the cookie, and where they are stored.
    ({"SESSION_COOKIE_SAMESITE": "Strict"}, ["W001"]),
    ({"SESSION_COOKIE_SAMESITE": None}, []),
    (sessions("signed_cookies"), ["W002"]),
    *((sessions("cache", cache), ["W003"]) for cache in (LOCAL, DUMMY)),
    (sessions("cache"), []),
    (sessions("cached_db", LOCAL), ["W003"]),
    (sessions("cached_db", DUMMY), []),
    # The login backend.
    (LATE_LOGIN | scopes("profile mobile_id"), ["W009"]),
    (LOGIN | scopes("profile mobile_id"), []),
    (LOGIN | scopes(["ip:mobile_id", "phone_verify"]), []),
    (LOGIN | scopes(["phone_verify"]), ["W009"]),
    *((LOGIN | scopes(invalid), ["E005"]) for invalid in (["email"], 7)),
    # The nonce: where nothing else ties a code to its browser, and for a login.
    *((LOGIN | scopes("profile mobile_id", nonce), ["W011"]) for nonce in (None, False)),
    (scopes("ip:phone mobile_id", None), []),
    (scopes("phone", True), []),
    (scopes("openid phone ip:mobile_id", False), ["W010"]),
    (scopes("phone phone_verify", False), []),
]


@pytest.mark.parametrize(("values", "expected"), SITES)
def test_a_site_has_a_message_for_what_stops_a_verification(settings, values, expected):
    for name, value in values.items():
        setattr(settings, name, value)

    assert ids() == expected
    for message in messages():
        assert message.level == (WARNING if expected[0].startswith("W") else ERROR)
        assert message.hint


def test_what_can_not_be_imported_or_read_is_left_to_django(settings, tmp_path):
    (tmp_path / "base.html").write_bytes(b"\xff")
    options = {"OPTIONS": {"context_processors": [REQUEST]}}
    settings.TEMPLATES = [{**django_templates(), "DIRS": [tmp_path], **options}]
    raising = "tests.other_sites.broken.Middleware"
    broken = ["django.views.debug.nothing", "no.such.module", f"{OWN}.sessions", "", None, raising]
    settings.MIDDLEWARE = [*broken, *settings.MIDDLEWARE]
    settings.SESSION_ENGINE, settings.SESSION_CACHE_ALIAS = None, "nothing"
    assert check_project() == []

    for broken_or_none in (broken, None):
        settings.MIDDLEWARE = settings.AUTHENTICATION_BACKENDS = broken_or_none
        assert [str(message.id)[-4:] for message in check_project()] == ["W016", "W017"]


@pytest.mark.parametrize("missing", [set(), {"phonenumbers"}, {"phonenumberslite"}])
def test_two_packages_with_the_same_files_are_warned_of(missing, monkeypatch):
    def distribution(name: str) -> None:
        if name in missing:
            raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "distribution", distribution)
    assert ids() == ([] if missing else ["W014"])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"PLASGATE_IP_BASE_URL": "HTTP://cloudapi.plasgate.com/ip/"}, ["W005"]),
        *(({"PLASGATE_IP_PUBLIC_URL": url}, ["W006"]) for url in (None, "")),
        # Each tenant may have its own host.
        ({"PLASGATE_IP_PUBLIC_URL": None, "PLASGATE_IP_CREDENTIALS": FUNCTION}, []),
        *(({"ALLOWED_HOSTS": hosts}, ["W012"]) for hosts in (["example.com"], None)),
        ({"PLASGATE_IP_PUBLIC_URL": "https://www.example.com:8443"}, []),
        ({"PLASGATE_IP_PUBLIC_URL": "https://[::1]", "ALLOWED_HOSTS": ["[::1]"]}, []),
        *(({"SESSION_COOKIE_DOMAIN": f"{a}ample.com"}, ["W012"]) for a in ("shop.ex", "")),
        ({"SESSION_COOKIE_DOMAIN": ".Example.com"}, []),
        ({"PLASGATE_IP_ENCRYPTION_KEYS": None}, ["W007"]),
        ({"PLASGATE_IP_FALLBACK_URL": None}, ["W020"]),
        ({"PLASGATE_IP_FALLBACK_URL": None, "PLASGATE_IP_FALLBACK_FUNCTION": FUNCTION}, []),
        ({"PLASGATE_IP_SCOPES": "ip:profile phone_verify"}, ["W013"]),
        ({"PLASGATE_IP_SCOPES": ["profile"], "PLASGATE_IP_CLAIMS_RETENTION": DAY}, []),
        ({"PLASGATE_IP_LOGIN_REQUIRED": False}, ["W008"]),
        ({"PLASGATE_IP_LOGIN_REQUIRED": False, "PLASGATE_IP_MAX_STARTS_PER_ADDRESS": 50}, []),
        ({"PLASGATE_IP_LOGIN_REQUIRED": False, "PLASGATE_IP_MAX_STARTS_PER_SITE": 500}, []),
    ],
)
def test_settings_that_suit_development_only_are_warned_of_before_a_deployment(
    settings, values, expected
):
    for name, value in (PRODUCTION | values).items():
        setattr(settings, name, value)

    assert ids() == []
    assert ids(deploy=True) == expected
    for message in messages(deploy=True):
        assert message.level == WARNING
        assert "PLASGATE_IP_" in message.msg
        assert message.hint
