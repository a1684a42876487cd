"""The phone's page and the computer's: what they show, and to whom."""

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import Http404
from django.test.utils import CaptureQueriesContext
from django.urls import include, re_path
from django.utils.html import escape
from phonenumber_field.phonenumber import PhoneNumber

from django_plasgate_ip.handoff import claim_and_confirm, tokens
from django_plasgate_ip.handoff.claim_and_confirm import Progress, Stage
from django_plasgate_ip.handoff.errors import HandoffRefused, Refusal
from django_plasgate_ip.handoff.models import PhoneHandoff
from django_plasgate_ip.models import PhoneVerification
from tests.handoff.devices import (
    FIVE_MINUTES,
    Phone,
    choices,
    code_on,
    followed,
    hand_over,
    offered,
    screen_url,
    tap,
    text,
)
from tests.test_responses import EveryPage
from tests.visitor import NUMBER, TYPED, Page, Visitor, newest, outcome

pytestmark = pytest.mark.django_db


def test_the_phones_page_names_the_public_host_and_the_account(phone, link, user, settings):
    settings.X_FRAME_OPTIONS = "SAMEORIGIN"
    settings.PLASGATE_IP_PUBLIC_URL = "https://shop.example:8443/"
    phone.force_login(user)
    page = phone.get(link)

    # Behind a proxy, the request may have an internal host.
    assert "shop.example:8443" in text(page).split()
    assert '<span dir="ltr">t**k</span>' in text(page)
    assert user.username not in text(page)
    assert "another account" not in text(page)
    assert "Continue only if that computer is yours and in front of you." in text(page)
    # The keyboard must not cover these lines.
    assert not [attrs for _, attrs in Page(page).tags if "autofocus" in attrs]
    # A keyboard's "Go" presses the first button.
    assert "name" not in Page(page).all("button")[0]
    assert len(choices(page)) == 6
    # SECURITY: another site could frame the page and steal the tap.
    assert page["X-Frame-Options"] == "DENY"
    assert "no-store" in page["Cache-Control"]
    # With "no-referrer" the tap would have "Origin: null", which Django refuses.
    assert page["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("@sok", "@**k"),
        ("abc", "a**"),
        ("sokha@example.com", "s***a@example.com"),
        (PhoneNumber.from_string(NUMBER), "+**********8"),
        (None, "**"),
    ],
)
def test_the_accounts_name_is_masked(phone, link, monkeypatch, name, masked):
    monkeypatch.setattr(User, "get_username", lambda user: name)

    assert f'<span dir="ltr">{masked}</span>' in text(phone.get(link))


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        ("077", None, "This is not a phone number."),
        # A keyboard's "Go" sends the form without a tap.
        (TYPED, "", "Tap the two characters that your computer shows."),
        (TYPED, "\0\0", "Tap the two characters that your computer shows."),
    ],
)
def test_a_mistake_in_the_form_can_be_corrected(visitor, phone, link, number, code, said):
    page = phone.get(link)
    right = code_on(visitor, link)

    again = phone.submit(page, phone_number=number, code=right if code is None else code)

    assert (again.status_code, Page(again).fields["phone_number"]) == (400, number)
    assert said in text(again)
    assert not PhoneVerification.objects.exists()
    assert tap(phone, again, right).status_code == 302


def test_a_start_that_the_site_refuses_leaves_the_code_unused(visitor, phone, link, settings):
    settings.PLASGATE_IP_MAX_STARTS_PER_USER = 1
    visitor.start()

    response = hand_over(visitor, phone, link)
    assert (response.status_code, outcome()) == (429, ("pending", ""))
    assert response["Retry-After"]
    assert Page(response).links["Try again"] == link
    del settings.PLASGATE_IP_MAX_STARTS_PER_USER

    settings.PLASGATE_IP_CREDENTIALS = mock.Mock(side_effect=Http404)
    missing = hand_over(visitor, phone, link)
    assert missing.status_code == 404
    assert "no-store" in missing["Cache-Control"]
    del settings.PLASGATE_IP_CREDENTIALS
    assert hand_over(visitor, phone, link).status_code == 302


def test_a_stale_page_comes_back_with_its_number_and_a_forged_tap_claims_nothing(
    visitor, phone, photographer, link, other_user
):
    page = phone.get(link)
    phone.submit(phone.get("/accounts/login/"), username="mallory", password="a password")
    fields = Page(page).fields | {"code": code_on(visitor, link), "phone_number": TYPED}

    stale = phone.post(link, fields, headers={"Origin": "http://testserver"})
    assert stale.status_code == 403
    assert "This page was open too long. Please try again." in text(stale)
    assert Page(stale).fields["phone_number"] == TYPED
    assert (stale["X-Frame-Options"], stale["Referrer-Policy"]) == ("DENY", "same-origin")
    assert tap(phone, stale, fields["code"]).status_code == 302

    stale = visitor.post("/phone/", {"next": "/here/"}, headers={"Origin": "http://testserver"})
    assert screen_url(stale).endswith("?next=%2Fhere%2F")
    other = offered(visitor.get("/phone/?again=1"))
    for browser in (phone, photographer):
        forged = browser.post(other, fields, headers={"Origin": "https://evil.example"})
        assert (forged.status_code, Page(forged).links) == (403, {"Try again": other})
        assert TYPED not in text(forged)
        assert not forged.cookies
    # Nor does a tap whose browser does not say which site sent it.
    assert TYPED not in text(phone.post(other, fields))
    assert PhoneHandoff.objects.count() == PhoneVerification.objects.count() == 1


