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


def sessions(engine: str, cache: str = "redis.RedisCache") -> dict[str, Any]:
    """Return settings with this engine of Django's, and this cache for it."""
    location = {"LOCATION": "redis://127.0.0.1"}
    return {
        "SESSION_ENGINE": f"django.contrib.sessions.backends.{engine}",
        "SESSION_CACHE_ALIAS": "sessions",
        "CACHES": {
            "default": {"BACKEND": f"{CACHES}.redis.RedisCache", **location},
            "sessions": {"BACKEND": f"{CACHES}.{cache}", **location},
        },
    }


def backend(path: str, scopes: Any, login_required: bool = False) -> dict[str, Any]:
    return {
        "AUTHENTICATION_BACKENDS": [path],
        "PLASGATE_IP_LOGIN_REQUIRED": login_required,
        "PLASGATE_IP_SCOPES": scopes,
    }


OURS = "django_plasgate_ip.backends.VerifiedPhoneBackend"
OVERRIDE = f"{{% extends plasgate_ip_base %}}{BODY}"
EMPTY = {**django_templates(), "NAME": "empty"}
SITES: list[tuple[dict[str, Any], list[str]]] = [
    # Templates: the request, and a block for our pages.
    ({"TEMPLATES": [django_templates(CONTENT, processors=())]}, ["E008"]),
    ({"TEMPLATES": [OTHER_ENGINE]}, ["E008"]),
    ({"TEMPLATES": [django_templates(f"{{% if user %}}{CONTENT}{{% endif %}}")]}, []),
    ({"TEMPLATES": [django_templates('{% extends "layout.html" %}')]}, []),
    ({"TEMPLATES": [django_templates("{% broken %}")]}, []),
    ({"TEMPLATES": [django_templates(BODY, OVERRIDE)]}, []),
    ({"TEMPLATES": [django_templates(BODY)]}, ["W004"]),
    ({"TEMPLATES": [OTHER_ENGINE, django_templates("")]}, ["W004"]),
    ({"TEMPLATES": [OTHER_ENGINE, EMPTY, django_templates()]}, []),
    # Sessions: the cookie, and where they are stored.
    ({"SESSION_COOKIE_SAMESITE": "Strict"}, ["W001"]),
    ({"SESSION_COOKIE_SAMESITE": "strict"}, ["W001"]),
    ({"SESSION_COOKIE_SAMESITE": None}, []),
    (sessions("signed_cookies"), ["W002"]),
    ({"SESSION_ENGINE": OWN}, ["W002"]),
    (sessions("cache", "locmem.LocMemCache"), ["W003"]),
    (sessions("cache", "dummy.DummyCache"), ["W003"]),
    (sessions("cache"), []),
    (sessions("cached_db", "locmem.LocMemCache"), ["W003"]),
    (sessions("cached_db", "dummy.DummyCache"), []),
    (sessions("db", "locmem.LocMemCache"), []),
    # The login backend.
    (backend(OURS, "profile mobile_id", login_required=True), ["W009"]),
    (backend(f"{OWN}.OwnBackend", "profile mobile_id", login_required=True), ["W009"]),
    (backend(OURS, "profile mobile_id"), []),
    (backend(OURS, ["ip:mobile_id", "phone_verify"]), []),
    (backend(OURS, ["phone_verify"]), ["W009"]),
    (backend(OURS, ["phone", "mobile_id"]), ["W009"]),
    (backend(OURS, ["email"]), ["E005"]),
    (backend(OURS, 7), ["E005"]),
]


@pytest.mark.parametrize(("values", "expected"), SITES)
def test_a_site_has_a_message_for_what_stops_a_verification(
    settings: Any, values: dict[str, Any], expected: list[str]
) -> None:
    change(settings, values)

    assert ids() == expected
    for message in messages():
        assert message.level == (WARNING if expected[0].startswith("W") else ERROR)
        assert message.hint


@pytest.mark.parametrize(
    ("number", "path", "own"),
    [
        ("E007", SESSIONS, "OwnSessionMiddleware"),
        ("E009", AUTHENTICATION, "OwnAuthenticationMiddleware"),
    ],
)
def test_the_app_needs_two_of_djangos_middleware_or_subclasses(
    settings: Any, number: str, path: str, own: str
) -> None:
    whole = settings.MIDDLEWARE
    settings.MIDDLEWARE = [other for other in whole if other != path]
    (message,) = messages()

    assert (message.id, message.level) == (f"django_plasgate_ip.{number}", ERROR)
    assert path in str(message.hint)
    settings.MIDDLEWARE = [f"{OWN}.{own}" if other == path else other for other in whole]
    assert ids() == []


@pytest.mark.parametrize(
    "values",
    [
        {"SESSION_ENGINE": None},
        {"SESSION_ENGINE": "no.such.module"},
        {"SESSION_ENGINE": "django.urls"},
        {**sessions("cache"), "SESSION_CACHE_ALIAS": "nothing"},
    ],
)
def test_what_can_not_be_imported_is_left_to_django(settings: Any, values: dict[str, Any]) -> None:
    broken = ["django.views.debug.nothing", "no.such.module", f"{OWN}.sessions", "", None]
    change(settings, {**values, "MIDDLEWARE": [*broken, *settings.MIDDLEWARE]})
    assert check_project() == []

    settings.MIDDLEWARE = broken
    assert [message.id for message in check_project()] == [
        "django_plasgate_ip.E007",
        "django_plasgate_ip.E009",
    ]


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
