"""Where an attempt leads: a ``next`` that goes round is none, and its length is the header's.

And where it leads who can't be verified.
"""

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
    """URLs of a site with a page for SMS codes, and one whose name could be a module's."""

    urlpatterns = [
        path("sms/", lambda request: HttpResponse(), name="sms"),
        path("dotted/", lambda request: HttpResponse(), name="tests.test_redirects.by_reason"),
        *urls.urlpatterns,
    ]


def by_reason(request: HttpRequest, verification: PhoneVerification | None) -> str:
    """Be a site's function: who was stopped by a limit has no attempt."""
    if verification is None:
        return "sms"
    return f"/help/{verification.reason}/{request.user.get_username()}/"


def broken(request: HttpRequest, verification: PhoneVerification | None) -> str:
    raise ZeroDivisionError


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


@pytest.mark.parametrize("setting", [by_reason, "tests.test_redirects.by_reason"])
def test_a_function_says_where_else_to_go(
    visitor: Visitor, answers: Answers, settings: Any, setting: Any
) -> None:
    settings.PLASGATE_IP_FALLBACK_URL = setting

    assert other_way(visitor, answers) == "/help/not_on_mobile_data/teak/"


def test_a_function_hears_of_no_attempt_where_a_limit_stopped_it(
    visitor: Visitor, settings: Any
) -> None:
    settings.ROOT_URLCONF = Site
    settings.PLASGATE_IP_FALLBACK_URL = by_reason
    settings.PLASGATE_IP_MAX_STARTS_PER_USER = 1
    visitor.start()

    response = visitor.start()

    assert response.status_code == 429
    assert Page(response).links["Verify in another way"] == "/sms/"


def test_a_url_of_the_same_name_wins_over_a_function(
    visitor: Visitor, answers: Answers, settings: Any
) -> None:
    settings.ROOT_URLCONF = Site
    settings.PLASGATE_IP_FALLBACK_URL = "tests.test_redirects.by_reason"

    assert other_way(visitor, answers) == "/dotted/"


@pytest.mark.parametrize("nowhere", [None, ""])
def test_a_function_may_know_no_other_way(
    visitor: Visitor,
    answers: Answers,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    nowhere: str | None,
) -> None:
    settings.PLASGATE_IP_FALLBACK_URL = lambda request, verification: nowhere

    assert other_way(visitor, answers) is None
    assert "FALLBACK" not in caplog.text


@pytest.mark.parametrize(
    ("setting", "logged"),
    [
        (broken, "ZeroDivisionError"),
        ("tests.test_redirects.broken", "ZeroDivisionError"),
        ("tests.test_redirects.no_such_function", "can't be imported"),
        (lambda: "/sms/", "TypeError"),
        (lambda request, verification: "no-such-name", "names no page"),
        (lambda request, verification: 7, "TypeError"),
    ],
    ids=["raises", "raises, by path", "missing", "no arguments", "no page", "a number"],
)
def test_a_function_that_is_broken_is_told_to_the_operator_and_not_to_the_visitor(
    visitor: Visitor,
    answers: Answers,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    setting: Any,
    logged: str,
) -> None:
    settings.PLASGATE_IP_FALLBACK_URL = setting

    assert other_way(visitor, answers) is None
    assert "PLASGATE_IP_FALLBACK_URL" in caplog.text
    assert logged in caplog.text