def test_a_forged_start_gets_no_code_and_no_session(settings):
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    forged = Visitor().post("/phone/", headers={"Origin": "https://evil.example"})

    assert (forged.status_code, Page(forged).all("svg")) == (403, [])
    assert not forged.cookies


GONE = (Refusal.EXPIRED, Refusal.USED, Refusal.SIGNED_OUT, Refusal.ACCOUNT_GONE)
# The others get 403.
STATUSES = dict.fromkeys(GONE, 410) | {
    Refusal.INVALID: 404,
    Refusal.NOT_SHOWN: 409,
    Refusal.TOO_MANY_WRONG: 429,
}
INSTEAD = {"Verify your number for an account on this phone instead": "/phone/"}


@pytest.mark.parametrize("reason", Refusal)
def test_each_refusal_is_explained(phone, link, monkeypatch, reason):
    refused = HandoffRefused(reason)
    assert str(refused) == f"The hand-off was refused: {reason.value}."
    monkeypatch.setattr(claim_and_confirm, "claim", mock.Mock(side_effect=refused))

    response = phone.get(link)

    page = Page(response)
    assert response.status_code == STATUSES.get(reason, 403)
    assert escape(str(reason.visitor_message)) in text(response)
    assert [attrs for _, attrs in page.tags if attrs.get("role") == "alert"]
    can_retry = reason in (Refusal.NOT_SHOWN, Refusal.NO_COOKIES)
    assert page.links == ({"Try again": link} if can_retry else INSTEAD)
    is_warning = reason in (Refusal.OTHER_PHONE, Refusal.WRONG_CODE)
    assert ('class="plasgate-ip-bad"' in text(response)) == is_warning


def test_a_second_phone_is_refused_even_with_the_code(visitor, phone, photographer, link):
    phone.get(link)
    typed = {"code": code_on(visitor, link), "phone_number": TYPED}
    photographer.get("/accounts/login/")
    token = {"X-CSRFToken": photographer.cookies["csrftoken"].value}

    for refused in (photographer.get(link), photographer.post(link, typed, headers=token)):
        assert (refused.status_code, choices(refused)) == (403, [])
    assert not PhoneVerification.objects.exists()


def test_a_second_tap_finds_the_way_to_plasgate_again(visitor, phone, link):
    page = phone.get(link)
    code = code_on(visitor, link)
    first = tap(phone, page, code)["Location"]

    own = phone.get(Page(tap(phone, page, code)).links["See your verification"])

    assert Page(own).links["Continue"] == first
    assert own["Refresh"]
    # Only the phone that started it finds it.
    assert "authenticate" not in text(visitor.get(f"/phone/{newest().pk}/"))


def test_a_scanner_claims_nothing(phone, photographer, link):
    assert photographer.get(link, headers={"Sec-Purpose": "prefetch"}).status_code == 503
    assert photographer.head(link).status_code == 405
    # Most scanners keep no cookies.
    first_look = Visitor().get(link)
    assert first_look["Location"] == f"{link}?opened"
    assert "no-store" in first_look["Cache-Control"]

    assert not PhoneHandoff.objects.exists()
    assert phone.get(link).status_code == 200


def test_a_browser_without_its_cookie_can_try_again(visitor, phone, link):
    for type_ in ("text/html", "text/plain; charset=utf-16"):
        refused = Visitor().get(f"{link}?opened", CONTENT_TYPE=type_)
        assert (refused.status_code, Page(refused).links) == (403, {"Try again": link})
    assert not PhoneHandoff.objects.exists()
    # Now it keeps the cookie. The button and a reload both work.
    page = phone.get(link)
    assert page.status_code == phone.get(f"{link}?opened").status_code == 200

    # A tap whose session has ended is not taken for another phone's.
    Session.objects.filter(session_key=phone.session.session_key).delete()
    assert "did not keep this site" in text(tap(phone, page, code_on(visitor, link)))


def test_an_expired_link_stores_nothing(visitor, link, later):
    later(FIVE_MINUTES + 1)
    before = Session.objects.count()

    assert Visitor().get(link).status_code == 410
    assert followed(visitor, link)["stage"] == "expired"
    assert (Session.objects.count(), PhoneHandoff.objects.count()) == (before, 0)


class Unanchored:
    """URLs of a site whose pattern matches anywhere in a path."""

    urlpatterns = [re_path(r"phone/", include("django_plasgate_ip.urls"))]


