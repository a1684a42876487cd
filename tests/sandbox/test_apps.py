"""The system check, and that the sandbox needs nothing of the app's."""

import json
import subprocess
import sys
from typing import Any

import pytest
from django.apps import apps
from django.core.checks import registry, run_checks


def errors_at_start(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Start the app once more, with a registry of its own, and run what it registers."""
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


def test_a_site_started_with_debug_may_be_tested_without(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEBUG = True
    assert errors_at_start(monkeypatch) == []
    settings.DEBUG = False  # as every test runner does
    assert run_checks() == []


# The sandbox of a process without the app's own row, client and extras.
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


def test_the_sandbox_imports_the_scopes_of_the_app_and_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, check=True, text=True)

    loaded = {name.split(".")[1] for name in json.loads(done.stdout)}
    assert loaded == {"sandbox", "scopes", "exceptions"}
