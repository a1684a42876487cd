"""From the computer to the phone and back, through the pages: who gets the result."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_out
from django.test.utils import override_script_prefix
from django.urls import include, path
from django.utils import timezone

from django_plasgate_ip.handoff import qr
from django_plasgate_ip.handoff.models import PhoneHandoff
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import browser_session
from tests.handoff.devices import (
    FIVE_MINUTES,
    choices,
    code_on,
    followed,
    hand_over,
    offered,
    request_of,
    screen_url,
    tap,
    text,
)
from tests.verification.rows import stored, stored_end
from tests.visitor import DIGITS, FAILED, MASKED, NUMBER, Page, Visitor, newest, outcome

pytestmark = pytest.mark.django_db


class EveryLanguage:
    """URLs of a site that begin with a language."""

    urlpatterns = i18n_patterns(path("phone/", include("django_plasgate_ip.urls")))


def test_the_phones_result_is_the_computers_which_is_redirected(
    visitor, user, phone, answers, receivers
):
    answers()
    screen = screen_url(visitor.get("/phone/?next=/here/"))
    assert followed(visitor, screen) == {"stage": "waiting", "code": "", "detail_url": ""}

    assert hand_over(visitor, phone, screen.partition("screen/")[0]).status_code == 302

    assert phone.sent["phone_number"] == DIGITS
    detail = f"/phone/{newest().pk}/"
    assert followed(visitor, screen) == {"stage": "started", "code": "", "detail_url": detail}

    assert phone.come_back()["Location"] == detail
    assert outcome() == ("verified", "")
    assert PhoneVerification.objects.is_verified(user, NUMBER)
    assert receivers.heard == [("verified", newest())]
    # SECURITY: a receiver could log the phone in to the computer's account.
    assert receivers.verified.call_args.kwargs["request"] is None
    assert visitor.get(screen)["Location"] == "/here/"
    result = text(phone.get(detail))
    assert "Go back to your computer" in result
    assert MASKED in result
    # The phone does not learn where the computer continues.
    assert "/here/" not in result
    assert NUMBER not in result


def test_an_account_on_the_phone_gains_nothing(visitor, user, phone, other_user, link, answers):
    answers()
    phone.get(link)
    # Each login gives the phone another id.
    phone.force_login(other_user)
    hand_over(visitor, phone, link)
    phone.force_login(other_user)
    phone.come_back()
    assert outcome() == ("verified", "")

    phone.logout()
    phone.force_login(other_user)
    assert (newest().user, PhoneVerification.objects.is_verified(other_user)) == (user, False)
    page = phone.get(offered(visitor.get("/phone/?again=1")))
    assert "signed in to another account" in text(page)


def test_an_anonymous_computers_result_is_its_sessions(passer_by, phone, user, answers):
    answers()
    link = offered(passer_by.get("/phone/"))
    assert "not signed in" in text(phone.get(link))
    hand_over(passer_by, phone, link)
    phone.come_back()
    detail = f"/phone/{newest().pk}/"

    phone.force_login(User.objects.create_user("somebody"))
    assert newest().user is None
    assert "Go back to your computer" in text(phone.get(detail))

    passer_by.force_login(user)
    assert newest().user == user
    assert "Go back to your computer" not in text(passer_by.get(detail))


def test_a_phone_without_mobile_data_tries_again_and_the_computer_follows(
    visitor, phone, answers, user
):
    answers(FAILED)
    screen = screen_url(visitor.get("/phone/?next=/here/"))
    link = screen.partition("screen/")[0]
    hand_over(visitor, phone, link)
    followed(visitor, screen)
    failed = phone.come_back()["Location"]

    own = visitor.get(visitor.get(screen)["Location"])
    assert "You can try again on your phone" in text(own)
    assert own["Refresh"]
    # An alert would be read out at each refresh.
    assert "alert" not in [attrs.get("role") for _, attrs in Page(own).tags]
    assert not Page(own).all("svg")
    assert Page(phone.get(failed)).links == {"Try again": link}
    again = phone.get(link)
    assert choices(again) == []

    answers()
    assert phone.submit(again, phone_number="012 345 678").status_code == 302
    assert (newest().user, newest().next_url) == (user, "/here/")
    # A second tap on the button finds the way on.
    second = phone.submit(again, phone_number="012 345 678")
    assert Page(second).links == {"See your verification": f"/phone/{newest().pk}/"}
    assert "Go back to your computer to try again" in text(phone.get(failed))
    assert visitor.get(failed)["Location"] == f"/phone/{newest().pk}/"
    elsewhere = Visitor()
    elsewhere.force_login(user)
    assert elsewhere.get(failed).status_code == 200

    answers(login_hint="85512345678")
    phone.come_back()
    assert outcome() == ("verified", "")
    assert visitor.get(failed)["Location"] == "/here/"


def test_the_accounts_own_phone_tries_again_until_the_computer_shows_a_new_code(
    visitor, phone, user, answers, link
):
    answers(FAILED)
    phone.force_login(user)
    hand_over(visitor, phone, link)
    detail = f"/phone/{newest().pk}/"
    assert Page(phone.get(detail)).links == {"Continue": phone.authorize_url}
    phone.come_back()
    failed = phone.get(detail)
    assert Page(failed).links == {"Try again": link}

    PhoneHandoff.objects.update(created_at=timezone.now() - timedelta(seconds=FIVE_MINUTES + 1))
    page = visitor.get(detail)
    assert offered(page) != link
    assert "Refresh" not in page
    assert "Refresh" not in failed
    visitor.start()
    assert visitor.get(detail).status_code == 200


def test_it_works_on_a_site_with_other_settings(visitor, phone, answers, settings, link):
    answers()
    # The hand-off's app is before the core's.
    settings.INSTALLED_APPS = settings.INSTALLED_APPS[::-1]
    # Each page of the site requires a login.
    login_required = "django.contrib.auth.middleware.LoginRequiredMiddleware"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, login_required]
    settings.PLASGATE_IP_SCOPES = ["mobile_id"]
    settings.PLASGATE_IP_CALLBACK_NONCE = settings.PLASGATE_IP_CONTINUE_PAGE = True
    assert "phone_number" not in Page(phone.get(link)).fields

    page = hand_over(visitor, phone, link)

    assert page.status_code == 200
    phone.authorize_url = page["Refresh"].partition("url=")[2]
    result = phone.get(phone.come_back()["Location"])
    assert outcome() == ("verified", "")
    assert "Go back to your computer" in text(result)


def test_a_logout_ends_the_hand_offs_of_its_session(visitor, user, phone, link):
    other_computer = Visitor()
    other_computer.force_login(user)
    elsewhere = offered(other_computer.get("/phone/"))
    page, other_page = phone.get(link), phone.get(elsewhere)
    code, other_code = code_on(visitor, link), code_on(other_computer, elsewhere)

    visitor.logout()

    refused = tap(phone, page, code)
    assert refused.status_code == phone.get(link).status_code == 410
    assert "the computer has signed in or out" in text(refused)
    assert not PhoneVerification.objects.exists()
    # The account's other sessions go on.
    assert tap(phone, other_page, other_code).status_code == 302


def test_a_logout_ends_what_the_phone_has_not_brought_back_and_nothing_else(user):
    computer, pending = request_of(user), ("pending", "")
    session_id = browser_session.get_session_id(computer)
    ids: dict[str, Any] = {"session_id": session_id, "callback_session_id": "phone"}
    handed_over = stored(**ids), stored("exchanging", **ids)
    others = stored(**ids | {"callback_session_id": session_id}), stored(**ids | {"session_id": ""})

    for request in (computer, request_of(), None):
        user_logged_out.send(User, request=request, user=user)

    ends = [("error", "user_changed"), ("exchanging", ""), pending, pending]
    assert [stored_end(row) for row in (*handed_over, *others)] == ends


def test_a_login_at_the_computer_ends_the_hand_off(passer_by, user, phone, answers):
    link, started = (offered(passer_by.get("/phone/")) for _ in range(2))
    hand_over(passer_by, phone, started)
    page = phone.get(link)
    code = code_on(passer_by, link)
    passer_by.force_login(user)

    # What had not started is no longer shown, and what had started ends.
    assert passer_by.get(f"{link}screen/").status_code == 404
    assert tap(phone, page, code).status_code == 410
    phone.come_back()
    assert (outcome(), answers.calls) == (("error", "user_changed"), [])
    assert passer_by.get(f"{started}screen/")["Location"] == f"/phone/{newest().pk}/"
    assert not PhoneVerification.objects.is_verified(user)


def test_links_keep_a_script_prefix_and_the_language_of_the_computers_url(
    visitor, phone, answers, settings
):
    answers()
    settings.ROOT_URLCONF = EveryLanguage
    settings.FORCE_SCRIPT_NAME = "/shop"
    with override_script_prefix("/shop/"):
        page = visitor.get("/km/phone/")
        assert all(url.startswith("/shop/km/phone/") for url in Page(page).links.values())
        (title,) = re.findall("<svg.*?<title>(.*?)</title>", text(page))
        assert qr.svg(f"http://testserver{offered(page)}", title) in text(page)
        link = offered(page).removeprefix("/shop")
        hand_over(visitor, phone, link)
        assert phone.come_back()["Location"] == f"/shop/km/phone/{newest().pk}/"
        english = visitor.get(f"{link.replace('/km/', '/en/')}screen/")
        assert english["Location"] == f"/shop/en/phone/{newest().pk}/"
