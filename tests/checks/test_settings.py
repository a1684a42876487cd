"""The checks of our settings: each wrong value has its id, and no value makes a check raise."""

import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.checks import ERROR, WARNING, CheckMessage
from django.core.management import call_command
from django.test import override_settings
from django.urls import reverse_lazy

from django_plasgate_ip.checks import check_deployment, check_sending, check_settings
from django_plasgate_ip.conf import Settings
from tests.checks.reported import ids, messages

FUNCTION = "tests.checks.reported.ids"
HOUR = timedelta(hours=1)
NAMES = [name for name in vars(Settings) if name.startswith("PLASGATE_IP_")]


# Each value reaches a condition of its own.
GOOD: dict[str, list[Any]] = {
    "BASE_URL": ["https://stageapi.plasgate.com/ip", "HTTP://[::1]:8443"],
    "PUBLIC_URL": ["https://www.example.com/"],
    "SCOPES": ["openid ip:phone_verify phone_verify", {"phone": True}],
    "DEFAULT_REGION": ["FR"],
    "REGIONS": [("KH", "TH")],
    "NUMBER_VALIDATION": ["valid", "possible"],
    "PHONE_PARAMETERS": [["id"]],
    "ATTEMPT_LIFETIME": [timedelta(microseconds=1)],
    "TIMEOUT": [0.5],
    "ENCRYPTION_KEYS": [(Fernet.generate_key(), Fernet.generate_key().decode())],
    "MAX_STARTS_PER_NUMBER": [1],
    "TRUSTED_PROXY_COUNT": [0],
    "CLAIMS_RETENTION": [HOUR],
    "ATTEMPT_RETENTION": [None],
    "EXCHANGE_ENDPOINT": ["v1.0/check-info"],
    "CA_BUNDLE": [Path(__file__)],
    "PROXY": ["http://user:pass@proxy.example.com:3128"],
    "FALLBACK_URL": [
        *("/sms/", "https://sms.example.com/", "http://a.example/"),
        *(reverse_lazy("login"), "admin:index"),
    ],
    "FALLBACK_FUNCTION": [FUNCTION],
}
WRONG: list[tuple[str, str, list[Any]]] = [
    ("E001", "PRIVATE_KEY", ["a key"]),
    ("E002", "SECRET_KEY", [7]),
    ("E003", "BASE_URL", [7, "https://exam\nple.com", " https://example.com", "https://:8000"]),
    ("E003", "BASE_URL", ["ftp://example.com", "https://user@example.com"]),
    ("E003", "BASE_URL", [f"https://example.com{end}" for end in ("?x=1", "#x", "\\", ":99999")]),
    ("E004", "PUBLIC_URL", ["example.com", "https://example.com/shop"]),
    ("E005", "SCOPES", [7, ["phone_verify", "email"]]),
    ("E006", "SCOPES", ["openid ip:phone"]),
    ("E010", "DEFAULT_REGION", [["KH"], "kh"]),
    ("E011", "PHONE_PARAMETERS", [7, (), "login_hint", ["login_hint", None]]),
    ("E012", "ATTEMPT_LIFETIME", [300, timedelta(0)]),
    ("E013", "TIMEOUT", [0, "10", True, math.nan, math.inf]),
    ("E013", "CONNECT_TIMEOUT", [0]),
    ("E014", "ENCRYPTION_KEYS", [["too short"]]),
    ("E015", "MAX_STARTS_PER_NUMBER", [0, True]),
    *(("E015", f"MAX_STARTS_PER_{what}", [0]) for what in ("USER", "ADDRESS", "SITE")),
    ("E016", "TRUSTED_PROXY_COUNT", [-1, None]),
    ("E017", "CLAIMS_RETENTION", [HOUR - timedelta(microseconds=1)]),
    ("E017", "ATTEMPT_RETENTION", [30]),
    ("E018", "EXCHANGE_ENDPOINT", [7, "ip-auth\n"]),
    ("E020", "PROXY", [7, "proxy:3128", "http://user@name:password@proxy.example"]),
    # The URLconf of some requests may have this name.
    ("W019", "FALLBACK_URL", ["sms-cod", "", 7, "sms.html"]),
    ("E022", "CREDENTIALS", ["keys_for"]),
    ("E023", "FALLBACK_FUNCTION", ["/sms/"]),
    ("E024", "NUMBER_VALIDATION", ["Possible", True]),
    ("E025", "CALLBACK_NONCE", ["no", 0]),
    ("E026", "REGIONS", ["KH", [], ["KH", "kh"], {"KH"}]),
]


