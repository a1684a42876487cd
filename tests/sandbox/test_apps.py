"""The sandbox's system check."""

from typing import Any

import pytest
from django.apps import apps
from django.core.checks import registry, run_checks


def errors_at_start(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Start the app again with an empty registry, and run the checks that it registers."""
    monkeypatch.setattr(registry.registry, "registered_checks", set())
    apps.get_app_config("plasgate_ip_sandbox").ready()
    return run_checks()


def test_only_a_site_started_without_debug_fails_its_checks(settings, monkeypatch):
    settings.DEBUG = True
    assert errors_at_start(monkeypatch) == []
    settings.DEBUG = False  # as Django's test runner does
    assert run_checks() == []

    (error,) = errors_at_start(monkeypatch)
    assert error.id == "plasgate_ip_sandbox.E001"
    assert error.is_serious()
    assert "INSTALLED_APPS" in error.hint
    settings.DEBUG = True
    assert run_checks() == []
