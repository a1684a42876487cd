"""The settings' lines: each setting is there, none gives anything away, and slips are seen."""

import io
import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from django_plasgate_ip.conf import Settings
from django_plasgate_ip.doctor import configuration
from django_plasgate_ip.doctor.findings import Finding, Level
from tests.settings import PLASGATE_IP_PRIVATE_KEY, PLASGATE_IP_SECRET_KEY
from tests.test_conf import DEFAULTS, OTHERS

NAMES = [name for name in vars(Settings) if name.startswith("PLASGATE_IP_")]


def findings() -> list[Finding]:
    return list(configuration.examine())


def line(name: str) -> Finding:
    """Return the one finding about this setting."""
    (found,) = [f for f in findings() if f.about == "Settings" and f.what.startswith(f"{name}:")]
    return found


def everything() -> str:
    return repr(findings())


@pytest.fixture(autouse=True)
def live(settings: Any) -> None:
    """Make the site one that no check complains of."""
    settings.DEBUG = True  # the tests' sandbox
    settings.PLASGATE_IP_PUBLIC_URL = "https://shop.example"
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]


def test_a_good_site_has_nothing_to_look_at() -> None:
    found = findings()

    assert {finding.level for finding in found} == {Level.OK}
    assert {finding.about for finding in found} == {"Settings", "Checks"}
    assert not any(finding.do for finding in found)


def test_every_setting_has_its_line_in_the_order_of_the_code() -> None:
    lines = [f.what.partition(":")[0] for f in findings() if f.about == "Settings"]

    assert lines == NAMES
    assert set(lines) == set(DEFAULTS)


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_that_is_left_out_is_marked(name: str, settings: Any) -> None:
    setattr(settings, name, OTHERS[name])
    assert not line(name).what.endswith("(default)")

    delattr(settings, name)
    assert line(name).what.endswith("(default)")


def test_a_value_is_as_the_app_reads_it(settings: Any) -> None:
    settings.PLASGATE_IP_BASE_URL = "https://stageapi.plasgate.com/ip"
    settings.PLASGATE_IP_ATTEMPT_LIFETIME = timedelta(minutes=7)

    assert line("PLASGATE_IP_BASE_URL").what.endswith("'https://stageapi.plasgate.com/ip/'")
    assert line("PLASGATE_IP_ATTEMPT_LIFETIME").what.endswith("0:07:00 (h:mm:ss)")
    assert line("PLASGATE_IP_TIMEOUT").what == "PLASGATE_IP_TIMEOUT: 10 (default)"


# Nothing is given away


def test_keys_are_not_shown(settings: Any) -> None:
    (key,) = settings.PLASGATE_IP_ENCRYPTION_KEYS
    said = everything()

    for secret in (PLASGATE_IP_SECRET_KEY, PLASGATE_IP_PRIVATE_KEY, key, settings.SECRET_KEY):
        assert secret not in said
    # No part of the secret either, and of the private key the two ends.
    assert not any(part in said for part in PLASGATE_IP_SECRET_KEY.split("$")[3:])
    assert "xP4t...3q4S, 85 characters" in line("PLASGATE_IP_PRIVATE_KEY").what
    assert line("PLASGATE_IP_ENCRYPTION_KEYS").what.endswith(": set, 1 key")


@pytest.mark.parametrize("key", ["short", "x" * 31])
def test_of_a_short_private_key_nothing_is_shown(key: str, settings: Any) -> None:
    settings.PLASGATE_IP_PRIVATE_KEY = key

    assert line("PLASGATE_IP_PRIVATE_KEY").what.endswith(f": set, {len(key)} characters")


def test_a_key_with_control_characters_does_not_reach_the_terminal(settings: Any) -> None:
    settings.PLASGATE_IP_PRIVATE_KEY = "\x1b[2J" + "x" * 40 + "\x1b[2J"

    assert "\x1b" not in line("PLASGATE_IP_PRIVATE_KEY").what


