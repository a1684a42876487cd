"""Sites with a prefix before our paths, or with a login before every page."""

import re
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.urls import include, path, set_script_prefix

from django_plasgate_ip.handoff import qr
from tests.conftest import Answers
from tests.handoff.devices import hand_over, offered, svg, text
from tests.visitor import Page, Visitor, newest, outcome

pytestmark = pytest.mark.django_db

LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"


class EveryLanguage:
    """URLs of a site that begin with a language."""

    urlpatterns = i18n_patterns(path("phone/", include("django_plasgate_ip.urls")))


def test_the_phone_needs_no_login_on_a_site_that_requires_one_everywhere(
    visitor: Visitor, phone: Visitor, answers: Answers, settings: Any, link: str
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, LOGIN_REQUIRED]
    answers()

    hand_over(visitor, phone, link)
    page = phone.get(phone.come_back()["Location"])

    assert outcome() == ("verified", "")
    assert "Go back to your computer" in text(page)


def test_links_keep_a_script_prefix_and_the_language_of_the_computers_url(
    visitor: Visitor, phone: Visitor, answers: Answers, settings: Any
) -> None:
    settings.ROOT_URLCONF = EveryLanguage
    settings.FORCE_SCRIPT_NAME = "/shop"
    set_script_prefix("/shop/")
    try:
        answers()
        page = visitor.get("/km/phone/")
        assert all(url.startswith("/shop/km/phone/") for url in Page(page).links.values())
        title = re.findall("<title>(.*)</title>", svg(page))[0]
        assert svg(page) == qr.svg(f"http://testserver{offered(page)}", title)
        link = offered(page).removeprefix("/shop")
        hand_over(visitor, phone, link)
        assert phone.come_back()["Location"] == f"/shop/km/phone/{newest().pk}/"
        english = visitor.get(f"{link.replace('/km/', '/en/')}screen/")
        assert english["Location"] == f"/shop/en/phone/{newest().pk}/"
    finally:
        set_script_prefix("/")
