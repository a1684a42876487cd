"""The settings: their defaults, and that a change counts at once."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_plasgate_ip.conf import Settings, conf, load_function

CREDENTIALS = "PLASGATE_IP_CREDENTIALS"
DEFAULTS = {
    "PLASGATE_IP_PRIVATE_KEY": "",
    "PLASGATE_IP_SECRET_KEY": "",
    "PLASGATE_IP_CREDENTIALS": None,
    "PLASGATE_IP_BASE_URL": "https://cloudapi.plasgate.com/ip/",
    "PLASGATE_IP_EXCHANGE_ENDPOINT": "ip-auth",
    "PLASGATE_IP_PHONE_PARAMETERS": ("phone_number", "login_hint"),
    "PLASGATE_IP_SCOPES": ("mobile_id", "phone_verify"),
    "PLASGATE_IP_DEFAULT_REGION": "KH",
    "PLASGATE_IP_PUBLIC_URL": None,
    "PLASGATE_IP_ATTEMPT_LIFETIME": timedelta(minutes=5),
    "PLASGATE_IP_TIMEOUT": 10,
    "PLASGATE_IP_CONNECT_TIMEOUT": 3,
    "PLASGATE_IP_PROXY": None,
    "PLASGATE_IP_CA_BUNDLE": None,
    "PLASGATE_IP_LOGIN_REQUIRED": True,
    "PLASGATE_IP_CALLBACK_NONCE": False,
    "PLASGATE_IP_CONTINUE_PAGE": False,
    "PLASGATE_IP_FALLBACK_URL": None,
    "PLASGATE_IP_FALLBACK_FUNCTION": None,
    "PLASGATE_IP_ENCRYPTION_KEYS": None,
    "PLASGATE_IP_MAX_STARTS_PER_NUMBER": 10,
    "PLASGATE_IP_MAX_STARTS_PER_USER": 20,
    "PLASGATE_IP_MAX_STARTS_PER_ADDRESS": None,
    "PLASGATE_IP_MAX_STARTS_PER_SITE": None,
    "PLASGATE_IP_TRUSTED_PROXY_COUNT": 0,
    "PLASGATE_IP_CLAIMS_RETENTION": None,
    "PLASGATE_IP_ATTEMPT_RETENTION": None,
}
OTHERS = {
    "PLASGATE_IP_PRIVATE_KEY": "another",
    "PLASGATE_IP_SECRET_KEY": "$5$another",
    "PLASGATE_IP_CREDENTIALS": "shop.tenants.keys_for",
    "PLASGATE_IP_BASE_URL": "https://stageapi.plasgate.com/ip/",
    "PLASGATE_IP_EXCHANGE_ENDPOINT": "check-info",
    "PLASGATE_IP_PHONE_PARAMETERS": ("login_hint",),
    "PLASGATE_IP_SCOPES": ("phone",),
    "PLASGATE_IP_DEFAULT_REGION": "TH",
    "PLASGATE_IP_PUBLIC_URL": "https://shop.example",
    "PLASGATE_IP_ATTEMPT_LIFETIME": timedelta(minutes=1),
    "PLASGATE_IP_TIMEOUT": 2.5,
    "PLASGATE_IP_CONNECT_TIMEOUT": 0.5,
    "PLASGATE_IP_PROXY": "http://127.0.0.1:3128",
    "PLASGATE_IP_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt",
    "PLASGATE_IP_LOGIN_REQUIRED": False,
    "PLASGATE_IP_CALLBACK_NONCE": True,
    "PLASGATE_IP_MAX_STARTS_PER_NUMBER": 3,
    "PLASGATE_IP_MAX_STARTS_PER_USER": None,
    "PLASGATE_IP_MAX_STARTS_PER_ADDRESS": 1000,
    "PLASGATE_IP_MAX_STARTS_PER_SITE": 5000,
    "PLASGATE_IP_TRUSTED_PROXY_COUNT": 2,
    "PLASGATE_IP_CLAIMS_RETENTION": timedelta(days=30),
    "PLASGATE_IP_ATTEMPT_RETENTION": timedelta(days=365),
    "PLASGATE_IP_CONTINUE_PAGE": True,
    "PLASGATE_IP_FALLBACK_URL": "/sms/",
    "PLASGATE_IP_FALLBACK_FUNCTION": "shop.sms.page_for",
    "PLASGATE_IP_ENCRYPTION_KEYS": ["a key"],
}


def test_every_setting_is_listed_here() -> None:
    known = {name for name in vars(Settings) if name.startswith("PLASGATE_IP_")}

    assert known == set(DEFAULTS) == set(OTHERS)


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_setting_that_a_site_leaves_out_has_its_default(name: str, settings: Any) -> None:
    if hasattr(settings, name):
        delattr(settings, name)

    assert getattr(conf, name) == DEFAULTS[name]


@pytest.mark.parametrize("name", OTHERS)
def test_a_setting_is_read_each_time(name: str, settings: Any) -> None:
    setattr(settings, name, OTHERS[name])
    first = getattr(conf, name)
    delattr(settings, name)

    assert (first, getattr(conf, name)) == (OTHERS[name], DEFAULTS[name])


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_the_base_url_ends_with_one_slash(slashes: str, settings: Any) -> None:
    settings.PLASGATE_IP_BASE_URL = f"https://stageapi.plasgate.com/ip{slashes}"

    assert conf.PLASGATE_IP_BASE_URL == "https://stageapi.plasgate.com/ip/"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://shop.example", "https://shop.example"),
        ("https://shop.example/", "https://shop.example"),
        # A variable that is set, and empty.
        ("", None),
        (None, None),
    ],
)
def test_the_public_url_has_no_last_slash(
    written: str | None, meant: str | None, settings: Any
) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = written
    public = conf.PLASGATE_IP_PUBLIC_URL

    assert public == meant


async def an_async_function() -> None:
    """Views that are not async can't call this."""


@pytest.mark.parametrize("value", [len, "builtins.len"])
def test_a_function_is_loaded_itself_or_by_its_path(value: Any, settings: Any) -> None:
    settings.PLASGATE_IP_CREDENTIALS = value

    assert load_function(CREDENTIALS) is len


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("no.such.module", "can't be imported: no.such.module"),
        ("os.no_such_function", "can't be imported: os.no_such_function"),
        ("tests.other_sites.broken.on_import", "can't be imported"),
        ("shop", "can't be imported: shop"),
        ("os.sep", "neither a function"),
        (7, "neither a function"),
        (an_async_function, "is async"),
        ("tests.test_conf.an_async_function", "is async"),
    ],
)
def test_an_unusable_function_is_reported_with_the_settings_name(
    value: Any, problem: str, settings: Any
) -> None:
    settings.PLASGATE_IP_CREDENTIALS = value

    with pytest.raises(ImproperlyConfigured, match=f"{CREDENTIALS}.*{problem}"):
        load_function(CREDENTIALS)
