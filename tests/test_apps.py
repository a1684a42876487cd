"""The app's configuration: what a site gets by naming the app, and what that costs it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.core.checks.registry import registry
from django.test import RequestFactory

from django_plasgate_ip import checks, flow, site_checks

ROOT = Path(__file__).parents[1]
# Much to import, and needed only where a call is made or claims are read.
HEAVY = ("requests", "urllib3", "cryptography", "django_plasgate_ip.client")

SETUP = """
import json
import sys

from django.conf import settings

settings.configure(**json.loads(sys.argv[1]))

import django

django.setup()
print(json.dumps([name for name in sys.argv[2:] if name in sys.modules]))
"""


def loaded_by_setup(*names: str, **values: Any) -> list[str]:
    """Return which of these modules a site with these settings has loaded once it is set up."""
    command = [sys.executable, "-c", SETUP, json.dumps(values), *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    loaded: list[str] = json.loads(done.stdout)
    return loaded


@pytest.mark.parametrize(
    "installed",
    [
        ["django.contrib.auth", "django.contrib.contenttypes", "django_plasgate_ip"],
        settings.INSTALLED_APPS,  # the admin with it, which loads every app's admin module
    ],
    ids=["alone", "with the admin"],
)
def test_setup_loads_neither_http_nor_cryptography(installed: list[str]) -> None:
    names = (*HEAVY, "django_plasgate_ip.models")
    assert loaded_by_setup(*names, INSTALLED_APPS=installed) == ["django_plasgate_ip.models"]


def test_app_has_its_documented_label() -> None:
    config = apps.get_app_config("django_plasgate_ip")
    assert config.name == "django_plasgate_ip"
    assert config.verbose_name == "Phone verification"


def test_checks_are_registered_with_those_for_live_sites_apart() -> None:
    ours = {checks.check_settings, site_checks.check_site, site_checks.check_deployment}
    assert ours & set(registry.get_checks()) == {checks.check_settings, site_checks.check_site}
    assert ours <= set(registry.get_checks(include_deployment_checks=True))


def test_login_claims_the_session_once(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    apps.get_app_config("django_plasgate_ip").ready()  # a site's tests may do so again
    claimed: list[User] = []
    monkeypatch.setattr(flow, "claim_session", lambda request, user, since: claimed.append(user))
    request: Any = RequestFactory().get("/")
    request.session = {flow.SESSION_KEY: "a browser"}
    user_logged_in.send(sender=User, request=request, user=user)
    assert claimed == [user]
