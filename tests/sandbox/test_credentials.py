"""The sandbox is found on whatever host and port the visitor uses."""

import sys
from typing import Any

import pytest
from django.test import RequestFactory
from django.urls import NoReverseMatch

from django_plasgate_ip import flow
from django_plasgate_ip.checks import check_settings
from django_plasgate_ip.sandbox.credentials import for_request
from tests.visitor import TYPED, request_of

HOST = "192.168.1.20:8123"


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["192.168.1.20"]
    settings.PLASGATE_IP_CREDENTIALS = "django_plasgate_ip.sandbox.credentials.for_request"
    settings.DEBUG = True


@pytest.mark.django_db
def test_the_browser_is_sent_to_the_host_and_port_that_it_uses(settings):
    request = request_of()
    request.META |= {"HTTP_HOST": HOST}

    started = flow.begin(request, TYPED)

    assert started.authorize_url.startswith(f"http://{HOST}/sandbox/authenticate?private_key=sand")


def test_a_forged_host_is_not_called_without_debug(settings):
    settings.DEBUG = False

    assert for_request(RequestFactory(HTTP_HOST=HOST).get("/")).base_url is None


def test_a_site_without_the_sandbox_can_not_use_its_keys(settings):
    settings.ROOT_URLCONF = type("Site", (), {"urlpatterns": []})

    with pytest.raises(NoReverseMatch, match="plasgate_ip_sandbox"):
        for_request(RequestFactory(HTTP_HOST=HOST).get("/"))


def test_a_check_reports_the_setting_of_a_sandbox_that_is_gone(settings, monkeypatch):
    assert check_settings() == []
    monkeypatch.delitem(sys.modules, for_request.__module__)
    settings.INSTALLED_APPS = settings.INSTALLED_APPS[:-1]

    (error,) = check_settings()
    assert error.id == "django_plasgate_ip.E022"
