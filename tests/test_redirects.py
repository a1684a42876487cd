"""The callback's URL, which ``next`` is safe, and the fallback."""

from unittest import mock

import pytest
from django.conf import LazySettings
from django.conf.urls.i18n import i18n_patterns
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import include, path, set_script_prefix
from django.utils import translation
from django.utils.functional import lazy

from django_plasgate_ip import redirects
from django_plasgate_ip.models import PhoneVerification
from tests import urls

SAFE = {
    "a path": "/here/?a=1&b=2#c",
    "a relative path, not a view's name": "profile",
    "the app's start page": "../?next=/phone/callback/",
    "a page below the callback": "callback/",
    "a page whose name begins like the callback's": "/phone/callbacks/",
    "two slashes later in the path": "/here//there/",
    "another address in the query": "/here/?to=//evil.example",
    "this host": "http://testserver/here/",
    "this host over TLS": "https://testserver/here/",
    "Khmer letters": "/ភ្នំពេញ/",
    "a path that ends like the callback's": "/X/phone/callback/",
    "a relative path that ends so": "X/phone/callback/",
    "a no-break space before, which belongs to the path": "\u00a0/phone/callback/",
    "the zero-width space between Khmer words": "/\u179f\u1784\u200b\u1794\u17d2\u179a\u17b6/",
    "joiners and a mark of direction": "/\u200c\u179f\u200d\u200e\ufeff/",
    "spaces that break no line": "/\u179f\u00a0\u179a\u202f/?q=\u2003",
    "a line separator, which no header treats as a line break": "/here/\u2028",
    "a reversed direction": "/\u202e/",
    "a character of the private use area": "/\ue000\U000f0000/",
}
#: Each is another way to leave the site, or to break a header or a database.
UNSAFE = {
    "another host": "https://evil.example/",
    "another host without a scheme": "//evil.example/",
    "two slashes and this host": "//testserver/here/",
    "two slashes alone": "//",
    "three slashes": "///evil.example",
    "two backslashes": "\\\\evil.example",
    "slash, backslash": "/\\evil.example",
    "backslash, slash": "\\/testserver/",
    "a scheme without slashes": "https:evil.example",
    "a scheme with three slashes": "http:///evil.example",
    "a scheme with backslashes": "http:\\\\evil.example",
    "a tab, which browsers drop, between slashes": "/\t/evil.example",
    "a space before": " //evil.example",
    "a NUL before": "\x00//evil.example",
    "a NUL later": "/here/\x00",
    "a line break": "/here/\r\nLocation: //evil.example",
    "a delete": "/here/\x7f",
    "a next line, of the C1 control characters": "/here/\x85",
    "a zero-width space before another host": "\u200b//evil.example",
    "a no-break space before another host": "\u00a0//evil.example",
    "a zero-width space in this host": "http://test\u200bserver/",
    "a lone surrogate": "/here/\ud800",
    "this host as a user name": "http://testserver@evil.example/",
    "this host behind a backslash": "http://evil.example\\@testserver/",
    "a longer host": "http://testserver.evil.example/",
    "another port": "http://testserver:8000/",
    "a broken address": "http://[::1",
    "a script": "javascript:alert(1)",
    "a script, broken by a line": "java\nscript:alert(1)",
    "another scheme": "ftp://testserver/",
    "an empty text": "",
}
#: Each is the callback, in another spelling.
LOOPS = [
    *("/phone/callback/", "/phone/callback/?code=1", "http://testserver/phone/callback/#a"),
    *("/phone/callback", " /phone/callback/ ", "/phone/c%61llback/", "/phone/callback%2F"),
    *("/phone/x/../callback/", "/phone/x/%2E%2e/callback/", "/phone//callback/", "../callback/"),
    *("\\phone\\callback\\", "/second/callback/", "/third/callback/", "?a=1", "#top", "./?a=1"),
]


class EveryLanguage:
    patterns = [path("phone/", include("django_plasgate_ip.urls"))]
    urlpatterns = i18n_patterns(*patterns)


class OtherLanguages:
    urlpatterns = i18n_patterns(*EveryLanguage.patterns, prefix_default_language=False)


class Translated:
    """Its paths are in the visitor's language, and have no prefix."""

    prefix = lazy(lambda: "khmer-phone/" if translation.get_language() == "km" else "phone/", str)()
    urlpatterns = [path(prefix, include("django_plasgate_ip.urls"))]