@pytest.mark.parametrize(
    "name", ["PLASGATE_IP_PROXY", "PLASGATE_IP_BASE_URL", "PLASGATE_IP_PUBLIC_URL"]
)
@pytest.mark.parametrize(
    "url",
    [
        "http://somebody:pass-word@proxy.example:3128",
        "http://somebody:pass-word/@@proxy.example:3128",
        "somebody:pass-word@proxy.example:3128",
        "//somebody:pass-word@proxy.example",
        "http://x@y:pass-word@proxy.example",
        b"http://somebody:pass-word@proxy.example",
        {"https": "http://somebody:pass-word@proxy.example"},
        ["somebody:pass-word@proxy.example"],
    ],
    ids=repr,
)
def test_a_password_in_a_url_is_not_shown(name: str, url: Any, settings: Any) -> None:
    setattr(settings, name, url)

    assert "pass-word" not in everything()
    assert "***@proxy.example" in line(name).what


@pytest.mark.parametrize("keys", ["one-key-that-is-no-list", b"the same in bytes"], ids=repr)
def test_encryption_keys_of_a_wrong_type_are_not_shown(keys: Any, settings: Any) -> None:
    settings.PLASGATE_IP_ENCRYPTION_KEYS = keys

    assert line("PLASGATE_IP_ENCRYPTION_KEYS").what.endswith(f": set, {len(str(keys))} characters")


