"""System checks: each wrong setting is told by its own id, and none makes a check raise."""

import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.backends import signed_cookies
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import ERROR, WARNING, CheckMessage, run_checks
from django.template.backends.dummy import TemplateStrings
from django.urls import reverse_lazy

from django_plasgate_ip.backends import VerifiedPhoneBackend
from django_plasgate_ip.checks import project
from django_plasgate_ip.checks import settings as settings_checks
from django_plasgate_ip.conf import Settings

OWN = "tests.checks.test_checks"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
REQUEST = "django.template.context_processors.request"
BACKENDS = "django.contrib.sessions.backends"
CACHES = "django.core.cache.backends"
KEY = "an-example-of-a-Fernet-key-as-they-are-made="
HOUR = timedelta(hours=1)
NAMES = [name for name in vars(Settings) if name.startswith("PLASGATE_IP_")]


class OwnSessionMiddleware(SessionMiddleware):
    """A site's own, as many have."""


class OwnAuthenticationMiddleware(AuthenticationMiddleware):
    """Another one."""


class OwnBackend(VerifiedPhoneBackend):
    """A third."""


class SessionStore(signed_cookies.SessionStore):
    """With it, this module is a session engine."""


class OtherTemplates(TemplateStrings):
    """An engine that is not Django's, has any template, and none of Django's nodes."""

    def get_template(self, template_name: str) -> Any:
        return object()


async def an_async_function(*args: Any) -> Any:
    """Be what our views, which are not async, can't call."""


def said(*, deploy: bool = False) -> list[CheckMessage]:
    """Return what ``manage.py check`` says of us."""
    return [
        message
        for message in run_checks(include_deployment_checks=deploy)
        if str(message.id).startswith("django_plasgate_ip.")
    ]


def ids(*, deploy: bool = False) -> list[str]:
    return [str(message.id).partition(".")[2] for message in said(deploy=deploy)]


def change(settings: Any, **values: Any) -> None:
    for name, value in values.items():
        setattr(settings, name, value)


def django_templates(
    base: str | None = None, between: str | None = None, processors: tuple[str, ...] = (REQUEST,)
) -> dict[str, Any]:
    """Return one entry of TEMPLATES: the site's base.html, its override of ours, and our own."""
    files = {"base.html": base, "django_plasgate_ip/base.html": between}
    loaders = [
        (
            "django.template.loaders.locmem.Loader",
            {name: source for name, source in files.items() if source is not None},
        ),
        "django.template.loaders.app_directories.Loader",
    ]
    return {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {"loaders": loaders, "context_processors": [*ADMINS, *processors]},
    }


# The admin's own check wants these; they are none of our business.
ADMINS = (
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
)
OTHER_ENGINE = {"BACKEND": f"{OWN}.OtherTemplates", "APP_DIRS": False, "DIRS": [], "OPTIONS": {}}
PRODUCTION = {
    "PLASGATE_IP_PUBLIC_URL": "https://www.example.com",
    "PLASGATE_IP_ENCRYPTION_KEYS": [KEY],
}


def test_good_settings_are_not_worth_a_word() -> None:
    assert ids() == []


