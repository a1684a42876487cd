"""The documentation names what the code has, and nothing else."""

import ast
import re
from datetime import timedelta

from django.core.management import get_commands
from django.dispatch import Signal
from docutils import nodes

import django_plasgate_ip.sandbox.conf as sandbox
from django_plasgate_ip import signals
from django_plasgate_ip.conf import conf
from django_plasgate_ip.contrib.rest import errors
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.sandbox.magic_numbers import Outcome
from django_plasgate_ip.testing import PlasGate
from tests.docs.pages import DOCUMENTS, ROOT, document, read, section, table

CHECKS = {
    "django_plasgate_ip": ("checks/settings.py", "checks/project.py"),
    "plasgate_ip_sandbox": ("sandbox/apps.py",),
}
ALL = "\n".join(read(name) for name in DOCUMENTS)


def documented_settings() -> dict[str, str]:
    """Return the default of each setting, as it is written."""
    found = document("docs/settings.rst").findall(nodes.container)
    return {node["setting"]: node["default"].strip("`") for node in found}


def settings_in_code() -> set[str]:
    names = {name for name in vars(type(conf)) if name.startswith("PLASGATE_IP_")}
    return names | set(sandbox.DEFAULTS)


def check_ids_in_code() -> set[str]:
    return {
        f"{label}.{number}"
        for label, paths in CHECKS.items()
        for path in paths
        for number in re.findall(r"\b[EW]\d{3}\b", read(f"django_plasgate_ip/{path}"))
    }


def test_the_settings_are_those_of_the_code():
    assert set(documented_settings()) == settings_in_code()
    assert set(re.findall(r"PLASGATE_IP_[A-Z]+(?:_[A-Z]+)*", ALL)) == settings_in_code()


def test_the_defaults_are_those_of_the_code(settings):
    for name, documented in documented_settings().items():
        if hasattr(settings, name):
            delattr(settings, name)
        default = sandbox.setting(name) if name in sandbox.DEFAULTS else getattr(conf, name)
        if name == "PLASGATE_IP_ATTEMPT_LIFETIME":
            assert (documented, default) == ("5 minutes", timedelta(minutes=5))
        else:
            assert ast.literal_eval(documented or "''") == default, name


def test_the_tables_are_those_of_the_code():
    assert table("Reasons") == {reason.value: reason.status.value for reason in Reason}
    assert set(table("Errors")) == set(errors.CODES)
    assert set(table("System checks")) == check_ids_in_code()
    assert set(table("Indexes")) == {index.name for index in PhoneVerification._meta.indexes}
    assert table("Magic numbers") == {outcome.ending: outcome.label for outcome in Outcome}


def test_the_signals_are_those_of_the_code():
    names = {name for name, value in vars(signals).items() if isinstance(value, Signal)}
    assert len(names) == 4
    words = set(re.findall(r"\w+", section("Signals").astext()))
    assert names | {"sender", "verification", "request", "previous", "user"} <= words
    assert set(re.findall(r"autodata:: (\w+)", read("docs/api.rst"))) == names


def test_the_checks_and_the_commands_are_those_of_the_app():
    assert set(re.findall(rf"(?:{'|'.join(CHECKS)})\.[A-Z]\d+", ALL)) == check_ids_in_code()
    commands = {name for name, app in get_commands().items() if app == "django_plasgate_ip"}
    assert set(re.findall(r"manage\.py (plasgate_ip_\w+)", ALL)) == commands


def test_the_fake_has_what_the_reference_names():
    terms = [term.astext() for term in section("Reference").findall(nodes.term)]
    names = {term.removeprefix(".").partition("(")[0] for term in terms}
    public = {name for name in dir(PlasGate()) if not name.startswith("_")}
    assert names == public | {"make_verification"}


def test_the_blocks_and_the_context_are_those_of_the_templates():
    paths = (ROOT / "django_plasgate_ip").rglob("templates/*plasgate_ip*/**/*.html")
    templates = "".join(path.read_text(encoding="utf-8") for path in paths)
    assert set(table("Context")) == set(re.findall(r"\bplasgate_ip\.(\w+)", templates))
    for block in re.findall(r"{% block (\w+) %}", templates):
        assert f"``{block}``" in read("docs/pages.rst")


def test_the_changelog_begins_with_the_version():
    (version,) = re.findall(r'^version = "(.+)"$', read("pyproject.toml"), re.MULTILINE)
    _changelog, first = list(document("CHANGELOG.rst").findall(nodes.title))[:2]
    assert first.astext().split()[0] == version


def test_the_addresses_stand_in_one_place():
    urls = re.findall(r'^(?:Source|Documentation) = "(.+)"$', read("pyproject.toml"), re.MULTILINE)
    assert len(urls) == 2
    folders = ("docs", "django_plasgate_ip", "example_project", "benchmarks", ".github", ".ci")
    paths = [*ROOT.iterdir(), *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    texts = {p: p.read_bytes() for p in paths if p.is_file() and p.suffix not in (".png", ".pyc")}
    for url in urls:
        address = url.removesuffix("en/latest/").rstrip("/").encode()
        found = {path: text.count(address) for path, text in texts.items() if address in text}
        assert found == {ROOT / "pyproject.toml": 1}


def test_the_readme_is_short():
    text = read("README.rst")
    assert len(text.encode()) <= 8192
    assert text.count("\n") <= 200
