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


def newest_of(user: User) -> PhoneVerification:
    found = PhoneVerification.objects.latest_for(user)
    assert found is not None
    return found


def verified_users() -> set[str]:
    """Return the login names of all verified users; an anonymous visitor's is empty."""
    rows = PhoneVerification.objects.verified()
    return {row.user.get_username() if row.user else "" for row in rows}


def test_an_attackers_own_code_in_the_victims_session_is_a_mismatch(
    visitor, user, attacker, plasgate, receivers
):
    """The victim opens a link with a code of the attacker's own phone."""
    plasgate.codes["theirs", "their state"] = VERIFIED | {"login_hint": "85512345678"}
    attacker.start("012 345 678")
    visitor.start()

    visitor.come_back(code="theirs", state="their state")

    row = newest_of(user)
    assert (row.status, row.reason) == ("failed", "number_mismatch")
    assert (str(row.phone_number), row.sub, row.mobile_id) == (NUMBER, "", "")
    assert verified_users() == set()
    assert [name for name, _row in receivers.heard] == ["failed"]

    # The victim's own code arrives too late: the verification has ended.
    visitor.come_back()
    assert outcome() != ("verified", "")
    assert len(plasgate.sent) == 1


def test_the_nonce_ties_a_code_for_the_same_number_to_its_session(
    visitor, user, attacker, other_user, plasgate, settings
):
    """The attacker's own verification stays as it is, and the other one can't be used any more."""
    settings.PLASGATE_IP_CALLBACK_NONCE = True
    visitor.start()
    attacker.start(TYPED)

    # Without the redirect_uri, which has the nonce too.
    shown = attacker.get(visitor.callback_url(redirect_uri=None))["Location"]

    assert shown == f"/phone/{newest_of(other_user).pk}/"
    assert newest_of(other_user).status == "pending"
    assert newest_of(user).reason == "wrong_browser"
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

    assert verified_users() == {user.get_username()}
    assert newest_of(other_user).reason == "credentials_rejected"


def test_a_login_to_another_account_before_the_callback_verifies_neither_account(
    visitor, user, other_user, plasgate
):
    """The attacker logs the victim in to the attacker's account, to own the number."""
    visitor.start()
    visitor.submit(visitor.get("/accounts/login/"), username="mallory", password="a password")

    assert visitor.get(visitor.callback_url(), follow=True).status_code == 400
    assert verified_users() == set()
    assert plasgate.sent == []
    assert PhoneVerification.objects.for_user(other_user).count() == 0
    assert visitor.get(f"/phone/{newest_of(user).pk}/").status_code == 404


def test_a_login_before_the_callback_of_an_anonymous_visitor_ends_the_verification(
    passer_by, user, plasgate, receivers, django_capture_on_commit_callbacks
):
    passer_by.start()
    login = passer_by.get("/accounts/login/")
    with django_capture_on_commit_callbacks(execute=True):
        passer_by.submit(login, username="teak", password="a password")

    passer_by.come_back()

    assert outcome() == ("error", "user_changed")
    assert newest().user is None
    assert verified_users() == set()
    assert plasgate.sent == []
    assert [name for name, _row in receivers.heard] == ["failed"]


def test_a_user_who_logs_out_before_the_callback_must_start_again(visitor, user, plasgate):
    visitor.start()
    visitor.logout()
    visitor.force_login(user)

    assert visitor.get(visitor.callback_url(), follow=True).status_code == 400
    assert verified_users() == set()
    assert plasgate.sent == []
