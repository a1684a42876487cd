"""A code, a link or a session of somebody else verifies nobody."""

import pytest
from django.contrib.auth.models import User

from django_plasgate_ip.models import PhoneVerification
from tests.visitor import CODE, NUMBER, STATE, TYPED, VERIFIED, Visitor, newest, outcome


@pytest.fixture
def attacker(other_user: User) -> Visitor:
    """Return the browser of an attacker, who has an account too."""
    browser = Visitor()
    browser.force_login(other_user)
    return browser


def test_an_attackers_own_code_in_the_victims_session_is_a_mismatch(
    visitor, attacker, plasgate, receivers
):
    """The victim opens a link with a code of the attacker's own phone."""
    plasgate.codes["theirs", "their state"] = VERIFIED | {"login_hint": "85512345678"}
    attacker.start("012 345 678")
    visitor.start()

    visitor.come_back(code="theirs", state="their state")

    # The victim's own code arrives too late: the verification has ended.
    visitor.come_back()
    assert outcome() == ("failed", "number_mismatch")
    assert (str(newest().phone_number), newest().sub, newest().mobile_id) == (NUMBER, "", "")
    assert receivers.heard == [("failed", newest())]
    assert len(plasgate.sent) == 1


def test_the_nonce_ties_a_code_for_the_same_number_to_its_session(
    visitor, user, attacker, plasgate, settings
):
    """The attacker's own verification stays as it is, and the other one can't be used any more."""
    settings.PLASGATE_IP_CALLBACK_NONCE = True
    visitor.start()
    attacker.start(TYPED)

    # Without the redirect_uri, which has the nonce too.
    shown = attacker.get(visitor.callback_url(redirect_uri=None))["Location"]

    assert shown == f"/phone/{newest().pk}/"
    assert outcome() == ("pending", "")
    assert PhoneVerification.objects.get(user=user).reason == "wrong_browser"
    visitor.come_back()
    assert plasgate.sent == []


def test_a_callback_link_in_another_browser_changes_nothing_and_shows_nothing(
    visitor, attacker, plasgate
):
    visitor.start()
    link = visitor.callback_url()

    for browser in (attacker, Visitor()):
        assert browser.get(link, follow=True).status_code == 400
    assert plasgate.sent == []
    assert outcome() == ("pending", "")

    visitor.get(link)
    assert outcome() == ("verified", "")
    for browser in (attacker, Visitor()):
        assert browser.get(link, follow=True).status_code == 400
        assert browser.get(f"/phone/{newest().pk}/").status_code in (302, 404)
    assert len(plasgate.sent) == 1


def test_a_code_that_was_used_verifies_nobody_again(visitor, user, attacker, other_user, plasgate):
    visitor.verify()
    del plasgate.codes[CODE, STATE]
    attacker.start(TYPED)

    attacker.come_back()

    assert PhoneVerification.objects.verified().get().user == user
    assert PhoneVerification.objects.get(user=other_user).reason == "credentials_rejected"


@pytest.mark.parametrize("username", ["teak", "mallory"])
def test_a_logout_or_another_login_before_the_callback_verifies_no_account(
    visitor, user, other_user, plasgate, username
):
    """An attacker who logs the victim in to the attacker's account would own the number."""
    visitor.start()
    if username == user.get_username():
        visitor.logout()
    visitor.submit(visitor.get("/accounts/login/"), username=username, password="a password")

    assert visitor.get(visitor.callback_url(), follow=True).status_code == 400
    assert plasgate.sent == []
    assert [row.user for row in PhoneVerification.objects.all()] == [user]
    assert not PhoneVerification.objects.verified().exists()