class Twice:
    second = path("second/", include("django_plasgate_ip.urls", namespace="second"))
    third = path("third/", include(([path("", include("django_plasgate_ip.urls"))], "third")))
    urlpatterns = [*urls.urlpatterns, second, third]


def request_of(host: str = "testserver", *, secure: bool = False) -> HttpRequest:
    return RequestFactory().get("/phone/", headers={"Host": host}, secure=secure)


def test_a_next_on_this_site_is_kept_as_it_is():
    assert {cause: redirects.safe_next(request_of(), url) for cause, url in SAFE.items()} == SAFE


def test_a_next_that_leads_elsewhere_or_to_the_callback_is_dropped(settings):
    settings.ROOT_URLCONF = Twice
    kept = [cause for cause, url in UNSAFE.items() if redirects.safe_next(request_of(), url)]
    loops = [url for url in LOOPS if redirects.safe_next(request_of(), url)]

    assert kept == loops == []


@pytest.mark.parametrize("site", [EveryLanguage, OtherLanguages])
@pytest.mark.parametrize("language", ["en", "km"])
def test_a_next_is_no_callback_in_any_language(settings, site, language):
    settings.ROOT_URLCONF = site

    with translation.override(language):
        # LocaleMiddleware redirects a path that has no language to the visitor's.
        for url in ("/phone/callback/", "/km/phone/callback", "/km/%70hone/callback/"):
            assert redirects.safe_next(request_of(), url) == ""
        for url in ("/fr/phone/callback/", "/km/phone/"):
            assert redirects.safe_next(request_of(), url) == url
    assert redirects.safe_next(request_of(), redirects.callback_path()) == ""

    settings.ROOT_URLCONF = Translated
    with translation.override("km"):
        for url in ("/phone/callback/", "/khmer-phone/callback/"):
            assert redirects.safe_next(request_of(), url) == ""


def test_a_next_is_not_the_callback_below_a_script_prefix():
    set_script_prefix("/shop/")
    try:
        assert redirects.safe_next(request_of(), "/shop/phone/callback") == ""
        # Another program answers here.
        for url in ("/phone/callback/", "/shop"):
            assert redirects.safe_next(request_of(), url) == url
    finally:
        set_script_prefix("/")


def test_a_next_must_be_on_the_host_of_the_request_and_keep_its_tls():
    assert redirects.safe_next(request_of("localhost"), "http://localhost/here/")
    assert not redirects.safe_next(request_of("localhost"), "http://testserver/here/")
    assert redirects.safe_next(request_of(secure=True), "https://testserver/here/")
    assert not redirects.safe_next(request_of(secure=True), "http://testserver/here/")


def test_a_next_is_as_long_as_its_encoded_url():
    # A Khmer letter is nine characters of the URL.
    for fits in ("/" + "a" * 1999, "/a" + "\u1780" * 222):
        assert redirects.safe_next(request_of(), fits)
        assert not redirects.safe_next(request_of(), f"{fits}a")


def test_the_redirect_uri_has_one_host_one_language_and_the_nonce(settings):
    secure = request_of("localhost", secure=True)
    uri = redirects.redirect_uri(secure, "a nonce")

    assert uri == "https://localhost/phone/callback/?nonce=a+nonce"
    assert redirects.redirect_uri(request_of(), "") == "http://testserver/phone/callback/"
    settings.PLASGATE_IP_PUBLIC_URL = "https://shop.example"
    settings.ROOT_URLCONF = EveryLanguage
    with translation.override("km"):
        assert redirects.redirect_uri(secure, "") == "https://shop.example/en/phone/callback/"


