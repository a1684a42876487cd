"""Forms that fail Django's CSRF check: nothing starts, and the visitor gets the form again."""

from itertools import product
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware, rotate_token

from django_plasgate_ip.models import PhoneVerification
from tests.visitor import TYPED, Page, newest

CSRF = "django.middleware.csrf.CsrfViewMiddleware"
OURS = {"Origin": "http://testserver"}
TYPES = [
    *("multipart/form-data; boundary=x", "application/x-www-form-urlencoded"),
    *("application/json", "text/plain"),
]
FORGED = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Referer": "http://evil.example/phone/"},
    {"Referer": "http://[evil/"},
    {**OURS, "Sec-Fetch-Site": "cross-site"},
    {**OURS, "Sec-Fetch-Site": "same-site"},
]


class OwnCheck(CsrfViewMiddleware):
    """A site's own middleware, which trusts one more header."""

    def process_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if "X-Trusted" in request.headers:
            return None
        return super().process_view(request, *args, **kwargs)


def login_in_a_middleware(get_response: Any) -> Any:
    def middleware(request: HttpRequest) -> Any:
        rotate_token(request)
        return get_response(request)

    return middleware


def sites_own(request: HttpRequest, reason: str) -> HttpResponse:
    return HttpResponse("a bare page", status=403)


def message_on(page: Any) -> str:
    text: str = page.content.decode().partition('role="alert">')[2].partition("</p>")[0]
    return text.strip()


@pytest.mark.parametrize("is_in_session", [False, True], ids=["cookie", "session"])
@pytest.mark.parametrize("middleware", [CSRF, f"{__name__}.OwnCheck", None])
def test_nothing_starts_without_a_token(visitor, settings, middleware, is_in_session):
    settings.CSRF_USE_SESSIONS = is_in_session
    settings.CSRF_FAILURE_VIEW = f"{__name__}.sites_own"
    own = [middleware] if middleware else []
    settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if path != CSRF] + own
    token = Page(visitor.get("/phone/")).fields["csrfmiddlewaretoken"]

    methods = (visitor.post, visitor.put, visitor.patch, visitor.delete)
    guesses: list[dict[str, str]] = [{}, {"X-CSRFToken": token[:-1] + "!"}]
    for send, type_, guess in product(methods, TYPES, guesses):
        body = f'{{"phone_number": "{TYPED}"}}'
        refused = send("/phone/", body, content_type=type_, headers=guess)
        assert refused.status_code == 403
        assert "phone_number" in Page(refused).fields
        assert "no-store" in refused["Cache-Control"]
    assert not PhoneVerification.objects.exists()

    assert visitor.put("/phone/", headers={"X-CSRFToken": token}).status_code == 405
    assert visitor.start().status_code == 302
    trusted = visitor.post("/phone/", {"phone_number": TYPED}, headers={"X-Trusted": "1"})
    assert trusted.status_code == (302 if middleware and "Own" in middleware else 403)


@pytest.mark.parametrize("is_in_session", [False, True], ids=["cookie", "session"])
def test_a_form_that_is_older_than_a_login_comes_back_with_its_number(
    visitor, user, settings, is_in_session
):
    settings.CSRF_USE_SESSIONS = is_in_session
    old = Page(visitor.get("/phone/?next=/here/"))
    visitor.submit(visitor.get("/accounts/login/"), username="teak", password="a password")

    again = visitor.post("/phone/", old.fields | {"phone_number": TYPED}, headers=OURS)

    assert again.status_code == 403
    assert message_on(again) == "This page was open too long. Tap Verify again."
    assert Page(again).fields["phone_number"] == TYPED
    assert "Accept" in again["Vary"].split(", ")
    assert visitor.submit(again).status_code == 302
    assert newest().next_url == "/here/"


def test_a_forged_form_comes_back_empty_and_sets_no_cookie(passer_by):
    forged = {"phone_number": TYPED, "next": "/here/", "csrfmiddlewaretoken": "a" * 32}
    for headers, is_secure in product(FORGED, (False, True)):
        page = passer_by.post("/phone/", forged, headers=headers, secure=is_secure)

        assert page.status_code == 403
        assert message_on(page) == "This form was sent from another site, so nothing was started."
        assert Page(page).fields["phone_number"] == Page(page).fields["next"] == ""
        # Browsers send no cookie with such a request. Theirs must not be replaced.
        assert not page.cookies
    assert not PhoneVerification.objects.exists()


def test_a_form_without_its_cookie_comes_back_and_names_cookies(passer_by):
    for headers, typed in (
        ({}, ""),
        ({"Referer": "http://testserver/phone/"}, TYPED),
        ({"Sec-Fetch-Site": "same-origin"}, TYPED),
        ({"Sec-Fetch-Site": "none"}, ""),
        (OURS, TYPED),
    ):
        passer_by.cookies.clear()
        page = passer_by.post("/phone/", {"phone_number": TYPED}, headers=headers)

        assert page.status_code == 403
        assert "too long. Tap Verify again. If this comes back, allow cookies" in message_on(page)
        assert Page(page).fields["phone_number"] == typed, headers
        assert passer_by.submit(page, phone_number=TYPED).status_code == 302


def test_the_new_token_of_a_login_in_a_middleware_stays(visitor, settings):
    visitor.get("/phone/")
    old = visitor.cookies["csrftoken"].value
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.login_in_a_middleware"]

    page = visitor.other_tab().get("/phone/")

    assert page.cookies["csrftoken"].value != old


def test_a_script_gets_a_code_and_the_reason_is_logged_where_django_logs_it(passer_by, caplog):
    headers = OURS | {"Accept": "application/json"}
    refused = passer_by.post("/phone/", {"phone_number": TYPED}, headers=headers)

    assert refused.status_code == 403
    error = {"message": "This page was open too long. Load it again.", "code": "csrf_failed"}
    assert refused.json()["errors"]["__all__"] == [error]
    assert "Accept" in refused["Vary"].split(", ")
    assert caplog.messages == ["Forbidden (CSRF cookie not set.): /phone/"]
    assert caplog.records[0].name == "django.security.csrf"
    # Django's mail to the administrators describes it.
    assert vars(caplog.records[0])["request"] is refused.wsgi_request
