"""The whole way, with a user whose key is a UUID and whose login name is an e-mail address."""

from typing import Any

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.http import HttpRequest
from django.urls import reverse

from django_plasgate_ip import flow
from django_plasgate_ip.models import PhoneVerification
from tests.conftest import Answers
from tests.handoff.devices import Phone, hand_over, offered
from tests.other_sites.accounts.models import Account
from tests.visitor import Visitor, attempt, outcome

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> Account:
    return Account.objects.create_user("teak@example.com", "a password")


@pytest.fixture
def other_user() -> Account:
    return Account.objects.create_user("mallory@example.com", "a password")


def test_the_site_is_the_one_that_is_meant() -> None:
    assert get_user_model()._meta.label == "accounts.Account"


def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "django_plasgate_ip", check=True, dry_run=True, verbosity=0)


def test_the_user_is_verified_and_nobody_else(
    visitor: Visitor, user: Account, other_user: Any, answers: Answers
) -> None:
    answers()

    response = visitor.verify(next="/here/")

    assert response["Location"] == "/here/"
    assert attempt().user_id == user.uid
    assert PhoneVerification.objects.is_verified(user, "077 696 118")
    assert not PhoneVerification.objects.is_verified(other_user)
    assert visitor.get(f"/phone/{attempt().pk}/").status_code == 200
    visitor.force_login(other_user)
    assert visitor.get(f"/phone/{attempt().pk}/").status_code == 404


def test_an_account_claims_what_its_session_verified(
    passer_by: Visitor, user: Account, answers: Answers
) -> None:
    answers()
    passer_by.verify()

    page = passer_by.get("/accounts/login/")
    passer_by.submit(page, username="teak@example.com", password="a password")

    assert PhoneVerification.objects.is_verified(user)


def test_a_login_between_start_and_callback_ends_the_attempt(
    passer_by: Visitor, user: Any, answers: Answers
) -> None:
    answers()
    passer_by.start()
    passer_by.force_login(user)
    passer_by.come_back()

    assert outcome() == ("error", "user_changed")
    assert answers.calls == []


def test_a_phone_goes_on_for_the_account_at_a_computer(
    visitor: Visitor, user: Account, answers: Answers
) -> None:
    answers()
    phone = Phone()
    path = offered(visitor.get("/phone/"))

    assert "t**k@example.com" in phone.get(path).content.decode()
    hand_over(visitor, phone, path)
    phone.come_back()

    assert attempt().user_id == user.uid
    assert PhoneVerification.objects.is_verified(user)


def test_whoever_goes_takes_the_data_along(
    visitor: Visitor, user: Account, answers: Answers
) -> None:
    answers()
    visitor.verify()

    user.delete()

    assert not PhoneVerification.objects.exists()


@pytest.mark.parametrize(("query", "found"), [("teak@example.com", True), ("mallory@", False)])
def test_the_staff_find_an_attempt_by_the_login_name(
    visitor: Visitor, other_user: Account, answers: Answers, query: str, found: bool
) -> None:
    answers()
    visitor.verify()
    staff: Any = Account.objects.create_user("staff@example.com", "a password", is_staff=True)
    visitor.force_login(staff)

    response = visitor.get(
        reverse("admin:django_plasgate_ip_phoneverification_changelist"), {"q": query}
    )

    assert response.status_code == 200
    assert (str(attempt().pk) in response.content.decode()) is found


def test_the_owner_of_a_number_logs_in_by_verifying_it(
    visitor: Visitor, user: Account, answers: Answers, settings: Any
) -> None:
    backend = "django_plasgate_ip.backends.VerifiedPhoneBackend"
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, backend]
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    answers()
    visitor.verify()
    browser = Visitor()
    browser.verify()
    request = HttpRequest()
    request.session, request.user = browser.session, AnonymousUser()

    found: Any = authenticate(request, verification=flow.latest(request))

    assert found == user
    assert attempt().user_id == user.uid
    assert found.has_perm("anything") is False
