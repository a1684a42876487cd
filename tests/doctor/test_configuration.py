"""The findings about settings and checks: every setting is listed, and no secret is shown."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils.text import format_lazy

from django_plasgate_ip.conf import Settings
from django_plasgate_ip.doctor import configuration, project
from django_plasgate_ip.doctor.findings import Finding, Level
from tests.settings import PLASGATE_IP_SECRET_KEY

NAMES = [name for name in vars(Settings) if name.startswith("PLASGATE_IP_")]


@dataclass(frozen=True)
class Keys:
    secret: str

    def of(self, request: Any) -> Any: ...

    __call__ = of


class Text(str):
    def __repr__(self) -> str:
        return "pass-word"


def findings() -> list[Finding]:
    return list(configuration.examine())


def line(name: str) -> Finding:
    """Return the one finding that shows this setting's value."""
    (found,) = [f for f in findings() if f"{name}:" in f.what]
    return found


def test_a_good_site_has_a_line_for_each_setting_and_nothing_to_do():
    found = findings()

    assert {finding.level for finding in found} == {Level.OK}
    assert not any(finding.do for finding in found)
    lines = [f.what.partition(":")[0] for f in found if f.about == "Settings"]
    assert lines == NAMES
    assert [f.about for f in found if f.about != "Settings"] == ["Checks"]
    assert found[-1].what == "All checks of the app pass, including those of check --deploy."
    assert line("PLASGATE_IP_TIMEOUT").what == "PLASGATE_IP_TIMEOUT: 10 (default)"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("BASE_URL", "https://a.example/ip", "'https://a.example/ip/'"),  # as the app reads it
        ("ATTEMPT_LIFETIME", timedelta(minutes=7), "0:07:00 (h:mm:ss)"),
        ("PRIVATE_KEY", "x" * 31, "set, 31 characters"),
        # Control characters could command the terminal.
        ("PRIVATE_KEY", "\x1b[2J" + "x" * 28, "\\x1b[2J...xxxx, 32 characters"),
        # A list of keys that was written without its brackets.
        ("ENCRYPTION_KEYS", "pass-word", "set, 9 characters"),
        ("ENCRYPTION_KEYS", ["pass-word"], "set, 1 key."),
        ("ENCRYPTION_KEYS", ("pass-word", "b"), "set, 2 keys."),
        ("CREDENTIALS", partial(partial(int, base=8), "pass-word"), "builtins.int"),
        ("CREDENTIALS", Keys("pass-word").of, f"{__name__}.Keys.of"),
        ("CREDENTIALS", Keys("pass-word"), f"{__name__}.Keys"),
        ("CREDENTIALS", "tests.checks.reported.ids", "'tests.checks.reported.ids'"),
        ("CREDENTIALS", ("private", "pass-word"), "set"),
        ("CREDENTIALS", "pass-word", "set"),
        ("SCOPES", [Text("email"), Keys("pass-word")], "['email', django.views.debug.Call"),
        ("PROXY", "http://somebody:pass-word", "'http://***'"),
        ("BASE_URL", "http://[::1]:8443/", "'http://[::1]:8443/'"),
        ("FALLBACK_URL", "/sms/?token='pass-word'", '"/sms/?***"'),
        ("PUBLIC_URL", "http://somebody:pass?word@example.com", "'http://***'"),
        ("FALLBACK_URL", format_lazy("/sms/#pass-word"), "'/sms/?***'"),
        ("BASE_URL", b"http://example.com/?a=@pass-word", "b'http://***'"),
        ("PHONE_PARAMETERS", ("a?pass-word", "b"), "('a?***', 'b')"),
        ("PROXY", {"https": "http://a.example?pass-word", "b": None}, "builtins.dict"),
        ("PROXY", "http://somebody:pass-word/@@proxy.example:1", "'http://***@proxy.example:1'"),
        ("PROXY", "somebody:pass-word@proxy.example:3128", "'***@proxy.example:3128'"),
        ("PROXY", b"http://somebody:pass-word@proxy.example", "b'http://***@proxy.example'"),
    ],
    ids=repr,
)
def test_a_value_is_shown_without_arguments_keys_passwords_and_queries(
    name, value, shown, settings
):
    setattr(settings, f"PLASGATE_IP_{name}", value)

    assert "pass-word" not in repr(findings())
    assert f"PLASGATE_IP_{name}: {shown}" in line(f"PLASGATE_IP_{name}").what


