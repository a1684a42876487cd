"""The documents say what the code says, and render where people read them."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.dispatch import Signal
from docutils import nodes
from docutils.core import publish_doctree, publish_parts
from docutils.writers.html5_polyglot import Writer

import django_plasgate_ip.conf
import django_plasgate_ip.sandbox.conf
from django_plasgate_ip import signals
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.sandbox.magic_numbers import Outcome

ROOT = Path(__file__).parents[1]
CHECKS = {
    "django_plasgate_ip": (
        "django_plasgate_ip/checks/settings.py",
        "django_plasgate_ip/checks/project.py",
    ),
    "plasgate_ip_sandbox": ("django_plasgate_ip/sandbox/apps.py",),
}
SETTING = r"PLASGATE_IP_[A-Z]+(?:_[A-Z]+)*"
# What package registries allow; a warning is written to the stream, and ends nothing.
RENDERING = {
    "report_level": 1,
    "halt_level": 5,
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "syntax_highlight": "none",
    "_disable_config": True,
}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def document(name: str) -> Any:
    """Return the parsed document; what is wrong with it has a test of its own."""
    return publish_doctree(read(name), settings_overrides={**RENDERING, "report_level": 5})


def section(title: str) -> Any:
    """Return the README's section of this title."""
    (found,) = [
        node
        for node in document("README.rst").findall(nodes.section)
        if node.next_node(nodes.title).astext() == title
    ]
    return found


def words(title: str, pattern: str) -> set[str]:
    """Return what in the section's text matches."""
    return set(re.findall(pattern, section(title).astext()))


def table(title: str) -> dict[str, str]:
    """Return the first two columns of the section's one table, without its head."""
    (body,) = section(title).findall(nodes.tbody)
    rows = [[entry.astext() for entry in row.children] for row in body.children]
    return {row[0]: row[1] for row in rows}


def terms(title: str) -> dict[str, list[str]]:
    """Return the literals of each term that the section defines, by the first of them."""
    found = [
        [literal.astext() for literal in term.findall(nodes.literal)]
        for term in section(title).findall(nodes.term)
    ]
    return {literals[0]: literals[1:] for literals in found}


def settings_in_code() -> Iterator[tuple[Callable[[str], Any], str]]:
    """Yield each setting's name, after the function that reads it."""
    conf = django_plasgate_ip.conf.conf
    names = [name for name in vars(type(conf)) if name.startswith("PLASGATE_IP_")]
    yield from ((partial(getattr, conf), name) for name in names)
    sandbox = django_plasgate_ip.sandbox.conf
    yield from ((sandbox.setting, name) for name in sandbox.DEFAULTS)


def check_ids_in_code() -> set[str]:
    return {
        f"{label}.{number}"
        for label, paths in CHECKS.items()
        for path in paths
        for number in re.findall(r"\b[EW]\d{3}\b", read(path))
    }


@pytest.mark.parametrize("name", ["README.rst", "CHANGELOG.rst"])
def test_document_renders_without_a_warning(name: str) -> None:
    warnings = StringIO()
    overrides = {**RENDERING, "warning_stream": warnings}
    parts = publish_parts(read(name), name, writer=Writer(), settings_overrides=overrides)
    assert warnings.getvalue() == ""
    assert "system-message" not in parts["html_body"]


def test_readme_explains_every_setting_and_no_other() -> None:
    assert set(terms("Settings")) == {name for _value_of, name in settings_in_code()}


def test_documents_name_no_setting_that_is_none() -> None:
    known = {name for _value_of, name in settings_in_code()}
    for name in ("README.rst", "CHANGELOG.rst"):
        assert set(re.findall(SETTING, read(name))) <= known


@pytest.mark.parametrize(
    ("value_of", "name"), [pytest.param(*row, id=row[1]) for row in settings_in_code()]
)
def test_readme_gives_the_settings_default(
    value_of: Callable[[str], Any], name: str, settings: Any
) -> None:
    if hasattr(settings, name):
        delattr(settings, name)
    default = value_of(name)
    documented = terms("Settings")[name]
    if documented:
        assert ast.literal_eval(documented[-1]) == default
    else:
        # It has none, or is said in words.
        assert not default or name == "PLASGATE_IP_ATTEMPT_LIFETIME"


def test_readme_explains_every_reason_with_its_status_and_no_other() -> None:
    assert table("Reasons") == {reason.value: reason.status.value for reason in Reason}


def test_readme_explains_every_signal() -> None:
    in_code = {name for name, value in vars(signals).items() if isinstance(value, Signal)}
    assert in_code == {"phone_verified", "phone_verification_failed", "mobile_id_changed"}
    assert in_code <= words("Signals", r"\w+")
    assert {"sender", "verification", "request"} <= words("Signals", r"\w+")


def test_readme_explains_every_check_and_no_other() -> None:
    assert set(table("System checks")) == check_ids_in_code()


def test_documents_name_no_check_that_is_none() -> None:
    named = set(re.findall(rf"(?:{'|'.join(CHECKS)})\.[A-Z]\d+", read("README.rst")))
    assert named <= check_ids_in_code()


def test_readme_explains_every_index_and_no_other() -> None:
    in_code = {index.name for index in PhoneVerification._meta.indexes}
    assert set(table("Which index serves which question")) == in_code


def test_readme_explains_every_outcome_of_the_sandbox_and_no_other() -> None:
    assert table("The sandbox") == {outcome.ending: outcome.label for outcome in Outcome}


def test_changelog_begins_with_the_version() -> None:
    (version,) = re.findall(r'^version = "(.+)"$', read("pyproject.toml"), re.MULTILINE)
    titles = [
        node.astext()
        for node in document("CHANGELOG.rst").findall()
        if isinstance(node, (nodes.title, nodes.subtitle))
    ]
    assert titles[0] == "Changelog"
    assert titles[1].split()[0] == version
