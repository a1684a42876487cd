"""The checks of the site around the app, and of settings that suit development only."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.backends import signed_cookies
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import ERROR, WARNING
from django.template.backends.dummy import TemplateStrings

from django_plasgate_ip.backends import VerifiedPhoneBackend
from django_plasgate_ip.checks import check_project
from tests.checks.reported import change, ids, messages

OWN = "tests.checks.test_project"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
REQUEST = "django.template.context_processors.request"
# The admin's own check requires these.
ADMINS = (
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
)
BACKENDS = "django.contrib.sessions.backends"
CACHES = "django.core.cache.backends"
CONTENT = "{% block content %}{% endblock %}"
BODY = "{% block body %}{% endblock %}"
PRODUCTION = {
    "PLASGATE_IP_PUBLIC_URL": "https://www.example.com",
    "PLASGATE_IP_ENCRYPTION_KEYS": [Fernet.generate_key()],
}


class OwnSessionMiddleware(SessionMiddleware):
    """A site's subclass."""


class OwnAuthenticationMiddleware(AuthenticationMiddleware):
    """A site's subclass."""


class OwnBackend(VerifiedPhoneBackend):
    """A site's subclass."""


class SessionStore(signed_cookies.SessionStore):
    """Makes this module a session engine."""


class OtherTemplates(TemplateStrings):
    """An engine that is not Django's. It has every template."""

    def get_template(self, template_name: str) -> Any:
        return object()


OTHER_ENGINE = {"BACKEND": f"{OWN}.OtherTemplates", "APP_DIRS": False, "DIRS": [], "OPTIONS": {}}


def django_templates(
    base: str | None = None, between: str | None = None, processors: tuple[str, ...] = (REQUEST,)
) -> dict[str, Any]:
    """Return an entry of TEMPLATES: the site's base.html, its override of ours, and our own."""
    files = {"base.html": base, "django_plasgate_ip/base.html": between}
    own = {name: source for name, source in files.items() if source is not None}
    loaders = [
        ("django.template.loaders.locmem.Loader", own),
        "django.template.loaders.app_directories.Loader",
    ]
    return {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {"loaders": loaders, "context_processors": [*ADMINS, *processors]},
    }


# Middleware


@pytest.mark.parametrize(
    ("number", "path", "own"),
    [
        ("E007", SESSIONS, "OwnSessionMiddleware"),
        ("E009", AUTHENTICATION, "OwnAuthenticationMiddleware"),
    ],
)
def test_a_middleware_that_the_app_needs_is_missing(
    settings: Any, number: str, path: str, own: str
) -> None:
    whole = settings.MIDDLEWARE
    settings.MIDDLEWARE = [other for other in whole if other != path]
    (message,) = messages()

    assert (message.id, message.level) == (f"django_plasgate_ip.{number}", ERROR)
    assert path in str(message.hint)
    settings.MIDDLEWARE = [f"{OWN}.{own}" if other == path else other for other in whole]
    assert ids() == []


def test_middleware_that_can_not_be_imported_is_left_to_django(settings: Any) -> None:
    broken = ["django.views.debug.nothing", "no.such.module", f"{OWN}.django_templates", "", None]
    settings.MIDDLEWARE = [*broken, *settings.MIDDLEWARE]
    assert check_project() == []

    settings.MIDDLEWARE = broken
    assert [message.id for message in check_project()] == [
        "django_plasgate_ip.E007",
        "django_plasgate_ip.E009",
    ]


# Templates


@pytest.mark.parametrize(
    "templates",
    [django_templates(processors=(), base=CONTENT), OTHER_ENGINE],
    ids=["no processor", "no engine of Django's"],
)
def test_templates_without_the_request_are_an_error(settings: Any, templates: Any) -> None:
    settings.TEMPLATES = [templates]
    (message,) = messages()

    assert (message.id, message.level) == ("django_plasgate_ip.E008", ERROR)
    assert REQUEST in str(message.hint)


@pytest.mark.parametrize(
    ("base", "between", "expected"),
    [
        (CONTENT, None, []),
        (f"<main>{{% if user %}}{CONTENT}{{% endif %}}</main>", None, []),
        ('{% extends "layout.html" %}', None, []),
        ("{% broken %}", None, []),
        (None, None, []),
        (BODY, f"{{% extends plasgate_ip_base %}}{BODY}", []),
        (BODY, None, ["W004"]),
        ("", None, ["W004"]),
    ],
)
def test_a_base_template_without_our_block_is_warned_of(
    settings: Any, base: str | None, between: str | None, expected: list[str]
) -> None:
    settings.TEMPLATES = [django_templates(base, between)]

    assert ids() == expected
    assert {message.level for message in messages()} <= {WARNING}


def test_a_base_template_of_another_engine_is_not_read(settings: Any) -> None:
    settings.TEMPLATES = [OTHER_ENGINE, django_templates(base="")]
    assert ids() == ["W004"]

    settings.TEMPLATES = [OTHER_ENGINE, {**django_templates(), "NAME": "empty"}, django_templates()]
    assert ids() == []


