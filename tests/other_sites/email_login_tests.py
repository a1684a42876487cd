"""Whole walks for users whose key is a UUID and whose login name is an e-mail address."""

from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.http import HttpRequest
from django.urls import reverse

from django_plasgate_ip import flow
from django_plasgate_ip.models import PhoneVerification
from tests.handoff.devices import Phone, hand_over, offered
from tests.other_sites.accounts.models import Account
from tests.visitor import Visitor, newest

pytestmark = pytest.mark.django_db
PASSWORD = "a password"


@pytest.fixture
def user() -> Account:
    return Account.objects.create_user("teak@example.com", PASSWORD)


def test_a_verification_belongs_to_its_user_and_is_deleted_with_them(visitor, user, answers):
    call_command("makemigrations", "django_plasgate_ip", check=True, dry_run=True, verbosity=0)
    answers()
    other_user: Any = Account.objects.create_user("mallory@example.com", PASSWORD)

    response = visitor.verify(next="/here/")

    assert response["Location"] == "/here/"
    assert newest().user_id == user.uid
    assert PhoneVerification.objects.is_verified(user, "077 696 118")
    assert not PhoneVerification.objects.is_verified(other_user)
    assert visitor.get(f"/phone/{newest().pk}/").status_code == 200
    visitor.force_login(other_user)
    assert visitor.get(f"/phone/{newest().pk}/").status_code == 404

    user.delete()
    assert not PhoneVerification.objects.exists()


def test_a_login_claims_the_verification_of_its_session(passer_by, user, answers):
    answers()
    passer_by.verify()

    page = passer_by.get("/accounts/login/")
    passer_by.submit(page, username="teak@example.com", password=PASSWORD)

    assert PhoneVerification.objects.is_verified(user)


def test_a_phone_verifies_the_account_of_the_computer(visitor, user, answers):
    answers()
    phone = Phone()
    path = offered(visitor.get("/phone/"))

    assert "t**k@example.com" in phone.get(path).content.decode()
    hand_over(visitor, phone, path)
    phone.come_back()

    assert newest().user_id == user.uid
    assert PhoneVerification.objects.is_verified(user)


def test_staff_find_a_verification_by_the_login_name(visitor, answers):
    answers()
    visitor.verify()
    staff: Any = Account.objects.create_user("staff@example.com", PASSWORD, is_staff=True)
    visitor.force_login(staff)
    changelist = reverse("admin:django_plasgate_ip_phoneverification_changelist")

    for query, found in (("teak@example.com", True), ("mallory@", False)):
        response = visitor.get(changelist, {"q": query})
        assert response.status_code == 200
        assert (str(newest().pk) in response.content.decode()) is found


def test_the_owner_of_a_number_logs_in_by_verifying_it(visitor, user, answers, settings):
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
    assert newest().user_id == user.uid
    assert found.has_perm("anything") is False
