"""The example with django-allauth: sign up, verify a number, and log in with it."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.account.adapter import get_adapter
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command

from django_plasgate_ip.testing import make_verification
from tests.visitor import DIGITS, MASKED, NUMBER, TYPED, Page, Visitor

pytestmark = pytest.mark.django_db

PASSWORD = "tuk-tuk-tonle-sap"


def send(browser: Visitor, path: str, **typed: str) -> Any:
    """Send the main form of the page at `path`, which has other forms too."""
    fields = Page(browser.get(path)).fields
    assert set(typed) <= set(fields)
    response = browser.post(path, fields | typed)
    if "/authenticate?" in response.get("Location", ""):
        browser.authorize_url = response["Location"]
    return response


def log_in(login: str, password: str = PASSWORD) -> bool:
    """Send allauth's login form in a new browser, and return whether it is logged in then."""
    # allauth counts the failures in the cache.
    cache.clear()
    browser = Visitor()
    send(browser, "/accounts/login/", login=login, password=password)
    return "_auth_user_id" in browser.session


def test_a_new_user_verifies_a_number_and_logs_in_with_it(stranger, answers, settings):
    # MariaDB does not support a constraint of allauth's tables.
    settings.SILENCED_SYSTEM_CHECKS = ["models.W036"]
    call_command("check", fail_level="WARNING")
    answers()

    passwords = {"password1": PASSWORD, "password2": PASSWORD}
    signed_up = send(stranger, "/accounts/signup/", username="sok", **passwords)
    assert signed_up["Location"] == "/members/"
    start = stranger.get("/members/")["Location"]
    assert start == "/phone/?again=1&next=/members/"
    send(stranger, start, phone_number=TYPED)
    assert stranger.come_back()["Location"] == "/members/"
    assert MASKED in stranger.get("/members/").content.decode()
    assert get_adapter().get_phone(User.objects.get()) == (NUMBER, True)

    for login in ("sok", TYPED, DIGITS, "០៧៧ ៦៩៦ ១១៨"):
        assert log_in(login)
        assert not log_in(login, "a wrong password")
    for unknown in ("012 345 678", "nobody", " "):
        assert not log_in(unknown)


def test_a_number_is_of_the_only_account_that_verified_it_last(user, other_user):
    def owner(number: str = TYPED) -> Any:
        return get_adapter().get_user_by_phone(number)

    make_verification(user, "failed")
    make_verification(other_user, "failed")
    assert (owner(), get_adapter().get_phone(user)) == (None, None)
    make_verification(user, age=timedelta(days=1))
    assert owner() == user

    make_verification(other_user)
    assert owner() is None
    call_command("plasgate_ip_erase", user="mallory", interactive=False, verbosity=0)
    assert owner() == user

    make_verification(user, phone_number="012 345 678")
    assert (owner(), owner("012 345 678")) == (None, user)
