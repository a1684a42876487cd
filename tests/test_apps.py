"""The app's configuration: what a site gets from its name in INSTALLED_APPS."""

from unittest import mock

from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.core.checks.registry import registry

from django_plasgate_ip.apps import handoff_app
from django_plasgate_ip.checks import project
from django_plasgate_ip.checks import settings as settings_checks
from django_plasgate_ip.verification import browser_session, claim_at_login
from tests.visitor import request_of


def test_the_core_has_a_name_and_its_checks_and_does_not_install_the_hand_off():
    assert apps.get_app_config("django_plasgate_ip").verbose_name == "Phone verification"
    assert handoff_app() is None
    always = {settings_checks.check_settings, project.check_project}
    ours = always | {project.check_deployment}

    assert ours & set(registry.get_checks()) == always
    assert ours <= set(registry.get_checks(include_deployment_checks=True))


def test_a_login_is_received_once(user, monkeypatch):
    apps.get_app_config("django_plasgate_ip").ready()  # a site's tests may call it again
    claimed = mock.Mock()
    monkeypatch.setattr(claim_at_login, "claim_session", claimed)

    request = request_of(session={browser_session.SESSION_KEY: "browser"})
    user_logged_in.send(sender=User, request=request, user=user)

    claimed.assert_called_once_with(request, user, mock.ANY)
