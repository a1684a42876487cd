"""What happens at a login to what the session did while it was anonymous."""

from typing import Any

import pytest
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification
from tests import urls
from tests.conftest import Answers, Receivers
from tests.visitor import FAILED, Visitor, attempt, outcome


def sign_up(request: HttpRequest) -> HttpResponse:
    """Make the account as a site does, once the phone is verified."""
    login(request, User.objects.create_user("new", password="a password"))
    return HttpResponse()


class Site:
    urlpatterns = [path("sign-up/", sign_up), *urls.urlpatterns]


@pytest.fixture
def sign_up_site(settings: Any) -> None:
    settings.ROOT_URLCONF = Site


def log_in(browser: Visitor) -> None:
    """Fill in the login form as the user ``teak``."""
    page = browser.get("/accounts/login/")
    assert browser.submit(page, username="teak", password="a password").status_code == 302


def test_the_account_that_logs_in_takes_over_what_the_session_verified(
    passer_by: Visitor, user: User, answers: Answers
) -> None:
    answers()
    passer_by.verify()
    assert not PhoneVerification.objects.is_verified(user)

    log_in(passer_by)

    assert PhoneVerification.objects.is_verified(user)
    assert attempt().user == user
    assert passer_by.get(f"/phone/{attempt().pk}/").status_code == 200
    # It is the account's now, in whatever session.
    elsewhere = Visitor()
    elsewhere.force_login(user)
    assert elsewhere.get(f"/phone/{attempt().pk}/").status_code == 200


@pytest.mark.usefixtures("sign_up_site")
def test_the_account_that_signs_up_takes_it_over_too(passer_by: Visitor, answers: Answers) -> None:
    answers()
    passer_by.verify()

    passer_by.get("/sign-up/")

    assert PhoneVerification.objects.is_verified(User.objects.get(username="new"))


def test_failures_are_taken_over_as_well(passer_by: Visitor, user: User, answers: Answers) -> None:
    answers(FAILED)
    passer_by.verify()

    log_in(passer_by)

    assert attempt().user == user
    assert outcome() == ("failed", "not_on_mobile_data")
    assert not PhoneVerification.objects.is_verified(user)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("status", ["pending", "exchanging"])
def test_a_login_between_start_and_callback_ends_the_attempt_and_claims_nothing(
    passer_by: Visitor, user: User, answers: Answers, receivers: Receivers, status: str
) -> None:
    answers()
    passer_by.start()
    row = attempt()
    PhoneVerification.objects.update(status=status, exchanging_at=timezone.now())

    log_in(passer_by)

    assert outcome() == ("error", "user_changed")
    assert attempt().user is None
    assert receivers.heard == [("failed", row)]

    response = passer_by.come_back()

    assert answers.calls == []
    assert response["Location"] == f"/phone/{row.pk}/"
    assert "You signed in while" in passer_by.get(response["Location"]).content.decode()
    assert len(receivers.heard) == 1

    # Not at a later login either.
    passer_by.force_login(user)

    assert attempt().user is None


def test_the_account_can_start_at_once_after_the_login(
    passer_by: Visitor, user: User, answers: Answers
) -> None:
    answers()
    passer_by.start()
    log_in(passer_by)

    passer_by.verify()

    assert outcome() == ("verified", "")
    assert attempt().user == user


def test_what_other_sessions_and_other_users_did_is_left_alone(
    passer_by: Visitor, user: User, other_user: User, answers: Answers
) -> None:
    answers()
    elsewhere = Visitor()
    elsewhere.verify()
    elsewheres = attempt()
    # In one browser: first an anonymous one, then another user's.
    passer_by.verify()
    passer_by.force_login(other_user)
    others = attempt()

    passer_by.force_login(user)

    elsewheres.refresh_from_db()
    others.refresh_from_db()
    assert (elsewheres.user, others.user) == (None, other_user)
    assert not PhoneVerification.objects.for_user(user).exists()


def test_a_login_without_an_attempt_does_not_even_ask_for_one(
    passer_by: Visitor, user: User
) -> None:
    with CaptureQueriesContext(connection) as captured:
        log_in(passer_by)

    assert captured.captured_queries
    assert PhoneVerification._meta.db_table not in str(captured.captured_queries)


def without_a_session() -> Any:
    request: Any = RequestFactory().get("/")
    request.session = None
    return request


@pytest.mark.parametrize(
    "request_",
    [None, RequestFactory().get("/"), without_a_session()],
    ids=["no request", "no session attribute", "no session"],
)
def test_a_login_without_a_request_or_a_session_changes_nothing(
    user: User, request_: HttpRequest | None
) -> None:
    user_logged_in.send(User, request=request_, user=user)

    assert not PhoneVerification.objects.exists()
