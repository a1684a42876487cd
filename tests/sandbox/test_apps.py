"""The sandbox's system check."""

from django.apps import apps
from django.core.checks import registry, run_checks


def test_only_a_site_started_without_debug_fails_its_checks(settings, monkeypatch):
    # The app starts again, with an empty registry.
    monkeypatch.setattr(registry.registry, "registered_checks", set())
    start = apps.get_app_config("plasgate_ip_sandbox").ready
    settings.DEBUG = True
    start()
    settings.DEBUG = False  # as Django's test runner does
    assert run_checks() == []

    start()
    (error,) = run_checks()
    assert error.id == "plasgate_ip_sandbox.E001"
    assert error.is_serious()
    assert "INSTALLED_APPS" in str(error.hint)
    settings.DEBUG = True
    assert run_checks() == []
