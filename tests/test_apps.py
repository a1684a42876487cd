"""The app's configuration: what a site gets by naming the app."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.core.checks.registry import registry
from django.test import RequestFactory

from django_plasgate_ip.checks import project
from django_plasgate_ip.checks import settings as settings_checks
from django_plasgate_ip.verification import browser_session, claim_at_login


def test_app_has_its_documented_label() -> None:
    config = apps.get_app_config("django_plasgate_ip")
    assert config.name == "django_plasgate_ip"
    assert config.verbose_name == "Phone verification"


def test_checks_are_registered_with_those_for_live_sites_apart() -> None:
    ours = {settings_checks.check_settings, project.check_project, project.check_deployment}
    assert ours & set(registry.get_checks()) == {
        settings_checks.check_settings,
        project.check_project,
    }
    assert ours <= set(registry.get_checks(include_deployment_checks=True))


def test_login_claims_the_session_once(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    apps.get_app_config("django_plasgate_ip").ready()  # a site's tests may do so again
    claimed: list[User] = []
    monkeypatch.setattr(
        claim_at_login, "claim_session", lambda request, user, since: claimed.append(user)
    )
    request: Any = RequestFactory().get("/")
    request.session = {browser_session.SESSION_KEY: "a browser"}
    user_logged_in.send(sender=User, request=request, user=user)
    assert claimed == [user]
