"""The example with django-allauth: sign up, verify a number, and log in by it ever after."""

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.account.adapter import get_adapter
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command

from django_plasgate_ip.models import PhoneVerification
from tests.conftest import Answers
from tests.visitor import DIGITS, FAILED, NUMBER, TYPED, Page, Visitor, attempt

pytestmark = pytest.mark.django_db

PASSWORD = "tuk-tuk-tonle-sap"
OTHER: dict[str, Any] = {"login_hint": "85512345678"}


@pytest.fixture(autouse=True)
def nobody_has_tried_too_often() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def member(stranger: Visitor, answers: Answers) -> Visitor:
    """Return the browser of ``sok``, who has signed up and verified the number."""
    answers()
    send(stranger, "/accounts/signup/", username="sok", password1=PASSWORD, password2=PASSWORD)
    send(stranger, "/phone/", phone_number=TYPED)
    stranger.come_back()
    return stranger


def send(browser: Visitor, path: str, **typed: str) -> Any:
    """Send the form of the page at `path`, which has others besides."""
    fields = Page(browser.get(path)).fields
    assert set(typed) <= set(fields)
    response = browser.post(path, fields | typed)
    if "/authenticate?" in response.get("Location", ""):
        browser.authorize_url = response["Location"]
    return response


def log_in(browser: Visitor, login: str, password: str = PASSWORD) -> bool:
    """Send allauth's form; return whether it let this browser in."""
    send(browser, "/accounts/login/", login=login, password=password)
    return "_auth_user_id" in browser.session


def test_the_checks_find_nothing(settings: Any) -> None:
    # MariaDB lacks what one of allauth's own tables would like.
    settings.SILENCED_SYSTEM_CHECKS = ["models.W036"]
    call_command("check", fail_level="WARNING")


def test_who_signs_up_is_asked_for_a_number_and_then_is_a_member(
    stranger: Visitor, answers: Answers
) -> None:
    answers()

    response = send(
        stranger, "/accounts/signup/", username="sok", password1=PASSWORD, password2=PASSWORD
    )
    assert response["Location"] == "/members/"
    start = stranger.get("/members/")["Location"]
    assert start == "/phone/?next=%2Fmembers%2F"
    send(stranger, start, phone_number=TYPED)

    assert stranger.come_back()["Location"] == "/members/"
    assert "+855 77 *** *18" in stranger.get("/members/").content.decode()
    assert get_adapter().get_phone(User.objects.get()) == (NUMBER, True)


@pytest.mark.parametrize("login", ["sok", TYPED, NUMBER, DIGITS, "០៧៧ ៦៩៦ ១១៨"])
def test_a_member_logs_in_by_name_or_by_the_number_as_they_write_it(
    member: Visitor, login: str
) -> None:
    assert log_in(Visitor(), login)


def test_the_number_alone_is_not_enough(member: Visitor) -> None:
    assert not log_in(Visitor(), TYPED, "a wrong password")


@pytest.mark.parametrize("login", ["012 345 678", "077 696", "nobody", " "])
def test_what_nobody_has_verified_logs_nobody_in(member: Visitor, login: str) -> None:
    assert not log_in(Visitor(), login)


def test_a_number_that_was_not_verified_logs_nobody_in(stranger: Visitor, answers: Answers) -> None:
    answers(FAILED)
    send(stranger, "/accounts/signup/", username="sok", password1=PASSWORD, password2=PASSWORD)
    send(stranger, "/phone/", phone_number=TYPED)
    stranger.come_back()

    assert get_adapter().get_phone(User.objects.get()) is None
    assert not log_in(Visitor(), TYPED)


def test_the_newest_number_is_the_members_and_no_older_one(
    member: Visitor, answers: Answers
) -> None:
    answers(**OTHER)
    send(member, "/phone/", phone_number="012 345 678")
    member.come_back()

    assert not log_in(Visitor(), TYPED)
    assert log_in(Visitor(), "012 345 678")


def test_a_number_of_two_accounts_is_neithers(member: Visitor) -> None:
    row = attempt()
    row.pk, row.user = None, User.objects.create_user("mallory", password=PASSWORD)
    row.id = PhoneVerification().pk
    row.save(force_insert=True)

    assert not log_in(Visitor(), TYPED)
    assert log_in(Visitor(), "sok")


def test_who_is_erased_is_forgotten_here_too(member: Visitor) -> None:
    call_command("plasgate_ip_erase", user="sok", interactive=False, verbosity=0)

    assert not log_in(Visitor(), TYPED)
    assert log_in(Visitor(), "sok")
