"""Where a verification leads: ``next``, and the fallback of visitors who can't be verified."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path

from django_plasgate_ip import redirects
from django_plasgate_ip.models import PhoneVerification
from tests import urls
from tests.conftest import Answers
from tests.visitor import FAILED, MASKED, Page, Visitor, attempt


class Site:
    """URLs of a site with a page for SMS codes."""

    urlpatterns = [path("sms/", lambda request: HttpResponse(), name="sms"), *urls.urlpatterns]


def by_reason(request: HttpRequest, verification: PhoneVerification | None) -> str:
    """Be a site's function. A visitor whom a limit stopped has no verification."""
    if verification is None:
        return "sms"
    return f"/help/{verification.reason}/{request.user.get_username()}/"


def no_way(request: HttpRequest, verification: PhoneVerification | None) -> None:
    """Know no other way."""


def raises(request: HttpRequest, verification: PhoneVerification | None) -> str:
    raise ZeroDivisionError


def takes_no_arguments() -> str:
    return "/sms/"


def returns_no_page(request: HttpRequest, verification: PhoneVerification | None) -> str:
    return "no-such-name"


def returns_a_number(request: HttpRequest, verification: PhoneVerification | None) -> int:
    return 7


def other_way(visitor: Visitor, answers: Answers) -> str | None:
    """Fail, and return where the page offers to go."""
    answers(FAILED)
    page = visitor.get(visitor.verify()["Location"])
    assert page.status_code == 200
    assert MASKED in page.content.decode()
    return Page(page).links.get("Verify in another way")


@pytest.mark.parametrize(
    "url", ["/phone/callback/", "/phone/callback/?code=1", "http://testserver/phone/callback/"]
)
def test_a_next_that_leads_to_the_callback_is_dropped(
    visitor: Visitor, answers: Answers, url: str
) -> None:
    answers()

    response = visitor.verify(next=url)

    assert attempt().next_url == ""
    assert response["Location"] == f"/phone/{attempt().pk}/"


def test_a_next_of_many_khmer_letters_is_as_long_as_it_gets_in_a_header(visitor: Visitor) -> None:
    fits = "/" + "\u1780" * ((redirects.MAX_URL_LENGTH - 1) // 9)
    visitor.start(next=fits)
    assert attempt().next_url == fits

    visitor.start(next=fits + "\u1780")
    assert attempt().next_url == ""


@pytest.mark.parametrize("written", ["/sms/", "https://sms.example.com/", "sms"])
def test_the_fallback_is_a_path_a_url_or_a_url_name(
    visitor: Visitor, answers: Answers, settings: Any, written: str
) -> None:
    settings.ROOT_URLCONF = Site
    settings.PLASGATE_IP_FALLBACK_URL = written

    expected = "/sms/" if written == "sms" else written
    assert other_way(visitor, answers) == expected


def test_the_fallback_function_wins_over_the_url(
    visitor: Visitor, answers: Answers, settings: Any
) -> None:
    settings.PLASGATE_IP_FALLBACK_URL = "/sms/"
    settings.PLASGATE_IP_FALLBACK_FUNCTION = f"{__name__}.by_reason"

    assert other_way(visitor, answers) == "/help/not_on_mobile_data/teak/"


def test_the_fallback_function_gets_no_verification_where_a_limit_stopped_the_start(
    visitor: Visitor, settings: Any
) -> None:
    settings.ROOT_URLCONF = Site
    settings.PLASGATE_IP_FALLBACK_FUNCTION = f"{__name__}.by_reason"
    settings.PLASGATE_IP_MAX_STARTS_PER_USER = 1
    visitor.start()

    response = visitor.start()

    assert response.status_code == 429
    assert Page(response).links["Verify in another way"] == "/sms/"


def test_the_fallback_function_may_return_none(
    visitor: Visitor, answers: Answers, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PLASGATE_IP_FALLBACK_URL = "/sms/"
    settings.PLASGATE_IP_FALLBACK_FUNCTION = f"{__name__}.no_way"

    assert other_way(visitor, answers) is None
    assert "FALLBACK" not in caplog.text


@pytest.mark.parametrize(
    ("name", "logged"),
    [
        ("raises", "ZeroDivisionError"),
        ("no_such_function", "can't be imported"),
        ("takes_no_arguments", "TypeError"),
        ("returns_no_page", "neither a path, a URL nor a url name"),
        ("returns_a_number", "TypeError"),
    ],
)
def test_a_broken_fallback_function_is_logged_and_the_visitor_gets_the_page(
    visitor: Visitor,
    answers: Answers,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    name: str,
    logged: str,
) -> None:
    settings.PLASGATE_IP_FALLBACK_FUNCTION = f"{__name__}.{name}"

    assert other_way(visitor, answers) is None
    assert logged in caplog.text