def test_a_later_setting_whose_name_says_that_it_is_secret_is_not_shown(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "PLASGATE_IP_WEBHOOK_SECRET"
    monkeypatch.setattr(Settings, name, property(lambda self: "of-a-webhook"), raising=False)
    monkeypatch.setattr(configuration, "NAMES", [*NAMES, name])

    assert "of-a-webhook" not in everything()
    assert line(name).what == f"{name}: set, 12 characters (default)"


# The secret's form


@pytest.mark.parametrize(
    "secret", [PLASGATE_IP_SECRET_KEY, "$5$rounds=535000$sandbox$secret-key"], ids=len
)
def test_a_whole_secret_is_fine(secret: str, settings: Any) -> None:
    settings.PLASGATE_IP_SECRET_KEY = secret
    found = line("PLASGATE_IP_SECRET_KEY")

    assert found.level is Level.OK
    assert found.what.endswith(f": set, {len(secret)} characters")


@pytest.mark.parametrize(
    "secret",
    [
        # As /bin/sh reads the API page's between double quotes, and with a part in a variable.
        "=535000",
        "=535000$D8fKlgJ6D5t1uV9h$PZTJgSh8qV2VVoHs4iBl5Q7IKRoUbXSOuFe5nZhPi5D",
        "$5$rounds=535000",
        "$5$rounds=535000$D8fKlgJ6D5t1uV9h",
        # As Compose wants it written, quoted for a shell, and with the quotes.
        PLASGATE_IP_SECRET_KEY.replace("$", "$$"),
        PLASGATE_IP_SECRET_KEY.replace("$", "\\$"),
        f"'{PLASGATE_IP_SECRET_KEY}'",
        f'"{PLASGATE_IP_SECRET_KEY}"',
    ],
)
def test_a_secret_whose_dollar_signs_were_read_is_seen(secret: str, settings: Any) -> None:
    settings.PLASGATE_IP_SECRET_KEY = secret
    found = line("PLASGATE_IP_SECRET_KEY")

    assert found.level is Level.WARNING
    assert found.what.endswith(f": set, {len(secret)} characters")
    assert "not in the form" in found.do
    assert "dollar signs" in found.do
    assert secret.strip("$=") not in everything()


def test_a_secret_that_is_not_there_where_tenants_have_their_own_is_fine(settings: Any) -> None:
    settings.PLASGATE_IP_CREDENTIALS = "tests.client.test_credentials.keys_for"
    settings.PLASGATE_IP_SECRET_KEY = ""

    assert line("PLASGATE_IP_SECRET_KEY") == Finding(
        Level.OK, "Settings", "PLASGATE_IP_SECRET_KEY: ''"
    )


# Checks


def test_what_a_check_complains_of_is_told_with_what_to_do(settings: Any) -> None:
    settings.PLASGATE_IP_TIMEOUT = 0
    settings.PLASGATE_IP_PUBLIC_URL = None
    told = {f.what: f for f in findings() if f.about == "Checks"}

    error = told["PLASGATE_IP_TIMEOUT is not a positive number. (django_plasgate_ip.E013)"]
    warning = told["PLASGATE_IP_PUBLIC_URL is not set. (django_plasgate_ip.W006)"]
    assert (error.level, warning.level) == (Level.ERROR, Level.WARNING)
    assert "Seconds" in error.do
    assert "https://" in warning.do
    assert len(told) == 2


def test_a_setting_that_a_check_complains_of_is_not_fine(settings: Any) -> None:
    settings.PLASGATE_IP_TIMEOUT = 0
    settings.PLASGATE_IP_PUBLIC_URL = None

    assert line("PLASGATE_IP_TIMEOUT").level is Level.ERROR
    assert line("PLASGATE_IP_PUBLIC_URL").level is Level.WARNING
    assert line("PLASGATE_IP_CONNECT_TIMEOUT").level is Level.OK


def test_the_sandboxs_check_is_ours_too(settings: Any) -> None:
    settings.DEBUG = False

    assert any("plasgate_ip_sandbox.E001" in f.what for f in findings())


def test_a_silenced_check_is_silent(settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = None
    settings.SILENCED_SYSTEM_CHECKS = ["django_plasgate_ip.W006"]

    assert {f.level for f in findings()} == {Level.OK}


def test_checks_of_others_that_break_off_do_not_hide_ours(settings: Any) -> None:
    settings.ROOT_URLCONF = "nowhere.urls"
    settings.PLASGATE_IP_TIMEOUT = 0
    told = [f for f in findings() if f.about == "Checks"]

    assert [f.level for f in told] == [Level.ERROR, Level.ERROR]
    assert "ModuleNotFoundError" in told[0].what
    assert "manage.py check" in told[0].do
    assert "E013" in told[1].what


# Slips


@pytest.mark.parametrize("name", ["PLASGATE_IP_SECRETKEY", "PLASGATE_IP_TIME_OUT"])
def test_a_setting_that_is_none_is_named_and_its_value_is_not(name: str, settings: Any) -> None:
    setattr(settings, name, "of-somebody")
    found = line(name)

    assert found.level is Level.WARNING
    assert "spelling" in found.do
    assert "of-somebody" not in everything()


def test_the_sandboxs_settings_are_no_slip(settings: Any) -> None:
    settings.PLASGATE_IP_SANDBOX_DELAY = 1

    assert {f.level for f in findings()} == {Level.OK}


WRONG = [None, 0, 1.5, "", "x", b"x", (), {"a": 1}, object(), ["x"], "http://["]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [object(), "http://["], ids=["an object", "half a URL"])
def test_no_type_of_a_setting_breaks_its_line(name: str, value: Any, settings: Any) -> None:
    setattr(settings, name, value)

    assert line(name).what.startswith(name)


@pytest.mark.django_db
@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__ + str(value)[:8])
def test_whatever_all_settings_are_the_doctor_goes_through(value: Any, settings: Any) -> None:
    for name in NAMES:
        setattr(settings, name, value)

    out = io.StringIO()
    with suppress(CommandError):
        call_command("plasgate_ip_doctor", "--offline", "--json", stdout=out)
    found = json.loads(out.getvalue())["findings"]
    assert {finding["about"] for finding in found} == {"Settings", "Checks", "Site"}
    settings_lines = [f["what"] for f in found if f["about"] == "Settings"]
    assert [what.partition(":")[0] for what in settings_lines] == NAMES