def test_a_valid_value_has_no_message():
    for name, values in GOOD.items():
        for value in values:
            with override_settings(**{f"PLASGATE_IP_{name}": value}):
                assert (name, value, ids()) == (name, value, [])


@pytest.mark.parametrize(("number", "name", "values"), WRONG)
def test_a_wrong_value_has_a_message_that_names_the_setting(settings, number, name, values):
    level = WARNING if number.startswith("W") else ERROR
    for value in values:
        setattr(settings, f"PLASGATE_IP_{name}", value)
        (message,) = messages()
        assert (message.id, message.level) == (f"django_plasgate_ip.{number}", level), value
        # As a word: the doctor looks for it.
        assert f"PLASGATE_IP_{name}" in message.msg.split()
        assert message.hint


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PRIVATE_KEY", "a key", "printable ASCII text without spaces."),
        ("SCOPES", ["email"], "['email']. PlasGate knows openid, "),
        ("SCOPES", ["openid"], "none of the scopes phone_verify, mobile_id, phone, profile."),
        ("REGIONS", ["TH"], "PLASGATE_IP_DEFAULT_REGION is not one of PLASGATE_IP_REGIONS."),
    ],
)
def test_a_message_says_what_is_wrong_and_what_is_valid(settings, name, value, said):
    setattr(settings, f"PLASGATE_IP_{name}", value)

    (message,) = messages()
    assert said in message.msg


@pytest.mark.parametrize(
    ("number", "name", "values"),
    [
        ("E001", "PRIVATE_KEY", [""]),
        ("E002", "SECRET_KEY", [None]),
        ("E019", "CA_BUNDLE", [7, "/"]),
    ],
)
def test_what_only_calls_of_plasgate_need_is_an_error_before_a_deployment_only(
    settings, number, name, values
):
    for value in values:
        setattr(settings, f"PLASGATE_IP_{name}", value)
        (warning,) = messages()
        (error,) = [m for m in messages(deploy=True) if m.level == ERROR]

        assert (warning.id, warning.level) == ("django_plasgate_ip.W015", WARNING)
        assert (error.id, bool(error.hint)) == (f"django_plasgate_ip.{number}", True)
        assert warning.msg == f"PlasGate can't be called. {error.msg}"
        assert f"PLASGATE_IP_{name}" in warning.msg.split()


@pytest.mark.django_db
def test_commands_that_send_nothing_run_without_keys(settings):
    del settings.PLASGATE_IP_PRIVATE_KEY, settings.PLASGATE_IP_SECRET_KEY
    settings.PLASGATE_IP_CA_BUNDLE = "/run/secrets/not-mounted-here.pem"
    # The sandbox of the tests needs it.
    settings.DEBUG = True

    for command in (
        *(["migrate"], ["plasgate_ip_purge"], ["plasgate_ip_reencrypt"]),
        ["plasgate_ip_export", "--number=077696118"],
        ["plasgate_ip_erase", "--number=077696118", "--no-input"],
    ):
        call_command(*command, skip_checks=False, verbosity=0)


def test_a_site_needs_its_own_keys_only_if_its_tenants_have_none(settings):
    del settings.PLASGATE_IP_PRIVATE_KEY, settings.PLASGATE_IP_SECRET_KEY
    assert ids() == ["W015"]

    settings.PLASGATE_IP_CREDENTIALS = FUNCTION
    assert ids() == []
    assert check_sending() == []
    # A malformed key stays an error.
    settings.PLASGATE_IP_PRIVATE_KEY = settings.PLASGATE_IP_SECRET_KEY = "a key"
    assert ids() == ["E001", "E002"]


def test_no_message_repeats_a_key(settings):
    settings.PLASGATE_IP_PRIVATE_KEY = "pri vate"
    settings.PLASGATE_IP_SECRET_KEY = "sec ret"
    settings.PLASGATE_IP_ENCRYPTION_KEYS = ["fer net"]

    assert ids() == ["E001", "E002", "E014"]
    said = " ".join(f"{message.msg} {message.hint}" for message in messages())
    assert not [key for key in ("pri vate", "sec ret", "fer net") if key in said]


ODD: list[Any] = [None, -1, 10**400, math.nan, True, "\0", "\ud800", "http://[", b"\xff", [[]]]
ODD += [{"a": 1}, set(), object(), len, timedelta.max]


def test_no_value_makes_a_check_raise():
    for name in NAMES:
        for value in ODD:
            with override_settings(**{name: value}):
                found = [*check_settings(), *check_deployment()]
                assert all(isinstance(message, CheckMessage) for message in found), (name, value)
