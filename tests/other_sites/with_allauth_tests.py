"""The example with django-allauth: sign up, verify a number, and log in with it."""

from typing import Any

import pytest
from allauth.account.adapter import get_adapter
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command

from django_plasgate_ip.testing import make_verification
from tests.conftest import Answers
from tests.visitor import DIGITS, FAILED, MASKED, NUMBER, TYPED, Page, Visitor

pytestmark = pytest.mark.django_db

PASSWORD = "tuk-tuk-tonle-sap"


@pytest.fixture
def member(stranger: Visitor, answers: Answers) -> Visitor:
    """Return the browser of the user ``sok``, who has signed up and verified the number."""
    answers()
    sign_up(stranger)
    verify(stranger)
    return stranger


def send(browser: Visitor, path: str, **typed: str) -> Any:
    """Send the main form of the page at `path`, which has other forms too."""
    fields = Page(browser.get(path)).fields
    assert set(typed) <= set(fields)
    response = browser.post(path, fields | typed)
    if "/authenticate?" in response.get("Location", ""):
        browser.authorize_url = response["Location"]
    return response


def sign_up(browser: Visitor) -> Any:
    passwords = {"password1": PASSWORD, "password2": PASSWORD}
    return send(browser, "/accounts/signup/", username="sok", **passwords)


def verify(browser: Visitor, phone_number: str = TYPED) -> None:
    send(browser, "/phone/?again=1", phone_number=phone_number)
    browser.come_back()


def log_in(login: str, password: str = PASSWORD) -> bool:
    """Send allauth's login form in a new browser, and return whether it is logged in then."""
    # allauth counts the failures in the cache.
    cache.clear()
    browser = Visitor()
    send(browser, "/accounts/login/", login=login, password=password)
    return "_auth_user_id" in browser.session


def test_a_new_user_verifies_a_number_and_becomes_a_member(stranger, answers, settings):
    # MariaDB does not support a constraint of allauth's tables.
    settings.SILENCED_SYSTEM_CHECKS = ["models.W036"]
    call_command("check", fail_level="WARNING")
    answers()

    assert sign_up(stranger)["Location"] == "/members/"
    start = stranger.get("/members/")["Location"]
    assert start == "/phone/?again=1&next=/members/"
    send(stranger, start, phone_number=TYPED)
    assert stranger.come_back()["Location"] == "/members/"
    assert MASKED in stranger.get("/members/").content.decode()
    assert get_adapter().get_phone(User.objects.get()) == (NUMBER, True)


def test_a_member_logs_in_by_name_or_by_number(member):
    for login in ("sok", TYPED, DIGITS, "០៧៧ ៦៩៦ ១១៨"):
        assert log_in(login)
        assert not log_in(login, "a wrong password")
    for unknown in ("012 345 678", "nobody", " "):
        assert not log_in(unknown)


def test_an_unverified_number_logs_nobody_in(stranger, answers):
    answers(FAILED)
    sign_up(stranger)
    verify(stranger)

    assert get_adapter().get_phone(User.objects.get()) is None
    assert not log_in(TYPED)


def test_only_the_newest_number_of_a_member_logs_them_in(member, answers):
    answers(login_hint="85512345678")
    verify(member, "012 345 678")

    assert not log_in(TYPED)
    assert log_in("012 345 678")


def share_the_number() -> None:
    make_verification(User.objects.create_user("mallory", password=PASSWORD))


def erase_the_number() -> None:
    call_command("plasgate_ip_erase", user="sok", interactive=False, verbosity=0)


@pytest.mark.parametrize("change", [share_the_number, erase_the_number])
def test_a_number_of_two_accounts_or_of_none_logs_nobody_in(member, change):
    change()

    assert not log_in(TYPED)
    assert log_in("sok")