def test_good_settings_of_a_live_site_are_not_worth_a_word(settings: Any) -> None:
    change(settings, **PRODUCTION)
    assert ids(deploy=True) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PLASGATE_IP_BASE_URL", "https://stageapi.plasgate.com/ip"),
        ("PLASGATE_IP_BASE_URL", "http://127.0.0.1:8000/sandbox/"),
        ("PLASGATE_IP_BASE_URL", "http://sandbox:8000"),
        ("PLASGATE_IP_BASE_URL", "HTTPS://[::1]:8443/ip/"),
        ("PLASGATE_IP_PUBLIC_URL", None),
        ("PLASGATE_IP_PUBLIC_URL", ""),
        ("PLASGATE_IP_PUBLIC_URL", "https://www.example.com/"),
        ("PLASGATE_IP_PUBLIC_URL", "http://localhost:8000"),
        ("PLASGATE_IP_PUBLIC_URL", "https://ទូរស័ព្ទ.example"),
        ("PLASGATE_IP_SCOPES", "openid ip:phone_verify phone_verify"),
        ("PLASGATE_IP_SCOPES", ["profile"]),
        ("PLASGATE_IP_SCOPES", {"phone": True}),
        ("PLASGATE_IP_DEFAULT_REGION", "FR"),
        ("PLASGATE_IP_PHONE_PARAMETERS", ["login_hint"]),
        ("PLASGATE_IP_ATTEMPT_LIFETIME", timedelta(seconds=1)),
        ("PLASGATE_IP_TIMEOUT", 0.5),
        ("PLASGATE_IP_CONNECT_TIMEOUT", 30),
        ("PLASGATE_IP_ENCRYPTION_KEYS", None),
        ("PLASGATE_IP_ENCRYPTION_KEYS", (KEY.encode(), KEY)),
        ("PLASGATE_IP_MAX_STARTS_PER_NUMBER", 1),
        ("PLASGATE_IP_MAX_STARTS_PER_USER", None),
        ("PLASGATE_IP_MAX_STARTS_PER_ADDRESS", 1000),
        ("PLASGATE_IP_MAX_STARTS_PER_SITE", 10**9),
        ("PLASGATE_IP_TRUSTED_PROXY_COUNT", 0),
        ("PLASGATE_IP_TRUSTED_PROXY_COUNT", 2),
        ("PLASGATE_IP_CLAIMS_RETENTION", None),
        ("PLASGATE_IP_CLAIMS_RETENTION", timedelta(hours=1)),
        ("PLASGATE_IP_ATTEMPT_RETENTION", timedelta(days=3650)),
        ("SESSION_COOKIE_SAMESITE", "Lax"),
        ("SESSION_COOKIE_SAMESITE", "None"),
        ("SESSION_COOKIE_SAMESITE", None),
        ("SESSION_COOKIE_SAMESITE", False),
        ("SESSION_ENGINE", f"{BACKENDS}.file"),
    ],
)
def test_what_works_is_not_worth_a_word(settings: Any, name: str, value: Any) -> None:
    change(settings, **{name: value})
    assert ids() == []