# Sessions


@pytest.mark.parametrize(
    ("same_site", "expected"),
    [("Strict", ["W001"]), ("strict", ["W001"]), ("Lax", []), (None, [])],
)
def test_a_strict_session_cookie_is_warned_of(
    settings: Any, same_site: Any, expected: list[str]
) -> None:
    settings.SESSION_COOKIE_SAMESITE = same_site

    assert ids() == expected


@pytest.mark.parametrize("engine", [f"{BACKENDS}.signed_cookies", OWN])
def test_sessions_in_cookies_are_warned_of(settings: Any, engine: str) -> None:
    settings.SESSION_ENGINE = engine

    assert ids() == ["W002"]


@pytest.mark.parametrize(
    ("engine", "cache", "expected"),
    [
        ("cache", "locmem.LocMemCache", ["W003"]),
        ("cache", "dummy.DummyCache", ["W003"]),
        ("cache", "redis.RedisCache", []),
        ("cached_db", "locmem.LocMemCache", ["W003"]),
        ("cached_db", "dummy.DummyCache", []),
        ("db", "locmem.LocMemCache", []),
    ],
)
def test_sessions_that_processes_do_not_share_are_warned_of(
    settings: Any, engine: str, cache: str, expected: list[str]
) -> None:
    location = {"LOCATION": "redis://127.0.0.1"}
    settings.SESSION_ENGINE = f"{BACKENDS}.{engine}"
    settings.SESSION_CACHE_ALIAS = "sessions"
    settings.CACHES = {
        "default": {"BACKEND": f"{CACHES}.redis.RedisCache", **location},
        "sessions": {"BACKEND": f"{CACHES}.{cache}", **location},
    }

    assert ids() == expected


@pytest.mark.parametrize(
    "values",
    [
        {"SESSION_ENGINE": None},
        {"SESSION_ENGINE": "no.such.module"},
        {"SESSION_ENGINE": "django.urls"},
        {"SESSION_ENGINE": f"{BACKENDS}.cache", "SESSION_CACHE_ALIAS": "nothing"},
    ],
)
def test_a_session_engine_that_does_not_exist_is_left_to_django(
    settings: Any, values: dict[str, Any]
) -> None:
    change(settings, values)

    assert check_project() == []


# Authentication backends


@pytest.mark.parametrize(
    ("backend", "login_required", "scopes", "expected"),
    [
        ("django_plasgate_ip.backends.VerifiedPhoneBackend", True, "profile mobile_id", ["W009"]),
        (f"{OWN}.OwnBackend", True, "profile mobile_id", ["W009"]),
        (f"{OWN}.OwnBackend", False, "profile mobile_id", []),
        (f"{OWN}.OwnBackend", False, ["ip:mobile_id", "phone_verify"], []),
        (f"{OWN}.OwnBackend", False, ["phone_verify"], ["W009"]),
        (f"{OWN}.OwnBackend", False, ["phone", "mobile_id"], ["W009"]),
        (f"{OWN}.OwnBackend", False, ["email"], ["E005"]),
        (f"{OWN}.OwnBackend", False, 7, ["E005"]),
    ],
)
def test_a_backend_that_can_not_log_anybody_in_is_warned_of(
    settings: Any, backend: str, login_required: bool, scopes: Any, expected: list[str]
) -> None:
    settings.AUTHENTICATION_BACKENDS = [backend]
    settings.PLASGATE_IP_LOGIN_REQUIRED = login_required
    settings.PLASGATE_IP_SCOPES = scopes

    assert ids() == expected


# Deployment


FUNCTION = "tests.checks.reported.ids"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"PLASGATE_IP_BASE_URL": "HTTP://cloudapi.plasgate.com/ip/"}, ["W005"]),
        ({"PLASGATE_IP_PUBLIC_URL": None}, ["W006"]),
        ({"PLASGATE_IP_PUBLIC_URL": ""}, ["W006"]),
        # Each tenant may have its own host.
        ({"PLASGATE_IP_PUBLIC_URL": None, "PLASGATE_IP_CREDENTIALS": FUNCTION}, []),
        ({"PLASGATE_IP_ENCRYPTION_KEYS": None}, ["W007"]),
        ({"PLASGATE_IP_LOGIN_REQUIRED": False}, ["W008"]),
        ({"PLASGATE_IP_LOGIN_REQUIRED": False, "PLASGATE_IP_MAX_STARTS_PER_ADDRESS": 50}, []),
        ({"PLASGATE_IP_LOGIN_REQUIRED": False, "PLASGATE_IP_MAX_STARTS_PER_SITE": 500}, []),
    ],
)
def test_settings_that_suit_development_only_are_warned_of_before_a_deployment(
    settings: Any, values: dict[str, Any], expected: list[str]
) -> None:
    change(settings, PRODUCTION | values)

    assert ids() == []
    assert ids(deploy=True) == expected
    for message in messages(deploy=True):
        assert message.level == WARNING
        assert "PLASGATE_IP_" in message.msg
        assert message.hint