@pytest.mark.parametrize(
    "secret",
    [
        # As /bin/sh reads the API page's secret between double quotes.
        *("=535000", "$5$rounds=535000$D8fKlgJ6D5t1uV9h"),
        # As Compose requires it, and with the quotes of a shell.
        *(PLASGATE_IP_SECRET_KEY.replace("$", "$$"), f"'{PLASGATE_IP_SECRET_KEY}'"),
    ],
)
def test_a_secret_that_a_shell_has_changed_is_warned_of(secret, settings):
    settings.PLASGATE_IP_SECRET_KEY = secret
    found = line("PLASGATE_IP_SECRET_KEY")

    assert found.level is Level.WARNING
    assert found.what.endswith(f": set, {len(secret)} characters")
    assert "dollar sign" in found.do
    assert secret.strip("$=") not in repr(findings())


def test_the_sandboxs_secret_and_a_tenants_site_without_one_are_ok(settings):
    settings.PLASGATE_IP_CREDENTIALS = "tests.checks.reported.ids"
    for secret in ("$5$rounds=535000$sandbox$secret-key", ""):
        settings.PLASGATE_IP_SECRET_KEY = secret
        assert line("PLASGATE_IP_SECRET_KEY").level is Level.OK


def test_what_a_check_reports_is_one_finding_with_the_value(settings):
    settings.PLASGATE_IP_TIMEOUT = 0
    settings.PLASGATE_IP_PUBLIC_URL = None
    settings.PLASGATE_IP_SECRET_KEY = ""
    settings.DEBUG = False
    found = {f.what: f for f in findings() if f.about == "Checks"}

    number = "PLASGATE_IP_TIMEOUT is not a positive number of seconds. PLASGATE_IP_TIMEOUT: 0."
    error = f"{number} (django_plasgate_ip.E013)"
    assert {what: finding.level for what, finding in found.items()} == {
        error: Level.ERROR,
        "PLASGATE_IP_SECRET_KEY is not set. (django_plasgate_ip.E002)": Level.ERROR,
        "PLASGATE_IP_PUBLIC_URL is not set. (django_plasgate_ip.W006)": Level.WARNING,
        # The sandbox is a part of the app.
        "The PlasGate sandbox is installed, and DEBUG is False. (plasgate_ip_sandbox.E001)": (
            Level.ERROR
        ),
    }
    assert "Set it to a number" in found[error].do
    named = [name for f in findings() for name in NAMES if f.what.startswith(name)]
    assert sorted(named) == sorted(NAMES)
    assert line("PLASGATE_IP_CONNECT_TIMEOUT").level is Level.OK
    assert configuration.wrong_settings() == {"PLASGATE_IP_TIMEOUT", "PLASGATE_IP_SECRET_KEY"}


def test_both_values_of_settings_that_do_not_agree_are_shown(settings):
    settings.PLASGATE_IP_REGIONS = ["TH"]
    (problem,) = [f for f in findings() if f.level is Level.ERROR]
    shown = "PLASGATE_IP_DEFAULT_REGION: 'KH'. PLASGATE_IP_REGIONS: ['TH']."
    assert problem.what.endswith(f"{shown} (django_plasgate_ip.E026)")


def test_a_silenced_check_is_not_reported(settings):
    settings.PLASGATE_IP_PUBLIC_URL = None
    settings.SILENCED_SYSTEM_CHECKS = ["django_plasgate_ip.W006"]

    assert {f.level for f in findings()} == {Level.OK}


def test_a_check_of_another_app_that_raises_does_not_hide_ours(settings):
    settings.ROOT_URLCONF = "nowhere.urls"
    settings.PLASGATE_IP_TIMEOUT = 0
    stopped, ours = [f for f in findings() if f.level is Level.ERROR]

    assert "ModuleNotFoundError" in stopped.what
    assert "manage.py check" in stopped.do
    assert "E013" in ours.what


def test_a_setting_that_does_not_exist_is_named_without_its_value(settings):
    settings.PLASGATE_IP_SECRETKEY = "of-somebody"
    settings.PLASGATE_IP_SANDBOX_DELAY = 1
    (found,) = [f for f in findings() if f.level is Level.WARNING]

    assert found.what == "PLASGATE_IP_SECRETKEY: the app has no such setting"
    assert "spelling" in found.do
    assert "of-somebody" not in repr(findings())


@pytest.mark.django_db
@pytest.mark.parametrize("value", [None, "http://[", b"x", {"a": 1}, str.upper], ids=type)
def test_wrong_values_of_all_settings_do_not_stop_the_doctor(value, settings):
    for name in NAMES:
        setattr(settings, name, value)

    found = [*findings(), *project.examine()]
    said = " ".join(f.what for f in found)
    assert [name for name in NAMES if name not in said] == []
    assert {f.about for f in found} == {"Settings", "Checks", "Site"}