KEYS: list[Any] = [
    "",
    None,
    7,
    b"key",
    ["key"],
    " ",
    "a key",
    "key\n",
    "key\r\nX-Other: 1",
    "key\0",
    "key\x7f",
    "cl\u00e9",
    "\u200bkey",
]
URLS: list[Any] = [
    None,
    7,
    b"https://example.com",
    ["https://example.com"],
    "example.com",
    "//example.com",
    "ftp://example.com",
    "https://",
    "https://:8000",
    "https://example.com:port",
    "https://example.com:99999",
    "https://[::1",
    "https://user@example.com",
    "https://:password@example.com",
    "https://example.com?x=1",
    "https://example.com#x",
    "https://exa mple.com",
    "https://exam\nple.com",
    "https://example.com\\",
    " https://example.com",
]
WRONG: dict[str, dict[str, list[Any]]] = {
    "E001": {"PLASGATE_IP_PRIVATE_KEY": KEYS},
    "E002": {"PLASGATE_IP_SECRET_KEY": KEYS},
    "E003": {"PLASGATE_IP_BASE_URL": ["", *URLS]},
    "E004": {
        "PLASGATE_IP_PUBLIC_URL": [
            *URLS[1:],
            "https://example.com/shop",
            "https://example.com/?",
            "https://example.com?",
            "https://example.com#",
        ]
    },
    "E005": {
        "PLASGATE_IP_SCOPES": [
            None,
            7,
            b"phone",
            ["phone_verify", "email"],
            ["Phone"],
            "phone,profile",
            [None],
            [["phone"]],
            {7: "phone"},
        ]
    },
    "E006": {"PLASGATE_IP_SCOPES": [(), "", ["openid"], "openid ip:phone ip:profile"]},
    "E010": {"PLASGATE_IP_DEFAULT_REGION": [None, 855, "", "kh", "XX", "+855", ["KH"], b"KH"]},
    "E011": {
        "PLASGATE_IP_PHONE_PARAMETERS": [
            None,
            7,
            (),
            "login_hint",
            b"login_hint",
            ["login_hint", None],
            [""],
            (name for name in ("login_hint",)),
        ]
    },
    "E012": {"PLASGATE_IP_ATTEMPT_LIFETIME": [None, 300, "5m", timedelta(0), timedelta(days=-1)]},
    "E013": {
        name: [None, 0, -1, "10", True, math.nan, math.inf, [10], timedelta(seconds=10), 1j]
        for name in ("PLASGATE_IP_TIMEOUT", "PLASGATE_IP_CONNECT_TIMEOUT")
    },
    "E014": {
        "PLASGATE_IP_ENCRYPTION_KEYS": [
            7,
            [],
            "",
            KEY,
            KEY.encode(),
            ["too short"],
            [KEY, "too short"],
            ["cl\u00e9"],
            [None],
            [7],
            [["key"]],
        ]
    },
    "E015": {
        f"PLASGATE_IP_MAX_STARTS_PER_{scope}": [0, -1, True, False, 1.0, "10", "", [10], HOUR]
        for scope in ("NUMBER", "USER", "ADDRESS", "SITE")
    },
    "E016": {
        "PLASGATE_IP_TRUSTED_PROXY_COUNT": [None, -1, True, 1.0, "1", "", [1], ["10.0.0.0/8"]]
    },
    "E017": {
        name: [0, 30, "30d", True, timedelta(0), -HOUR, HOUR - timedelta(microseconds=1), [HOUR]]
        for name in ("PLASGATE_IP_CLAIMS_RETENTION", "PLASGATE_IP_ATTEMPT_RETENTION")
    },
    "E018": {
        "PLASGATE_IP_EXCHANGE_ENDPOINT": [None, 7, "", "ip auth", "ip-auth?a=1", "ip-auth\n", b"a"]
    },
    "E019": {"PLASGATE_IP_CA_BUNDLE": ["", "/no/such.pem", "/", 7, b"x", "a\0b"]},
    "E020": {
        "PLASGATE_IP_PROXY": ["", "proxy:3128", "socks5://proxy:1080", "http://", 7, b"http://a"]
    },
    "E021": {
        "PLASGATE_IP_FALLBACK_URL": [
            "",
            "sms-cod",
            7,
            b"/sms/",
            ["/sms/"],
            "sms.html",
            "tests.checks.test_checks.said",
            len,
        ]
    },
    "E023": {
        "PLASGATE_IP_FALLBACK_FUNCTION": [
            "",
            "/sms/",
            7,
            "tests.checks.test_checks.no_such_function",
            "tests.checks.test_checks.OWN",
            "tests.checks.test_checks.an_async_function",
        ]
    },
    "E022": {
        "PLASGATE_IP_CREDENTIALS": [
            "",
            7,
            ("a private key", "a secret key"),
            "keys_for",
            "tests.checks.test_checks.no_such_function",
            "tests.checks.test_checks.OWN",
            an_async_function,
        ]
    },
}


