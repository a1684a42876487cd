"""Whole walks for users whose key is a UUID and whose login name is an e-mail address."""

from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.core.management import call_command

from django_plasgate_ip import flow
from django_plasgate_ip.models import PhoneVerification
from tests.handoff.devices import Phone, hand_over, offered
from tests.other_sites.accounts.models import Account
from tests.staff import LIST
from tests.visitor import Visitor, newest, request_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plasgate_ip")]


def account(name: str, **values: Any) -> Any:
    password = make_password("a password")
    return Account.objects.create(email=f"{name}@example.com", password=password, **values)


@pytest.fixture
def user() -> Account:
    return account("teak")


def test_a_verification_is_claimed_by_its_user_and_deleted_with_them(passer_by, user):
    call_command("makemigrations", "django_plasgate_ip", check=True, dry_run=True, verbosity=0)
    passer_by.verify()

    login = passer_by.get("/accounts/login/")
    passer_by.submit(login, username="teak@example.com", password="a password")

    assert PhoneVerification.objects.is_verified(user, "077 696 118")
    page = f"/phone/{newest().pk}/"
    assert passer_by.get(page).status_code == 200
    passer_by.force_login(account("mallory"))
    assert passer_by.get(page).status_code == 404

    user.delete()
    assert not PhoneVerification.objects.exists()


def test_a_phone_verifies_the_account_of_the_computer(visitor, user):
    phone = Phone()
    path = offered(visitor.get("/phone/"))

    assert "t**k@example.com" in phone.get(path).content.decode()
    hand_over(visitor, phone, path)
    phone.come_back()

    assert PhoneVerification.objects.is_verified(user)


def test_staff_find_a_verification_by_the_login_name(visitor):
    visitor.verify()
    visitor.force_login(account("staff", is_staff=True))

    for query, found in (("teak@example.com", True), ("mallory@", False)):
        page = visitor.get(LIST, {"q": query})
        assert (str(newest().pk) in page.content.decode()) is found


def test_the_owner_of_a_number_logs_in_by_verifying_it(visitor, user, settings):
    backend = "django_plasgate_ip.backends.VerifiedPhoneBackend"
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, backend]
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    visitor.verify()
    browser = Visitor()
    browser.verify()
    request = request_of(session=browser.session)

    assert authenticate(request, verification=flow.latest(request)) == user
    assert newest().user_id == user.uid
