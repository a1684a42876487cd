"""Pages for verified visitors only: who gets in, who is sent where, and that nobody goes round."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.views.generic import View

from django_plasgate_ip.decorators import PhoneVerifiedRequiredMixin, phone_verified_required
from django_plasgate_ip.models import PhoneVerification
from tests import urls
from tests.conftest import Answers
from tests.visitor import FAILED, MOBILE_ID, Visitor, attempt

HOUR = timedelta(hours=1)


def wallet(request: HttpRequest, owner: str = "") -> HttpResponse:
    """Show the wallet."""
    return HttpResponse(f"wallet {owner} {request.method}")


async def async_wallet(request: HttpRequest) -> HttpResponse:
    return wallet(request)


class Wallet(PhoneVerifiedRequiredMixin, View):
    def get(self, request: HttpRequest, owner: str = "") -> HttpResponse:
        return wallet(request, owner)


class FreshWallet(LoginRequiredMixin, Wallet):
    phone_verified_max_age = HOUR


class GuardedWallet(Wallet):
    phone_verified_changed_url = "confirm"


@phone_verified_required
def confirm(request: HttpRequest) -> HttpResponse:
    """Ask for the password, on a POST; the page itself wants a phone, too."""
    if request.method == "POST" and request.user.check_password(request.POST["password"]):
        PhoneVerification.objects.for_user(request.user).acknowledge_changes()
        return redirect(request.GET["next"])
    token = get_token(request)
    return HttpResponse(
        f'<form method="post" action="{request.get_full_path()}">'
        f'<input name="csrfmiddlewaretoken" value="{token}"></form>'
    )


class Site:
    urlpatterns = [
        path("bare/", phone_verified_required(wallet)),
        path("async/", phone_verified_required(async_wallet)),
        path("brackets/", phone_verified_required()(wallet)),
        path("class/", Wallet.as_view()),
        path("fresh/", phone_verified_required(max_age=HOUR)(wallet)),
        path("fresh-class/", FreshWallet.as_view()),
        path("signed-in/", login_required(phone_verified_required(wallet))),
        path("of/<slug:owner>/", phone_verified_required(wallet)),
        path("class-of/<slug:owner>/", Wallet.as_view()),
        path("guarded/", phone_verified_required(changed_url="confirm")(wallet)),
        path("guarded-path/", phone_verified_required(HOUR, changed_url="/confirm/")(wallet)),
        path("guarded-class/", GuardedWallet.as_view()),
        path("confirm/", confirm, name="confirm"),
        *urls.urlpatterns,
    ]


GUARDED = ["/bare/", "/async/", "/brackets/", "/class/", "/fresh/", "/fresh-class/", "/signed-in/"]


@pytest.fixture(autouse=True)
def guarded_site(settings: Any) -> None:
    settings.ROOT_URLCONF = Site


@pytest.mark.parametrize("url", GUARDED)
def test_who_is_not_verified_is_sent_to_start_and_comes_back_verified(
    visitor: Visitor, answers: Answers, url: str
) -> None:
    answers()
    address = f"{url}?a=1&b=%2F"

    detour = visitor.get(address)

    start = urlsplit(detour["Location"])
    assert start.path == "/phone/"
    assert parse_qs(start.query) == {"next": [address]}

    visitor.submit(visitor.get(detour["Location"]), phone_number="077 696 118")
    response = visitor.come_back()

    assert response["Location"] == address
    assert visitor.get(response["Location"]).content == b"wallet  GET"


@pytest.mark.parametrize("url", GUARDED)
def test_a_failed_attempt_lets_nobody_in(visitor: Visitor, answers: Answers, url: str) -> None:
    answers(FAILED)
    visitor.verify()

    assert visitor.get(url).status_code == 302


@pytest.mark.parametrize("url", ["/of/teak/", "/class-of/teak/"])
def test_the_views_arguments_and_method_arrive(
    visitor: Visitor, answers: Answers, url: str
) -> None:
    answers()
    visitor.verify()

    assert visitor.get(url).content == b"wallet teak GET"


@pytest.mark.parametrize("url", ["/bare/", "/class/"])
def test_nothing_is_done_for_who_is_not_verified(visitor: Visitor, url: str) -> None:
    visitor.get("/phone/")
    token = visitor.cookies["csrftoken"].value

    response = visitor.post(url, headers={"X-CSRFToken": token})

    assert response.status_code == 302
    assert response["Location"].startswith("/phone/?next=")


@pytest.mark.parametrize(("minutes", "lets_in"), [(59, True), (61, False)])
@pytest.mark.parametrize("url", ["/fresh/", "/fresh-class/"])
def test_a_page_may_want_a_verification_no_older_than_this(
    visitor: Visitor, answers: Answers, url: str, minutes: int, lets_in: bool
) -> None:
    answers()
    visitor.verify()
    PhoneVerification.objects.update(completed_at=timezone.now() - timedelta(minutes=minutes))

    assert (visitor.get(url).status_code == 200) is lets_in
    assert visitor.get("/bare/").status_code == 200


def test_another_users_verification_lets_nobody_in(
    visitor: Visitor, other_user: User, answers: Answers
) -> None:
    answers()
    visitor.verify()
    visitor.force_login(other_user)

    assert visitor.get("/bare/").status_code == 302


@pytest.mark.parametrize("url", ["/bare/", "/class/", "/fresh/"])
def test_an_anonymous_session_that_was_verified_gets_in_and_does_not_go_round(
    passer_by: Visitor, answers: Answers, url: str
) -> None:
    answers()
    detour = passer_by.get(url)
    passer_by.submit(passer_by.get(detour["Location"]), phone_number="077 696 118")

    response = passer_by.come_back()

    assert response["Location"] == url
    assert passer_by.get(url).content == b"wallet  GET"
    assert Visitor().get(url).status_code == 302


def test_a_page_for_accounts_asks_for_the_login_first(stranger: Visitor) -> None:
    assert stranger.get("/signed-in/")["Location"].startswith("/accounts/login/")
    assert stranger.get("/fresh-class/")["Location"].startswith("/accounts/login/")


def test_who_must_log_in_before_the_start_still_arrives(
    stranger: Visitor, user: User, answers: Answers
) -> None:
    answers()
    login = stranger.get("/bare/?a=1", follow=True)
    form = stranger.submit(login, username="teak", password="a password")
    stranger.submit(stranger.get(form["Location"], follow=True), phone_number="077 696 118")

    response = stranger.come_back()

    assert response["Location"] == "/bare/?a=1"
    assert attempt().user == user
    assert stranger.get(response["Location"]).content == b"wallet  GET"


def test_who_is_verified_and_logs_in_again_is_not_asked_again(
    visitor: Visitor, stranger: Visitor, answers: Answers
) -> None:
    answers()
    visitor.verify()

    login = stranger.get("/bare/?a=1", follow=True)
    arrived = stranger.submit(login, username="teak", password="a password")

    assert arrived["Location"] == "/bare/?a=1"
    assert stranger.get(arrived["Location"]).content == b"wallet  GET"


def test_the_decorated_view_keeps_its_name_and_docstring() -> None:
    guarded = phone_verified_required(max_age=HOUR)(wallet)

    assert (guarded.__name__, guarded.__doc__) == ("wallet", "Show the wallet.")


# A changed SIM


CHANGE_GUARDED = ["/guarded/", "/guarded-path/", "/guarded-class/"]


def change_sim(browser: Visitor, answers: Answers) -> None:
    """Verify twice, the second time with another SIM."""
    for mobile_id in (MOBILE_ID, "f" * 128):
        answers(mobile_id=mobile_id)
        browser.verify()
    assert attempt().mobile_id_changed


@pytest.mark.parametrize("url", CHANGE_GUARDED)
def test_who_came_with_another_sim_is_asked_first_and_then_let_in(
    visitor: Visitor, answers: Answers, url: str
) -> None:
    change_sim(visitor, answers)
    address = f"{url}?a=1&b=%2F"

    detour = visitor.get(address)

    question = urlsplit(detour["Location"])
    assert (detour.status_code, question.path) == (302, "/confirm/")
    assert parse_qs(question.query) == {"next": [address]}

    # To look at the question, or to answer it wrong, is no answer.
    page = visitor.get(detour["Location"])
    assert page.status_code == 200
    visitor.submit(page, password="a guess")
    assert visitor.get(address).status_code == 302

    approved = visitor.submit(page, password="a password")

    assert approved["Location"] == address
    assert visitor.get(address).content == b"wallet  GET"


@pytest.mark.parametrize("url", CHANGE_GUARDED)
def test_who_is_not_verified_at_all_verifies_first_and_is_not_asked(
    visitor: Visitor, answers: Answers, url: str
) -> None:
    assert urlsplit(visitor.get(url)["Location"]).path == "/phone/"

    answers()
    visitor.verify()

    assert visitor.get(url).status_code == 200


@pytest.mark.parametrize("url", CHANGE_GUARDED)
def test_to_verify_again_with_the_new_sim_is_no_way_round(
    visitor: Visitor, answers: Answers, url: str
) -> None:
    change_sim(visitor, answers)
    visitor.verify(next=url)
    assert not attempt().mobile_id_changed

    assert urlsplit(visitor.get(url)["Location"]).path == "/confirm/"


@pytest.mark.parametrize("url", GUARDED)
def test_a_page_that_does_not_ask_lets_in_whoever_is_verified(
    visitor: Visitor, answers: Answers, url: str
) -> None:
    change_sim(visitor, answers)

    assert visitor.get(url).status_code == 200


@pytest.mark.parametrize("url", CHANGE_GUARDED)
def test_an_anonymous_session_has_no_sim_that_could_have_changed(
    passer_by: Visitor, answers: Answers, url: str
) -> None:
    for mobile_id in (MOBILE_ID, "f" * 128):
        answers(mobile_id=mobile_id)
        passer_by.verify()

    assert passer_by.get(url).status_code == 200


def test_another_users_change_is_nobody_elses(
    visitor: Visitor, other_user: User, answers: Answers
) -> None:
    change_sim(visitor, answers)
    theirs = Visitor()
    theirs.force_login(other_user)
    answers()
    theirs.verify()

    assert theirs.get("/guarded/").status_code == 200