@pytest.mark.parametrize(
    ("number", "name", "value"),
    [
        pytest.param(number, name, value, id=f"{name} {ascii(value).split(' at ')[0]}")
        for number, by_name in WRONG.items()
        for name, values in by_name.items()
        for value in values
    ],
)
def test_wrong_setting_is_told_by_its_id(settings: Any, number: str, name: str, value: Any) -> None:
    change(settings, **{name: value})
    (message,) = said()
    assert message.id == f"django_plasgate_ip.{number}"
    assert message.level == ERROR
    assert name in message.msg
    assert message.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PLASGATE_IP_EXCHANGE_ENDPOINT", "check-info"),
        ("PLASGATE_IP_CA_BUNDLE", Path(__file__)),
        ("PLASGATE_IP_CA_BUNDLE", __file__),
        ("PLASGATE_IP_PROXY", "http://user:pass@proxy.example.com:3128"),
        ("PLASGATE_IP_PROXY", "https://proxy.example.com"),
        ("PLASGATE_IP_FALLBACK_URL", "/sms/"),
        ("PLASGATE_IP_FALLBACK_URL", "https://sms.example.com/"),
        ("PLASGATE_IP_FALLBACK_URL", "login"),
        ("PLASGATE_IP_FALLBACK_URL", "admin:index"),
        ("PLASGATE_IP_FALLBACK_URL", reverse_lazy("login")),
        ("PLASGATE_IP_FALLBACK_FUNCTION", "tests.checks.test_checks.said"),
    ],
)
def test_right_setting_is_let_alone(settings: Any, name: str, value: Any) -> None:
    change(settings, **{name: value})
    assert said() == []


@pytest.mark.parametrize(
    ("per_address", "per_site", "expected"),
    [(None, None, ["W008"]), (50, None, []), (None, 500, [])],
)
def test_anonymous_starts_without_a_limit_are_told_before_they_cost(
    settings: Any, per_address: int | None, per_site: int | None, expected: list[str]
) -> None:
    change(
        settings,
        PLASGATE_IP_LOGIN_REQUIRED=False,
        PLASGATE_IP_MAX_STARTS_PER_ADDRESS=per_address,
        PLASGATE_IP_MAX_STARTS_PER_SITE=per_site,
    )
    assert [number for number in ids(deploy=True) if number == "W008"] == expected
    assert "W008" not in ids()


@pytest.mark.parametrize("number", ["E001", "E002"])
def test_missing_key_is_told_by_its_id(settings: Any, number: str) -> None:
    (name,) = WRONG[number]
    delattr(settings, name)
    assert ids() == [number]


@pytest.mark.parametrize("number", ["E001", "E002"])
def test_tenants_keys_make_the_sites_unneeded_but_not_any_better(
    settings: Any, number: str
) -> None:
    (name,) = WRONG[number]
    settings.PLASGATE_IP_CREDENTIALS = "tests.checks.test_checks.said"
    delattr(settings, name)
    assert ids() == []
    setattr(settings, name, "a key")
    assert ids() == [number]


def test_a_site_with_tenants_may_have_no_one_public_url(settings: Any) -> None:
    change(settings, **PRODUCTION, PLASGATE_IP_CREDENTIALS="tests.checks.test_checks.said")
    assert ids(deploy=True) == []
    settings.PLASGATE_IP_PUBLIC_URL = None
    assert ids(deploy=True) == []


def test_no_check_repeats_a_key(settings: Any) -> None:
    change(
        settings,
        PLASGATE_IP_PRIVATE_KEY="pri vate",
        PLASGATE_IP_SECRET_KEY="sec ret",
        PLASGATE_IP_ENCRYPTION_KEYS=["fer net"],
    )
    assert ids() == ["E001", "E002", "E014"]
    told = " ".join(f"{message.msg} {message.hint}" for message in said())
    assert not [key for key in ("pri vate", "sec ret", "fer net") if key in told]


ODD: list[Any] = [
    None,
    0,
    -1,
    10**400,
    1.5,
    math.nan,
    True,
    "",
    " ",
    "x",
    "\0",
    "\ud800",
    "http://[",
    b"",
    b"\xff",
    [],
    [None],
    [[]],
    (1,),
    {},
    {"a": 1},
    set(),
    object(),
    object,
    len,
    timedelta.max,
]


@pytest.mark.parametrize("name", NAMES)
def test_no_type_of_a_setting_makes_a_check_raise(settings: Any, name: str) -> None:
    for value in ODD:
        change(settings, **{name: value})
        for check in (
            settings_checks.check_settings,
            project.check_project,
            project.check_deployment,
        ):
            assert all(isinstance(message, CheckMessage) for message in check())


# The site around us


