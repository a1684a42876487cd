"""The sandbox is found on whatever host and port the visitor uses."""

import sys

import pytest
from django.test import RequestFactory
from django.urls import NoReverseMatch

from django_plasgate_ip.checks import check_settings
from django_plasgate_ip.sandbox.credentials import for_request

HOST = "192.168.1.20:8123"


def test_only_with_debug_is_the_sandbox_called_on_the_host_which_a_visitor_may_forge(settings):
    settings.ALLOWED_HOSTS = ["192.168.1.20"]
    request = RequestFactory(HTTP_HOST=HOST).get("/")

    settings.DEBUG = True
    assert for_request(request).base_url == f"http://{HOST}/sandbox/"
    settings.DEBUG = False
    assert for_request(request).base_url is None


def test_a_site_without_the_sandbox_can_not_use_its_keys(settings):
    settings.ROOT_URLCONF = type("Site", (), {"urlpatterns": []})

    with pytest.raises(NoReverseMatch, match="plasgate_ip_sandbox"):
        for_request(RequestFactory().get("/"))


def test_a_check_reports_the_setting_of_a_sandbox_that_is_gone(settings, monkeypatch):
    settings.PLASGATE_IP_CREDENTIALS = "django_plasgate_ip.sandbox.credentials.for_request"
    settings.DEBUG = True
    assert check_settings() == []
    monkeypatch.delitem(sys.modules, for_request.__module__)
    settings.INSTALLED_APPS = settings.INSTALLED_APPS[:-1]

    (error,) = check_settings()
    assert error.id == "django_plasgate_ip.E022"
