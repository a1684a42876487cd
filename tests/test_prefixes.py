"""Sites with a prefix before the app's paths, or with other sessions, transactions and logins."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.templatetags.static import static
from django.urls import include, path, set_script_prefix
from django.utils import translation

from django_plasgate_ip.decorators import phone_verified_required
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import limits
from tests import urls
from tests.visitor import FAILED, TYPED, Page, newest, outcome

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


@pytest.fixture
def shop(settings: Any) -> Iterator[None]:
    """Serve the site below /shop, which the server in front takes away."""
    # The storage of static files keeps the first prefix that it sees, also for other tests.
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


def test_every_link_stays_below_the_path(shop, visitor, stranger, answers, settings):
    settings.PLASGATE_IP_FALLBACK_URL = "sms"
    link = Page(stranger.get("/own/")).links["Sign in to verify your phone number"]
    assert link == "/shop/accounts/login/?next=/shop/own/"

    answers(FAILED)
    failed = Page(visitor.get(behind(visitor.verify(next="/shop/guarded/")["Location"])))
    assert failed.links == {"Verify in another way": "/shop/sms/", "Go to the home page": "/shop/"}
    assert [form["action"] for form in failed.all("form")] == ["/shop/phone/"]

    answers()
    start = visitor.get("/guarded/?a=1")["Location"]
    assert start == "/shop/phone/?again=1&next=/shop/guarded/%3Fa%3D1"
    visitor.submit(visitor.get(behind(start)), phone_number=TYPED)
    assert visitor.sent["redirect_uri"] == "http://testserver/shop/phone/callback/"
    assert visitor.come_back()["Location"] == "/shop/guarded/?a=1"

    visitor.submit(visitor.get("/own/"), phone_number=TYPED)
    result = visitor.come_back()["Location"]
    assert result == f"/shop/phone/{newest().pk}/"
    assert Page(visitor.get(behind(result))).links["Continue"] == "/"
    settings.LOGIN_REDIRECT_URL = ""
    assert Page(visitor.get(behind(result))).links["Continue"] == "/shop/"


@pytest.mark.parametrize(
    ("default_has_prefix", "prefix"), [(True, "/en"), (True, "/km"), (False, ""), (False, "/km")]
)
def test_a_visitor_stays_in_the_language_of_the_page_and_the_callback_is_one_for_all(
    visitor, stranger, answers, settings, default_has_prefix, prefix
):
    callback = "/en/phone/callback/" if default_has_prefix else "/phone/callback/"
    pages = i18n_patterns(*PAGES, prefix_default_language=default_has_prefix)
    settings.ROOT_URLCONF = type("Site", (), {"urlpatterns": pages})
    settings.PLASGATE_IP_FALLBACK_URL = "sms"
    for browser in (visitor, stranger):
        # The browser prefers the other language.
        browser.defaults["HTTP_ACCEPT_LANGUAGE"] = "en" if prefix == "/km" else "km"

    login = stranger.get(f"{prefix}/guarded/")["Location"]
    assert login == f"{prefix}/accounts/login/?next={prefix}/guarded/"

    # A failure, from the form on a page of the site's own.
    answers(FAILED)
    visitor.submit(visitor.get(f"{prefix}/own/"), phone_number=TYPED)
    assert visitor.sent["redirect_uri"] == f"http://testserver{callback}"
    result = visitor.come_back()["Location"]
    assert result == f"{prefix}/phone/{newest().pk}/"
    failed = Page(visitor.get(result))
    assert failed.all("html")[0]["lang"] == (prefix[1:] or "en")
    assert [form["action"] for form in failed.all("form")] == [f"{prefix}/phone/"]
    assert set(failed.links.values()) == {f"{prefix}/sms/", "/"}

    # Then a success, from a page that requires one.
    answers()
    start = visitor.get(f"{prefix}/guarded/")["Location"]
    assert start.startswith(f"{prefix}/phone/?again=1&next=")
    visitor.submit(visitor.get(start), phone_number=TYPED)
    assert visitor.sent["redirect_uri"] == f"http://testserver{callback}"
    back = visitor.come_back()["Location"]
    assert back == f"{prefix}/guarded/"
    assert visitor.get(back).content == b"in"


def test_it_works_without_translations(visitor, answers, settings):
    settings.USE_I18N = False
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Locale" not in name]
    answers()
    with translation.override(None):
        assert visitor.get(visitor.verify()["Location"]).status_code == 200
    assert outcome() == ("verified", "")


def test_our_pages_answer_an_anonymous_visitor_themselves(stranger, settings):
    settings.ROOT_URLCONF = Site
    # Closes every page of the site that does not say otherwise.
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, LOGIN_REQUIRED]
    for url in ("/phone/", "/own/"):
        assert stranger.get(url)["Location"] == f"/accounts/login/?next={url}"
    # The callback's code must not be in a login page's next.
    assert stranger.get("/phone/callback/?code=a&state=b")["Location"] == "/phone/callback/"
    assert stranger.get("/phone/callback/").status_code == 400
    unknown = "/phone/0b5f6d3e-0000-4000-8000-000000000000/"
    assert stranger.get(unknown)["Location"] == f"/accounts/login/?next={unknown}"


@pytest.mark.django_db(transaction=True)
def test_a_transaction_for_each_request_encloses_neither_start_nor_exchange(
    visitor, answers, monkeypatch
):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    seen: list[tuple[int, bool]] = []

    def look(*_arguments: Any) -> None:
        seen.append((PhoneVerification.objects.count(), connection.in_atomic_block))

    monkeypatch.setattr(limits, "check", look)
    answers(meanwhile=look)

    visitor.verify()

    # The limits count the row that was stored before them.
    assert seen == [(1, False)] * 2