@pytest.mark.parametrize(
    ("number", "path", "own"),
    [
        ("E007", SESSIONS, "OwnSessionMiddleware"),
        ("E009", AUTHENTICATION, "OwnAuthenticationMiddleware"),
    ],
)
def test_middleware_is_needed(settings: Any, number: str, path: str, own: str) -> None:
    whole = settings.MIDDLEWARE
    settings.MIDDLEWARE = [other for other in whole if other != path]
    (message,) = said()
    assert (message.id, message.level) == (f"django_plasgate_ip.{number}", ERROR)
    assert path in str(message.hint)
    settings.MIDDLEWARE = [f"{OWN}.{own}" if other == path else other for other in whole]
    assert ids() == []


@pytest.mark.parametrize("backend", ["VerifiedPhoneBackend", "OwnBackend"])
@pytest.mark.parametrize(
    ("login_required", "scopes", "expected"),
    [
        (False, ["phone_verify", "mobile_id"], []),
        (False, "profile mobile_id", []),
        (True, ["phone_verify", "mobile_id"], ["W009"]),
        (False, ["phone_verify"], ["W009"]),
        (False, ["phone", "mobile_id"], ["W009"]),
        (False, 7, ["E005"]),
    ],
)
def test_a_backend_that_can_log_nobody_in_is_told(
    settings: Any, backend: str, login_required: bool, scopes: Any, expected: list[str]
) -> None:
    module = OWN if backend == "OwnBackend" else "django_plasgate_ip.backends"
    change(
        settings,
        AUTHENTICATION_BACKENDS=[f"{module}.{backend}"],
        PLASGATE_IP_LOGIN_REQUIRED=login_required,
        PLASGATE_IP_SCOPES=scopes,
    )
    assert ids() == expected


def test_middleware_may_be_a_function_or_broken(settings: Any) -> None:
    # What can't be imported is for Django to tell.
    broken = ["django.views.debug.nothing", "no.such.module", f"{OWN}.said", "nothing", "", None]
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, *broken]
    assert project.check_project() == []
    settings.MIDDLEWARE = broken
    assert [message.id for message in project.check_project()] == [
        "django_plasgate_ip.E007",
        "django_plasgate_ip.E009",
    ]


CONTENT = "{% block content %}{% endblock %}"


def test_templates_need_the_request(settings: Any) -> None:
    settings.TEMPLATES = [django_templates(processors=(), base=CONTENT)]
    (message,) = said()
    assert (message.id, message.level) == ("django_plasgate_ip.E008", ERROR)
    assert REQUEST in str(message.hint)


def test_templates_need_djangos_engine(settings: Any) -> None:
    settings.TEMPLATES = [OTHER_ENGINE]
    assert ids() == ["E008"]


@pytest.mark.parametrize(
    "base",
    [
        CONTENT,
        "<main>{% if user %}{% block content %}{% endblock content %}{% endif %}</main>",
        "{% block page %}" + CONTENT + "{% endblock page %}",
        '{% extends "layout.html" %}',
        "{% broken %}",
    ],
)
def test_base_template_may_be_as_it_likes(settings: Any, base: str) -> None:
    settings.TEMPLATES = [django_templates(base=base)]
    assert ids() == []


@pytest.mark.parametrize(
    "base", ["", "{% block body %}{% endblock %}", "{% comment %}x{% endcomment %}"]
)
def test_base_template_needs_a_block_for_us(settings: Any, base: str) -> None:
    settings.TEMPLATES = [django_templates(base=base)]
    (message,) = said()
    assert (message.id, message.level) == ("django_plasgate_ip.W004", WARNING)
    assert "django_plasgate_ip/base.html" in str(message.hint)


def test_base_template_may_name_its_block_otherwise_where_ours_is_overridden(settings: Any) -> None:
    between = "{% extends plasgate_ip_base %}{% block body %}{% endblock %}"
    settings.TEMPLATES = [django_templates("{% block body %}{% endblock %}", between)]
    assert ids() == []


def test_site_may_have_no_base_template(settings: Any) -> None:
    settings.TEMPLATES = [django_templates()]
    assert ids() == []


