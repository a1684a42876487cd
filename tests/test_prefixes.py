"""Sites that put something before our paths, or a login before everything: no link goes astray."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.templatetags.static import static
from django.urls import (
    clear_url_caches,
    include,
    path,
    reverse,
    set_script_prefix,
    set_urlconf,
)

from django_plasgate_ip import redirects
from django_plasgate_ip.decorators import phone_verified_required
from tests import urls
from tests.conftest import Answers
from tests.visitor import FAILED, TYPED, Page, Visitor, attempt, outcome

LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"
FORM = "{% load plasgate_ip %}{% plasgate_ip_badge request.user %}{% plasgate_ip_start_form %}"


@phone_verified_required
def guarded(request: HttpRequest) -> HttpResponse:
    return HttpResponse("in")


def own_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(engines["django"].from_string(FORM).render({}, request))


PAGES = [
    path("guarded/", guarded),
    path("own/", own_page),
    path("sms/", lambda request: HttpResponse("a code"), name="sms"),
    path("phone/", include("django_plasgate_ip.urls")),
    path("accounts/", include("django.contrib.auth.urls")),
]


class Site:
    urlpatterns = [*PAGES, *urls.urlpatterns]


class EveryLanguage:
    urlpatterns = i18n_patterns(*PAGES)


class DefaultLanguageBare:
    urlpatterns = i18n_patterns(*PAGES, prefix_default_language=False)


# Below a path


@pytest.fixture
def shop(settings: Any) -> Iterator[None]:
    """Serve the site below /shop, which the server in front takes away."""
    # The storage of static files keeps the prefix that it was first asked with, for other tests.
    static("")
    settings.ROOT_URLCONF = Site
    settings.FORCE_SCRIPT_NAME = "/shop"
    set_script_prefix("/shop/")  # as a real server's handler does
    yield
    set_script_prefix("/")


def behind(path: str) -> str:
    """Return what the server in front leaves of an address below /shop."""
    assert path.startswith("/shop/")
    return path.removeprefix("/shop")


@pytest.mark.usefixtures("shop")
def test_a_guarded_page_below_a_path_sends_there_and_back(
    visitor: Visitor, answers: Answers
) -> None:
    answers()
    start = visitor.get("/guarded/?a=1")["Location"]
    assert start == "/shop/phone/?next=%2Fshop%2Fguarded%2F%3Fa%3D1"

    visitor.submit(visitor.get(behind(start)), phone_number=TYPED)
    back = visitor.come_back()["Location"]

    assert back == "/shop/guarded/?a=1"
    assert visitor.get(behind(back)).content == b"in"


@pytest.mark.usefixtures("shop")
def test_the_form_on_a_sites_own_page_below_a_path(
    visitor: Visitor, stranger: Visitor, answers: Answers
) -> None:
    answers()

    visitor.submit(visitor.get("/own/"), phone_number=TYPED)
    page = visitor.come_back()["Location"]

    assert visitor.sent["redirect_uri"] == "http://testserver/shop/phone/callback/"
    assert page == f"/shop/phone/{attempt().pk}/"
    assert visitor.get(behind(page)).status_code == 200
    link = Page(stranger.get("/own/")).links["Sign in to verify your phone number"]
    # LOGIN_URL is a url's name; what it comes back to is this page.
    assert link == "/shop/accounts/login/?next=/shop/own/"


@pytest.mark.usefixtures("shop")
def test_every_link_of_a_failure_stays_below_the_path(
    visitor: Visitor, answers: Answers, settings: Any
) -> None:
    settings.PLASGATE_IP_FALLBACK_URL = "sms"
    answers(FAILED)

    page = Page(visitor.get(behind(visitor.verify(next="/shop/guarded/")["Location"])))

    assert page.links["Try again"] == "/shop/phone/?next=%2Fshop%2Fguarded%2F"
    assert page.links["Verify in another way"] == "/shop/sms/"
    assert all(link.startswith("/shop/") for link in page.links.values())


# With a language before every path


@pytest.mark.parametrize(
    ("urlconf", "prefix", "callback"),
    [
        (EveryLanguage, "/en", "/en/phone/callback/"),
        (EveryLanguage, "/km", "/en/phone/callback/"),
        (DefaultLanguageBare, "", "/phone/callback/"),
        (DefaultLanguageBare, "/km", "/phone/callback/"),
    ],
    ids=["en", "km", "bare en", "km beside a bare en"],
)
@pytest.mark.parametrize("browser_speaks", ["en", "km"])
def test_a_visitor_stays_in_the_language_of_the_page_they_came_from(
    visitor: Visitor,
    stranger: Visitor,
    answers: Answers,
    settings: Any,
    urlconf: Any,
    prefix: str,
    callback: str,
    browser_speaks: str,
) -> None:
    """Whatever their browser asks for; only the callback is one for all."""
    settings.ROOT_URLCONF = urlconf
    settings.PLASGATE_IP_FALLBACK_URL = "sms"
    for browser in (visitor, stranger):
        browser.defaults["HTTP_ACCEPT_LANGUAGE"] = browser_speaks

    # Signed out: by way of the login, and back.
    login = stranger.get(f"{prefix}/guarded/")["Location"]
    assert login == f"{prefix}/accounts/login/?next={prefix}/guarded/"

    # A failure, from the form on a page of the site's own.
    answers(FAILED)
    visitor.submit(visitor.get(f"{prefix}/own/"), phone_number=TYPED)
    assert visitor.sent["redirect_uri"] == f"http://testserver{callback}"
    failed = visitor.get(visitor.come_back()["Location"])
    assert failed.request["PATH_INFO"] == f"{prefix}/phone/{attempt().pk}/"
    assert Page(failed).all("html")[0]["lang"] == (prefix[1:] or "en")
    here, there = f"{prefix}/phone/", f"{prefix}/sms/"
    links = set(Page(failed).links.values())
    assert {here, there} <= links
    assert all(link.startswith(here) for link in links - {there})

    # And then a success, from a page that asks for one.
    answers()
    start = visitor.get(f"{prefix}/guarded/")["Location"]
    assert start.startswith(f"{prefix}/phone/?next=")
    visitor.submit(visitor.get(start), phone_number=TYPED)
    assert visitor.sent["redirect_uri"] == f"http://testserver{callback}"
    back = visitor.come_back()["Location"]
    assert back == f"{prefix}/guarded/"
    assert visitor.get(back).content == b"in"


@pytest.mark.parametrize("prefix", ["/en", "/km"])
def test_a_script_is_told_the_page_in_its_language(
    visitor: Visitor, settings: Any, prefix: str
) -> None:
    settings.ROOT_URLCONF = EveryLanguage
    visitor.get(f"{prefix}/phone/")
    headers = {"Accept": "application/json", "X-CSRFToken": visitor.cookies["csrftoken"].value}

    answer = visitor.post(f"{prefix}/phone/", {"phone_number": TYPED}, headers=headers).json()

    assert answer["detail_url"] == f"{prefix}/phone/{attempt().pk}/"


def test_the_callback_moves_with_the_urls(
    visitor: Visitor, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ROOT_URLCONF = Site
    visitor.start()
    assert visitor.sent["redirect_uri"] == "http://testserver/phone/callback/"

    moved = [path("elsewhere/", include("django_plasgate_ip.urls"))]
    monkeypatch.setattr(Site, "urlpatterns", moved)
    clear_url_caches()
    visitor.submit(visitor.get("/elsewhere/"), phone_number=TYPED)

    assert visitor.sent["redirect_uri"] == "http://testserver/elsewhere/callback/"


def test_the_callback_is_the_one_of_the_requests_own_urls_and_path(settings: Any) -> None:
    settings.ROOT_URLCONF = Site
    try:
        for urlconf in (None, EveryLanguage):
            for prefix in ("/", "/shop/"):
                set_urlconf(cast("str | None", urlconf))
                set_script_prefix(prefix)
                assert redirects.callback_path() == reverse("plasgate_ip:callback")
    finally:
        set_urlconf(None)
        set_script_prefix("/")


# With a login before every page


@pytest.fixture
def closed(settings: Any) -> None:
    """Close every page of the site that does not say otherwise."""
    settings.ROOT_URLCONF = Site
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, LOGIN_REQUIRED]


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize(
    ("url", "accept", "status"),
    [
        ("/phone/", "text/html", 302),
        ("/phone/callback/?code=a&state=b", "text/html", 400),
        ("/phone/callback/", "text/html", 400),
        ("/phone/0b5f6d3e-0000-4000-8000-000000000000/", "text/html", 404),
        ("/phone/0b5f6d3e-0000-4000-8000-000000000000/", "application/json", 404),
        ("/own/", "text/html", 302),
    ],
)
def test_a_stranger_is_answered_by_our_pages_and_not_by_the_middleware(
    stranger: Visitor, url: str, accept: str, status: int
) -> None:
    response = stranger.get(url, headers={"Accept": accept})

    assert response.status_code == status
    if status == 302:
        assert response["Location"] == f"/accounts/login/?next={url}"
    # A login page's next would carry the code along.
    assert "code" not in response.get("Location", "")


@pytest.mark.usefixtures("closed")
def test_a_strangers_script_gets_its_401(stranger: Visitor) -> None:
    stranger.get("/accounts/login/")
    headers = {"Accept": "application/json", "X-CSRFToken": stranger.cookies["csrftoken"].value}

    response = stranger.post("/phone/", {"phone_number": TYPED}, headers=headers)

    assert response.status_code == 401
    assert response.json()["errors"]["__all__"][0]["code"] == "login_required"


@pytest.mark.usefixtures("closed")
def test_who_signs_in_on_the_way_is_verified(
    stranger: Visitor, user: User, answers: Answers
) -> None:
    answers()
    login = stranger.get("/guarded/", follow=True)
    response = stranger.submit(login, username="teak", password="a password")
    start = stranger.get(response["Location"])["Location"]
    stranger.submit(stranger.get(start), phone_number=TYPED)

    assert stranger.come_back()["Location"] == "/guarded/"
    assert stranger.get("/guarded/").content == b"in"


@pytest.mark.usefixtures("closed")
def test_where_anybody_may_start_all_of_our_pages_are_open(
    passer_by: Visitor, answers: Answers, settings: Any
) -> None:
    settings.PLASGATE_IP_CONTINUE_PAGE = True
    answers(FAILED)
    assert passer_by.get("/phone/").status_code == 200
    going_on = passer_by.start()
    assert going_on.status_code == 200
    passer_by.authorize_url = Page(going_on).links["Continue"]

    page = passer_by.get(passer_by.come_back()["Location"])

    assert page.status_code == 200
    assert outcome() == ("failed", "not_on_mobile_data")
    script = passer_by.get(page.request["PATH_INFO"], headers={"Accept": "application/json"})
    assert script.json()["reason"] == "not_on_mobile_data"
