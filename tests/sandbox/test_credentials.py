"""The sandbox is found on whatever host and port the visitor uses."""

import sys
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from django.urls import NoReverseMatch

from django_plasgate_ip.checks import check_settings
from django_plasgate_ip.sandbox.credentials import for_request


@pytest.fixture
def request_to_host(settings: Any) -> HttpRequest:
    settings.ALLOWED_HOSTS = ["192.168.1.20"]
    settings.DEBUG = True
    return RequestFactory(HTTP_HOST="192.168.1.20:8123").get("/")


def test_the_sandbox_is_on_the_host_and_port_of_the_request(request_to_host):
    assert for_request(request_to_host).base_url == "http://192.168.1.20:8123/sandbox/"


def test_a_forged_host_is_not_called_without_debug(request_to_host, settings):
    settings.DEBUG = False

    assert for_request(request_to_host).base_url is None


def test_a_site_without_the_sandbox_can_not_use_its_keys(request_to_host, settings):
    settings.ROOT_URLCONF = type("Site", (), {"urlpatterns": []})

    with pytest.raises(NoReverseMatch, match="plasgate_ip_sandbox"):
        for_request(request_to_host)


def test_a_check_reports_the_setting_of_a_sandbox_that_is_gone(settings, monkeypatch):
    settings.PLASGATE_IP_CREDENTIALS = "django_plasgate_ip.sandbox.credentials.for_request"
    settings.DEBUG = True
    assert check_settings() == []
    monkeypatch.delitem(sys.modules, for_request.__module__)
    settings.INSTALLED_APPS = settings.INSTALLED_APPS[:-1]

    (error,) = check_settings()
    assert error.id == "django_plasgate_ip.E022"
