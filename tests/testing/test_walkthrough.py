"""The walk through different sites, and its error if a site stops it."""

from unittest import mock

import pytest
from django.http import Http404

from django_plasgate_ip import flow
from tests.visitor import TYPED

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "values",
    [
        {"PLASGATE_IP_CONTINUE_PAGE": True},
        {"PLASGATE_IP_CALLBACK_NONCE": True},
        {"SECURE_SSL_REDIRECT": True, "SESSION_COOKIE_SECURE": True, "CSRF_COOKIE_SECURE": True},
        {"FORCE_SCRIPT_NAME": "/app/"},
        {"PLASGATE_IP_PUBLIC_URL": "https://www.example.com"},
        {"PLASGATE_IP_PHONE_PARAMETERS": ["login_hint"]},
    ],
    ids=str,
)
def test_sites_with_other_settings_are_walked(visitor, plasgate_ip, settings, values):
    for name, value in values.items():
        setattr(settings, name, value)

    result = plasgate_ip.verify(visitor, TYPED, next="/here/")

    assert (result.verification.status, result.response["Location"]) == ("verified", "/here/")


def test_a_client_must_sign_in_unless_anyone_may_start(stranger, plasgate_ip, settings):
    with pytest.raises(AssertionError, match=r"answered 302 to /accounts/login/.* Sign the client"):
        plasgate_ip.verify(stranger)

    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    assert plasgate_ip.verify(stranger).verification.user is None


def test_an_invalid_number_and_a_limit_are_reported(visitor, plasgate_ip, settings):
    settings.PLASGATE_IP_MAX_STARTS_PER_USER = 1
    with pytest.raises(AssertionError, match=r"POST /phone/ answered 400\. This is not a phone"):
        plasgate_ip.verify(visitor, "12")
    plasgate_ip.verify(visitor)

    with pytest.raises(AssertionError, match=r"429\. A limit was reached"):
        plasgate_ip.verify(visitor)


def test_a_form_without_a_csrf_token_is_reported(visitor, plasgate_ip, settings, tmp_path):
    page = tmp_path / "django_plasgate_ip" / "start.html"
    page.parent.mkdir()
    page.write_text("<form method=post></form>")
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]

    with pytest.raises(AssertionError, match=r"403\. The site's start\.html needs"):
        plasgate_ip.verify(visitor)


def test_a_callback_that_finishes_nothing_is_reported(visitor, plasgate_ip, monkeypatch):
    monkeypatch.setattr(flow, "complete", mock.Mock(side_effect=Http404))

    with pytest.raises(AssertionError, match=r"The callback answered 303 to /phone/callback/"):
        plasgate_ip.verify(visitor)