def test_the_start_is_redirected_to_the_public_host_once(settings):
    for settings.PLASGATE_IP_PUBLIC_URL, url, moved in (
        (None, "/phone/", ""),
        ("https://testserver", "/phone/?next=/a/", ""),
        ("https://TestServer:443", "/phone/", ""),
        ("https://shop.example", "/phone/", "/phone/?moved=1"),
        ("https://shop.example", "/phone/?again=1", "/phone/?moved=1&again=1"),
        ("http://testserver:8000", "/phone/", "/phone/?moved=1"),
        ("https://shop.example", "/phone/?next=/a/%3Fb&x=2", "/phone/?next=%2Fa%2F%3Fb&moved=1"),
        # A `next` of this host or of the public one becomes a path. Any other is dropped.
        ("https://shop.example", "/phone/?next=http://testserver/X", "/phone/?next=%2FX&moved=1"),
        ("https://shop.example", "/phone/?next=https://shop.example", "/phone/?next=%2F&moved=1"),
        ("https://shop.example", "/phone/?next=//evil.example/", "/phone/?moved=1"),
        ("https://shop.example", "/phone/?next=/a%C2%A0", "/phone/?next=%2Fa%C2%A0&moved=1"),
        ("https://shop.example", "/phone/?moved=1&next=/a/", ""),
    ):
        target = redirects.start_on_public_host(RequestFactory().get(url))
        assert target == (f"{settings.PLASGATE_IP_PUBLIC_URL}{moved}" if moved else ""), url


class Site:
    urlpatterns = [path("codes/", lambda request: HttpResponse(), name="sms"), *urls.urlpatterns]


def by_reason(request: HttpRequest, verification: PhoneVerification | None) -> str:
    return f"{request.path}help/{verification.reason}/" if verification else "sms"


returns_none = mock.Mock(return_value=None)
raises = mock.Mock(side_effect=ZeroDivisionError)
returns_no_page = mock.Mock(return_value="no-such-name")


def test_a_fallback_is_a_path_a_url_or_a_name(settings):
    settings.ROOT_URLCONF = Site
    for settings.PLASGATE_IP_FALLBACK_URL, url in (
        (None, ""),
        ("/sms/", "/sms/"),
        ("https://sms.example.com/?a=1", "https://sms.example.com/?a=1"),
        ("sms", "/codes/"),
    ):
        assert redirects.fallback_url(request_of()) == url


def test_the_fallback_function_wins_and_gets_the_verification(settings, caplog):
    settings.ROOT_URLCONF, settings.PLASGATE_IP_FALLBACK_URL = Site, "/sms/"
    failed = PhoneVerification(reason="not_on_mobile_data")

    settings.PLASGATE_IP_FALLBACK_FUNCTION = f"{__name__}.by_reason"
    assert redirects.fallback_url(request_of(), failed) == "/phone/help/not_on_mobile_data/"
    # A limit refused the start, so there is no verification.
    assert redirects.fallback_url(request_of()) == "/codes/"

    settings.PLASGATE_IP_FALLBACK_FUNCTION = f"{__name__}.returns_none"
    assert redirects.fallback_url(request_of(), failed) == ""
    assert caplog.records == []


def test_a_broken_fallback_is_logged_and_none_is_offered(settings, caplog):
    for name, logged in (
        ("raises", "PLASGATE_IP_FALLBACK_FUNCTION raised an exception"),
        ("no_such_function", "can't be imported"),
        ("returns_no_page", "The fallback is neither a path, a URL nor a url name: Reverse"),
    ):
        settings.PLASGATE_IP_FALLBACK_FUNCTION = f"{__name__}.{name}"
        caplog.clear()

        assert redirects.fallback_url(request_of()) == ""
        assert logged in caplog.text
        assert [(r.name, r.levelname) for r in caplog.records] == [("django_plasgate_ip", "ERROR")]


def test_without_next_a_visitor_continues_where_a_login_leads(settings, caplog, monkeypatch):
    for target, url in (("/home/", "/home/"), ("login", "/accounts/login/"), (None, "/")):
        settings.LOGIN_REDIRECT_URL = target
        assert redirects.landing_url() == url
    assert caplog.records == []

    settings.LOGIN_REDIRECT_URL = "no-such-name"
    assert redirects.landing_url() == "/"
    assert "LOGIN_REDIRECT_URL is neither a path, a URL nor a url name" in caplog.text

    # Django's default is a page that most sites do not have.
    settings.LOGIN_REDIRECT_URL = "/accounts/profile/"
    monkeypatch.setattr(LazySettings, "is_overridden", lambda *_: False, raising=False)
    assert redirects.landing_url() == "/"


def test_a_nonce_is_on_by_default_where_the_scopes_carry_no_number(settings):
    # 16 random bytes are 22 characters in base64.
    for setting, with_number, without in ((None, 0, 22), (True, 22, 22), (False, 0, 0)):
        settings.PLASGATE_IP_CALLBACK_NONCE = setting
        assert len(redirects.new_nonce(["phone_verify"])) == with_number
        assert len(redirects.new_nonce(["phone"])) == without
