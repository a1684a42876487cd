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


URL = "https://example.com"
# Valid values, the id of the message, and wrong values. Each reaches a condition of its own.
RULES: dict[str, tuple[list[Any], str, list[Any]]] = {
    "PRIVATE_KEY": ([], "E001", ["a key"]),
    "SECRET_KEY": ([], "E002", [7]),
    "BASE_URL": (
        ["https://stageapi.plasgate.com/ip", "HTTP://[::1]:8443"],
        "E003",
        [
            *(7, "https://exam\nple.com", f" {URL}", "https://:8000", "https://user@example.com"),
            *("ftp://example.com", f"{URL}?x=1", f"{URL}#x", f"{URL}\\", f"{URL}:99999"),
        ],
    ),
    "PUBLIC_URL": ([f"{URL}/"], "E004", ["example.com", f"{URL}/shop"]),
    "SCOPES": (["openid ip:phone phone", {"phone": True}], "E005", [7, ["phone", "email"]]),
    "DEFAULT_REGION": ([], "E010", [["KH"], "kh"]),
    "PHONE_PARAMETERS": ([["id"]], "E011", [7, (), "login_hint", ["login_hint", None]]),
    "ATTEMPT_LIFETIME": ([timedelta(microseconds=1)], "E012", [300, timedelta(0)]),
    "TIMEOUT": ([0.5], "E013", [0, "10", True, math.nan, math.inf]),
    "CONNECT_TIMEOUT": ([], "E013", [0]),
    "ENCRYPTION_KEYS": (
        [(Fernet.generate_key(), Fernet.generate_key().decode())],
        "E014",
        [["too short"]],
    ),
    "MAX_STARTS_PER_NUMBER": ([1], "E015", [0, True]),
    **{f"MAX_STARTS_PER_{what}": ([], "E015", [0]) for what in ("USER", "ADDRESS", "SITE")},
    "TRUSTED_PROXY_COUNT": ([0], "E016", [-1, None]),
    "CLAIMS_RETENTION": ([HOUR], "E017", [HOUR - timedelta(microseconds=1)]),
    "ATTEMPT_RETENTION": ([None], "E017", [30]),
    "EXCHANGE_ENDPOINT": (["v1.0/check-info"], "E018", [7, "ip-auth\n"]),
    "CA_BUNDLE": ([Path(__file__)], "W015", [7, "/"]),
    "PROXY": (["http://user:pass@a.example:1"], "E020", [7, "proxy:1", "http://a@b:c@a.example"]),
    "CREDENTIALS": ([], "E022", ["keys_for"]),
    "FALLBACK_FUNCTION": ([FUNCTION], "E023", ["/sms/"]),
    "NUMBER_VALIDATION": (["valid", "possible"], "E024", ["Possible", True]),
    "CALLBACK_NONCE": ([], "E025", ["no", 0]),
    "REGIONS": ([("KH", "TH")], "E026", ["KH", [], ["KH", "kh"], {"KH"}]),
    "FALLBACK_URL": (
        ["/sms/", f"{URL}/", "http://a.example/", reverse_lazy("login"), "admin:index"],
        # The URLconf of some requests may have this name.
        "W019",
        ["sms-cod", "", 7, "sms.html"],
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_a_wrong_value_has_a_message_that_names_the_setting_and_a_valid_one_has_none(
    name, settings
):
    valid, number, wrong = RULES[name]
    for value in valid:
        setattr(settings, f"PLASGATE_IP_{name}", value)
        assert ids() == [], value

    level = WARNING if number.startswith("W") else ERROR
    for value in wrong:
        setattr(settings, f"PLASGATE_IP_{name}", value)
        (message,) = messages()
        assert (message.id, message.level) == (f"django_plasgate_ip.{number}", level), value
        # As a word: the doctor looks for it.
        assert f"PLASGATE_IP_{name}" in message.msg.split()
        assert message.hint


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
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
    settings.PLASGATE_IP_SCOPES = [["sec ret"]]
    settings.PLASGATE_IP_ENCRYPTION_KEYS = ["fer net"]

    assert ids() == ["E001", "E002", "E005", "E014"]
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
