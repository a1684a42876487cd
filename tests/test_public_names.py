"""The names that a site may use. ``public_names.txt`` lists them, so that a reviewer sees a change.

Each paragraph of the list has the names of one kind, or of one module. After a release, a name may
be added, but no name may change or go.
"""

import re
from collections.abc import Iterator
from importlib import import_module
from pydoc import locate
from typing import Any

from django.core.management import BaseCommand, get_commands, load_command_class
from django.dispatch import Signal
from django.urls import URLPattern

from django_plasgate_ip import signals
from django_plasgate_ip import urls as core_urls
from django_plasgate_ip.contrib.rest import urls as rest_urls
from django_plasgate_ip.contrib.rest.errors import CODES
from django_plasgate_ip.handoff import urls as handoff_urls
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason, Status
from django_plasgate_ip.sandbox import urls as sandbox_urls
from django_plasgate_ip.security_events import SecurityEvent
from django_plasgate_ip.templatetags.plasgate_ip import register
from tests.docs.pages import ROOT, read
from tests.docs.test_names import check_ids_in_code, settings_in_code


def public_names() -> Iterator[str]:
    """Yield each name, after its kind and a space."""
    yield from (
        name.replace("PLASGATE_IP_", "setting PLASGATE_IP_* ") for name in settings_in_code()
    )
    for module in (core_urls, handoff_urls, sandbox_urls, rest_urls):
        # The hand-off's are in the namespace of the core.
        namespace = getattr(module, "app_name", core_urls.app_name)
        named: list[Any] = [each for each in module.urlpatterns if isinstance(each, URLPattern)]
        yield from (f"url {namespace} {each.name}=/{each.pattern}" for each in named)
    yield from (f"error code for apps {code}" for code in CODES)
    yield from (f"signal {n}" for n, value in vars(signals).items() if isinstance(value, Signal))
    yield from (f"status {status.value}" for status in Status)
    yield from (f"reason {reason.status.value} {reason.value}" for reason in Reason)
    yield from (f"security event {event.value}" for event in SecurityEvent)
    yield from (f"check {each.replace('.', ' ')}" for each in check_ids_in_code())
    yield from (f"column {field.name}" for field in PhoneVerification._meta.concrete_fields)
    yield from (f"permission {codename}" for codename, _ in PhoneVerification._meta.permissions)
    yield from (f"template tag {name}" for name in register.tags)
    yield from _templates()
    yield from _commands()
    yield from (f"import {path}" for path in import_paths())


def _templates() -> Iterator[str]:
    for path in (ROOT / "django_plasgate_ip").rglob("templates/*plasgate_ip*/*.html"):
        text = path.read_text(encoding="utf-8")
        yield f"template {path.parent.name} {path.name}"
        yield from (f"template block {name}" for name in re.findall(r"{% block (\w+) %}", text))
        names = re.findall(r"\bplasgate_ip\.(\w+)", text)
        yield from (f"template context plasgate_ip {name}" for name in names)


def _commands() -> Iterator[str]:
    usual = set(BaseCommand().create_parser("manage.py", "any")._option_string_actions)
    for name, app in get_commands().items():
        if app == "django_plasgate_ip":
            parser = load_command_class(app, name).create_parser("manage.py", name)
            yield f"command {name}"
            yield from (f"command {name} {n}" for n in {*parser._option_string_actions} - usual)


def import_paths() -> Iterator[str]:
    """Yield what docs/api.rst describes, after its module or its class and a space."""
    module = last = ""
    pattern = r"^ *\.\. (\w+):: ([\w.]+)"
    for kind, name in re.findall(pattern, read("docs/api.rst"), re.MULTILINE):
        if kind in ("currentmodule", "automodule"):
            module = name
        if kind == "automodule":
            found = vars(import_module(module)).values()
            classes = [each for each in found if isinstance(each, type)]
            yield from (f"{module} {c.__name__}" for c in classes if c.__module__ == module)
        elif kind in ("autofunction", "autoclass", "autodata", "class"):
            last = f"{module}.{name}"
            yield f"{module} {name}"
        elif kind in ("automethod", "autoproperty", "attribute"):
            yield f"{last} {name}"


def test_every_public_name_is_listed_and_no_other():
    paragraphs = re.findall(r"(?m)^(\w.*?): (.*(?:\n .*)*)", read("tests/public_names.txt"))
    listed = [f"{kind} {name}" for kind, names in paragraphs for name in names.split()]
    assert sorted(set(public_names())) == sorted(listed)


def test_every_public_path_can_be_imported():
    for path in import_paths():
        owner, name = path.split()
        found = locate(owner)
        assert hasattr(found, name) or name in getattr(found, "__dataclass_fields__", {}), path