def test_a_path_that_begins_with_another_site_does_not_lead_there(link, settings):
    settings.ROOT_URLCONF = Unanchored
    phone = Visitor()
    # As a server passes it on. The test client's own parsing would remove the host.
    odd: Any = {"PATH_INFO": f"//evil.example{link}"}

    assert phone.get("/", **odd)["Location"] == f"{link}?opened"
    assert Page(phone.get("/", **odd)).all("form")[0]["action"] == link


def test_nobody_else_sees_the_computers_page(visitor, user, other_user, phone, link, answers):
    stranger = Visitor()
    hand_over(visitor, phone, link)
    # A changed link is nobody's.
    missing = [visitor.get(f"{link[:-2]}/screen/"), phone.get(f"{link[:-2]}/")]

    # Another account on the same computer, without a logout.
    visitor.force_login(other_user)
    for curious in (stranger, visitor, phone):
        curious.get("/phone/")
        for accept in ("application/json", "text/html"):
            missing.append(curious.get(f"{link}screen/", headers={"Accept": accept}))

    for page in missing:
        assert page.status_code == 404
        assert "no-store" in page["Cache-Control"]
    for curious, status in ((stranger, 302), (visitor, 404)):
        assert curious.get(f"/phone/{newest().pk}/").status_code == status
    answers()
    phone.come_back()
    assert (outcome(), newest().user) == (("verified", ""), user)


def test_a_next_url_that_leaves_the_site_is_dropped(visitor, phone, link):
    assert "next" not in screen_url(visitor.get("/phone/?next=//evil.example/"))

    hand_over(visitor, phone, link)
    followed(visitor, f"{link}screen/?next=//evil.example/")
    assert newest().next_url == ""
    # The Content-Type does not choose how the query is read.
    visitor.get(f"{link}screen/?next=/%2BAGE-/", CONTENT_TYPE="text/plain; charset=utf-7")
    assert newest().next_url == "/+AGE-/"


@pytest.mark.parametrize(
    ("stage", "said", "has_ended"),
    [
        (Stage.WAITING, "No phone has opened the code yet.", False),
        (Stage.OPENED, '<strong class="plasgate-ip-code" dir="ltr">4K</strong>', False),
        (Stage.STARTED, "Your phone has taken over.", False),
        (Stage.WRONG, "Other characters were tapped", True),
        (Stage.EXPIRED, "more than five minutes old", True),
    ],
)
def test_a_computer_without_a_script_follows_by_refreshing(
    visitor, link, monkeypatch, stage, said, has_ended
):
    progress = mock.Mock(return_value=Progress(stage, code="4K"))
    monkeypatch.setattr(claim_and_confirm, "progress", progress)
    own, again = f"{link}screen/?next=%2Fhere%2F", "/phone/?next=%2Fhere%2F&again=1"

    shown = visitor.get(own)

    assert said in text(shown)
    follow = {"Check again": own, "Start again": again}
    assert Page(shown).links == ({"Show a new code": again} if has_ended else follow)
    assert shown.get("Refresh") == (None if has_ended else "3")
    assert "no-store" in shown["Cache-Control"]
    assert not Page(shown).all("script")


@pytest.mark.parametrize(
    "name", [f"plasgate_ip_handoff/{name}" for name in ("phone", "refused", "computer")]
)
class TestOurPages(EveryPage):
    def show(self, name: str, visitor: Visitor, settings: Any) -> Any:
        # Also where the site's own start page shows no code.
        token = tokens.issue(visitor.get("/phone/").wsgi_request)
        if name.endswith("/computer"):
            return visitor.get(f"/phone/on/{token}/screen/")
        browser = visitor if name.endswith("/refused") else Phone()
        return browser.get(f"/phone/on/{token}/")


def test_each_step_makes_few_queries_and_the_pages_stay_small(visitor, phone, answers):
    def queries(act: Callable[..., Any], *args: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            act(*args)
        # Without transactions and savepoints.
        work = ("SELECT", "INSERT", "UPDATE", "DELETE")
        return sum(query["sql"].startswith(work) for query in captured)

    answers()
    # Session, user; first an id for a new session, and last whether the account is verified.
    for query, count in (("?again=1", 3), ("?again=1", 2), ("", 3)):
        assert queries(visitor.get, f"/phone/{query}") == count
    start = visitor.get("/phone/?next=/here/")
    link = offered(start)
    # Session, user, verification, hand-off.
    assert queries(followed, visitor, link) == 4
    page = phone.get(link)
    code = code_on(visitor, link)
    assert queries(followed, visitor, link) == 4
    for each in (start, page, visitor.get(screen_url(start))):
        assert len(each.content) < 20 * 1024
    # The phone's session, the hand-off, the computer's user; this tap, wrong taps, the comparison,
    # the computer's earlier verifications, the new one, two limits, a logout since, the link in
    # the phone's session.
    assert queries(tap, phone, page, code) == 12
    # Without the hand-off.
    assert queries(followed, visitor, link) == 3
    # The phone's session, the verification, its claim; the account's last mobile_id, the result.
    assert queries(phone.come_back) == 5