def test_base_template_of_another_engine_is_not_ours_to_read(settings: Any) -> None:
    settings.TEMPLATES = [OTHER_ENGINE, django_templates(base="")]
    assert ids() == ["W004"]
    settings.TEMPLATES = [OTHER_ENGINE, {**django_templates(), "NAME": "empty"}, django_templates()]
    assert ids() == []


@pytest.mark.parametrize("value", ["Strict", "strict"])
def test_strict_session_cookie_is_warned_of(settings: Any, value: str) -> None:
    settings.SESSION_COOKIE_SAMESITE = value
    (message,) = said()
    assert (message.id, message.level) == ("django_plasgate_ip.W001", WARNING)
    assert "Lax" in str(message.hint)


@pytest.mark.parametrize("engine", [f"{BACKENDS}.signed_cookies", OWN])
def test_cookie_sessions_are_warned_of(settings: Any, engine: str) -> None:
    settings.SESSION_ENGINE = engine
    (message,) = said()
    assert (message.id, message.level) == ("django_plasgate_ip.W002", WARNING)


@pytest.mark.parametrize(
    ("engine", "cache", "expected"),
    [
        ("cache", "locmem.LocMemCache", ["W003"]),
        ("cache", "dummy.DummyCache", ["W003"]),
        ("cached_db", "locmem.LocMemCache", ["W003"]),
        ("cached_db", "dummy.DummyCache", []),
        ("cache", "redis.RedisCache", []),
        ("cached_db", "redis.RedisCache", []),
        ("db", "locmem.LocMemCache", []),
        ("file", "dummy.DummyCache", []),
    ],
)
def test_sessions_of_one_process_are_warned_of(
    settings: Any, engine: str, cache: str, expected: list[str]
) -> None:
    settings.SESSION_ENGINE = f"{BACKENDS}.{engine}"
    settings.SESSION_CACHE_ALIAS = "sessions"
    shared = {"BACKEND": f"{CACHES}.redis.RedisCache", "LOCATION": "redis://127.0.0.1"}
    settings.CACHES = {
        "default": shared,
        "sessions": {"BACKEND": f"{CACHES}.{cache}", "LOCATION": "redis://127.0.0.1"},
    }
    assert ids() == expected


def test_default_cache_is_one_of_one_process(settings: Any) -> None:
    settings.SESSION_ENGINE = f"{BACKENDS}.cache"
    assert ids() == ["W003"]


@pytest.mark.parametrize("engine", [None, 7, "", "nothing", "no.such.module", "django.urls"])
def test_session_engine_that_is_none_is_for_django_to_tell(settings: Any, engine: Any) -> None:
    settings.SESSION_ENGINE = engine
    assert project.check_project() == []


def test_session_cache_that_is_none_is_for_django_to_tell(settings: Any) -> None:
    settings.SESSION_ENGINE = f"{BACKENDS}.cache"
    settings.SESSION_CACHE_ALIAS = "nothing"
    assert project.check_project() == []


# Live sites


@pytest.mark.parametrize(
    ("number", "name", "value"),
    [
        ("W005", "PLASGATE_IP_BASE_URL", "http://cloudapi.plasgate.com/ip/"),
        ("W005", "PLASGATE_IP_BASE_URL", "HTTP://cloudapi.plasgate.com/ip/"),
        ("W006", "PLASGATE_IP_PUBLIC_URL", None),
        ("W006", "PLASGATE_IP_PUBLIC_URL", ""),
        ("W007", "PLASGATE_IP_ENCRYPTION_KEYS", None),
    ],
)
def test_live_site_is_warned_of_what_suits_development_only(
    settings: Any, number: str, name: str, value: Any
) -> None:
    change(settings, **PRODUCTION)
    change(settings, **{name: value})
    assert ids() == []
    (message,) = said(deploy=True)
    assert (message.id, message.level) == (f"django_plasgate_ip.{number}", WARNING)
    assert message.hint
