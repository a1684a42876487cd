"""The sandbox's system check, and its imports."""

import json
import subprocess
import sys
from typing import Any

import pytest
from django.apps import apps
from django.core.checks import registry, run_checks


def errors_at_start(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Start the app again with an empty registry, and run the checks that it registers."""
    monkeypatch.setattr(registry.registry, "registered_checks", set())
    apps.get_app_config("plasgate_ip_sandbox").ready()
    return run_checks()


def test_a_site_started_without_debug_fails_its_checks(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEBUG = False
    (error,) = errors_at_start(monkeypatch)

    assert error.id == "plasgate_ip_sandbox.E001"
    assert error.is_serious()
    assert "INSTALLED_APPS" in error.hint
    settings.DEBUG = True
    assert run_checks() == []


def test_a_site_started_with_debug_can_be_tested_without_it(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEBUG = True
    assert errors_at_start(monkeypatch) == []
    settings.DEBUG = False  # as Django's test runner does
    assert run_checks() == []


# A process with the sandbox alone: without the app, and without the extra "testing".
ALONE = """
import json, sys
sys.modules["responses"] = None
from django.conf import settings
settings.configure(INSTALLED_APPS=["django_plasgate_ip.sandbox"], DEBUG=True)
import django
django.setup()
import django_plasgate_ip.sandbox.urls
print(json.dumps([name for name in sys.modules if name.startswith("django_plasgate_ip.")]))
"""


def test_the_sandbox_imports_only_the_scopes_of_the_app() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, check=True, text=True)

    loaded = {name.split(".")[1] for name in json.loads(done.stdout)}
    assert loaded == {"sandbox", "scopes", "exceptions"}
