"""The phone's page and the computer's: what they show, and to whom."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import include, re_path
from phonenumber_field.phonenumber import PhoneNumber

from django_plasgate_ip.handoff.models import PhoneHandoff
from django_plasgate_ip.handoff.views import _masked_login
from django_plasgate_ip.models import PhoneVerification
from tests.conftest import Answers
from tests.handoff.devices import (
    FIVE_MINUTES,
    SECOND,
    Phone,
    choices,
    code_on,
    followed,
    hand_over,
    later,
    offered,
    screen_url,
    statements,
    tap,
    text,
)
from tests.visitor import FAILED, MASKED, NUMBER, TYPED, Page, Visitor, attempt

pytestmark = pytest.mark.django_db


# The phone's page


def test_the_phones_page_names_the_site_and_the_account(
    visitor: Visitor, phone: Visitor, user: User, settings: Any
) -> None:
    settings.X_FRAME_OPTIONS = "SAMEORIGIN"
    page = phone.get(offered(visitor.get("/phone/")))

    assert "testserver" in text(page)
    assert "t**k" in text(page)
    # Another site must not show it in a frame of its own, for a tap on something else.
    assert page["X-Frame-Options"] == "DENY"
    assert user.username not in text(page)
    assert "Go on only if that computer is yours and in front of you." in text(page)
    assert "another account" not in text(page)
    # The keyboard must not cover that.
    assert not [attrs for _, attrs in Page(page).tags if "autofocus" in attrs]
    # A keyboard's "Go" presses the first button.
    assert "name" not in Page(page).all("button")[0]
    assert len(choices(page)) == 6


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("teak", "t**k"),
        ("@sok", "@**k"),
        ("sokha@example.com", "s***a@example.com"),
        ("+85577696118", "+**********8"),
        ("ab", "a**"),
        ("a", "a**"),
    ],
)
def test_a_login_name_is_masked(name: str, masked: str) -> None:
    assert _masked_login(name) == masked


@pytest.mark.parametrize(
    ("name", "masked"), [(PhoneNumber.from_string(NUMBER), "+**********8"), (None, "**")]
)
def test_a_login_name_that_is_no_text_is_masked_all_the_same(
    visitor: Visitor, phone: Visitor, monkeypatch: pytest.MonkeyPatch, name: Any, masked: str
) -> None:
    monkeypatch.setattr(User, "get_username", lambda user: name)

    assert f'<span dir="ltr">{masked}</span>' in text(phone.get(offered(visitor.get("/phone/"))))


def test_a_phone_that_is_signed_in_to_the_same_account_shows_no_warning(
    visitor: Visitor, phone: Visitor, user: User
) -> None:
    phone.force_login(user)

    assert "another account" not in text(phone.get(offered(visitor.get("/phone/"))))


def test_no_cache_stores_the_pages(visitor: Visitor, phone: Visitor) -> None:
    link = offered(visitor.get("/phone/"))
    for response in (phone.get(link), Phone().get(link), visitor.get(f"{link}screen/")):
        assert "no-store" in response["Cache-Control"]
    # Not "no-referrer": the tap would come with "Origin: null", which is refused.
    assert phone.get(link)["Referrer-Policy"] == "same-origin"


def test_a_refusal_offers_a_verification_on_the_phone(visitor: Visitor) -> None:
    link = offered(visitor.get("/phone/"))
    Phone().get(link)

    refused = Page(Phone().get(link))

    assert refused.links == {"Verify for an account on this phone instead": "/phone/"}
    assert [attrs for _, attrs in refused.tags if attrs.get("role") == "alert"]


def test_the_phone_is_sent_back_to_the_computer_and_learns_no_next(
    visitor: Visitor, phone: Visitor, answers: Answers
) -> None:
    answers()
    start = visitor.get("/phone/?next=/here/")
    hand_over(visitor, phone, offered(start))
    followed(visitor, screen_url(start))
    assert attempt().next_url == "/here/"

    page = phone.get(phone.come_back()["Location"])

    assert "Go back to your computer" in text(page)
    assert MASKED in text(page)
    assert "/here/" not in text(page)
    assert NUMBER not in text(page)


def test_a_second_tap_finds_the_way_to_plasgate_again(
    visitor: Visitor, phone: Visitor, link: str
) -> None:
    page = phone.get(link)
    code = code_on(visitor, link)
    first = tap(phone, page, code)["Location"]

    own = phone.get(Page(tap(phone, page, code)).links["See how it went"])

    assert Page(own).links["Continue"] == first
    assert own["Refresh"]
    # But only to the phone.
    assert "authenticate" not in text(visitor.get(f"/phone/{attempt().pk}/"))


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        ("077", None, "This is not a phone number."),
        ("", None, "Type your phone number."),
        # A keyboard's "Go" sends the form without a tap.
        (TYPED, "", "Tap the two characters that your computer shows."),
        (TYPED, "00", "Tap the two characters that your computer shows."),
        (TYPED, "\0\0", "Tap the two characters that your computer shows."),
    ],
)
def test_a_mistake_in_the_form_can_be_corrected(
    visitor: Visitor, phone: Visitor, link: str, number: str, code: str | None, said: str
) -> None:
    page = phone.get(link)
    right = code_on(visitor, link)

    again = phone.submit(page, phone_number=number, code=right if code is None else code)

    assert again.status_code == 400
    assert said in text(again)
    assert Page(again).fields["phone_number"] == number
    assert not PhoneVerification.objects.exists()
    assert tap(phone, again, right).status_code == 302


def test_a_tap_from_another_site_does_nothing(visitor: Visitor, phone: Visitor, link: str) -> None:
    phone.get(link)

    assert phone.post(link, {"code": code_on(visitor, link)}).status_code == 403
    assert not PhoneVerification.objects.exists()
    assert followed(visitor, link)["stage"] == "opened"


# The first look


def test_a_prefetch_claims_nothing(
    visitor: Visitor, phone: Visitor, photographer: Visitor, link: str
) -> None:
    assert photographer.get(link, headers={"Sec-Purpose": "prefetch"}).status_code == 503
    assert photographer.head(link).status_code == 405

    assert not PhoneHandoff.objects.exists()
    assert phone.get(link).status_code == 200


def test_a_scanner_without_cookies_claims_nothing(phone: Visitor, link: str) -> None:
    for _scanner in range(3):
        assert Visitor().get(link)["Location"] == f"{link}?opened"

    assert not PhoneHandoff.objects.exists()
    assert phone.get(link).status_code == 200


def test_a_browser_without_cookies_can_look_again_once_it_keeps_them(
    phone: Visitor, link: str
) -> None:
    Visitor().get(link)
    refused = phone.get(f"{link}?opened")

    assert refused.status_code == 403
    assert "has not kept our cookie" in text(refused)
    assert not PhoneHandoff.objects.exists()
    # Now it keeps them. The button and a reload both work.
    assert Page(refused).links["Try again"] == link
    assert phone.get(f"{link}?opened").status_code == 200


def test_a_tap_whose_session_is_gone_is_not_taken_for_another_phone(
    visitor: Visitor, phone: Visitor, link: str
) -> None:
    page = phone.get(link)
    Session.objects.filter(session_key=phone.session.session_key).delete()

    refused = tap(phone, page, code_on(visitor, link))

    assert refused.status_code == 403
    assert "has not kept our cookie" in text(refused)


def test_an_expired_link_stores_no_session(link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch)(FIVE_MINUTES + SECOND)
    before = Session.objects.count()

    assert Visitor().get(link).status_code == 410
    assert Session.objects.count() == before


def test_a_charset_of_the_clients_does_not_hide_its_second_look(link: str) -> None:
    looked = Visitor().get(f"{link}?opened", CONTENT_TYPE="text/plain; charset=utf-16")

    assert looked.status_code == 403


class Unanchored:
    """URLs of a site that takes ours anywhere in a path."""

    urlpatterns = [re_path(r"phone/", include("django_plasgate_ip.urls"))]


@pytest.mark.parametrize("before", ["//evil.example", "/\\evil.example"])
def test_a_path_that_begins_with_another_site_does_not_lead_there(
    visitor: Visitor, link: str, settings: Any, before: str
) -> None:
    settings.ROOT_URLCONF = Unanchored
    phone = Visitor()
    # As a server passes it on: the test client's own parsing would remove the host.
    odd: Any = {"PATH_INFO": f"{before}{link}"}

    assert phone.get("/", **odd)["Location"] == f"{link}?opened"
    form = Page(phone.get("/", **odd)).form
    assert form is not None
    assert form["action"] == link


# The computer's page


def test_nobody_else_sees_the_computers_page(
    visitor: Visitor, user: User, other_user: User, phone: Visitor, link: str, answers: Answers
) -> None:
    stranger, elsewhere, other = Visitor(), Visitor(), Visitor()
    elsewhere.force_login(user)
    other.force_login(other_user)
    for curious in (stranger, elsewhere, other):
        curious.get("/phone/")
        for accept in ("application/json", "text/html"):
            assert curious.get(f"{link}screen/", headers={"Accept": accept}).status_code == 404
    hand_over(visitor, phone, link)
    for curious in (stranger, other, phone):
        assert curious.get(f"{link}screen/").status_code == 404
    for curious in (stranger, other):
        assert curious.get(f"/phone/{attempt().pk}/").status_code == 404


def test_a_next_that_leaves_the_site_is_dropped(
    visitor: Visitor, phone: Visitor, answers: Answers
) -> None:
    answers()
    assert "next" not in screen_url(visitor.get("/phone/?next=//evil.example/"))

    link = offered(visitor.get("/phone/"))
    hand_over(visitor, phone, link)
    phone.come_back()
    moved = visitor.get(f"{link}screen/?next=//evil.example/")
    assert moved["Location"] == f"/phone/{attempt().pk}/"
    assert attempt().next_url == ""


def test_a_computer_without_a_script_is_led_on_by_refreshing(
    visitor: Visitor, phone: Visitor, answers: Answers
) -> None:
    answers()
    start = visitor.get("/phone/?next=/here/")
    link = Page(start).links["I have scanned it"]

    waiting = visitor.get(link)
    assert "No phone has opened the code yet." in text(waiting)
    page = phone.get(offered(start))
    opened = visitor.get(link)
    (code,) = re.findall(r'class="plasgate-ip-code"[^>]*>(\w+)<', text(opened))
    tap(phone, page, code)
    started = visitor.get(link)
    assert "Your phone has taken over." in text(started)
    for shown in (waiting, opened, started):
        assert shown["Refresh"] == "3"
        assert Page(shown).links["Start again"] == "/phone/?next=%2Fhere%2F"
        assert not Page(shown).all("script")
    # The verification's own page refreshes itself, too.
    assert visitor.get(f"/phone/{attempt().pk}/")["Refresh"] == "3"
    phone.come_back()
    assert visitor.get(link)["Location"] == "/here/"


def test_a_computer_without_a_script_shows_a_wrong_tap(visitor: Visitor, phone: Visitor) -> None:
    link = offered(visitor.get("/phone/"))
    page = phone.get(link)
    code = code_on(visitor, link)
    tap(phone, page, next(each for each in choices(page) if each != code))

    shown = visitor.get(f"{link}screen/")

    assert "Other characters were tapped" in text(shown)
    assert Page(shown).links == {"Show a new code": "/phone/"}
    assert "Refresh" not in shown


# Cost


def test_each_step_makes_few_queries(visitor: Visitor, phone: Visitor, answers: Answers) -> None:
    answers()
    link = offered(visitor.get("/phone/"))
    followed(visitor, link)
    with CaptureQueriesContext(connection) as waiting:
        followed(visitor, link)
    page = phone.get(link)
    code = code_on(visitor, link)
    with CaptureQueriesContext(connection) as opened:
        followed(visitor, link)
    with CaptureQueriesContext(connection) as tapped:
        tap(phone, page, code)
    with CaptureQueriesContext(connection) as started:
        followed(visitor, link)
    with CaptureQueriesContext(connection) as callback:
        phone.come_back()

    # Session, user, hand-off; and the verification.
    assert [len(statements(each)) for each in (waiting, opened, started)] == [3, 3, 4]
    # The phone's session, the hand-off, the computer's user; the tap, the computer's earlier
    # verifications, the new one, two limits.
    assert len(statements(tapped)) == 8
    # The phone's session, the verification, its claim; the account's last mobile_id, the result.
    assert len(statements(callback)) == 5


def test_the_pages_stay_small(visitor: Visitor, phone: Visitor, answers: Answers) -> None:
    answers(FAILED)
    start = visitor.get("/phone/?next=/here/")
    failed = visitor.get(visitor.verify()["Location"])
    opened = phone.get(offered(failed))

    for page in (start, failed, opened, visitor.get(screen_url(failed))):
        assert len(page.content) < 20 * 1024
