"""What a hand-off looks like: the QR code, the phone's page, the computer's, and their cost."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template import Engine, RequestContext
from django.test.utils import CaptureQueriesContext
from django.urls import include, path, set_script_prefix
from phonenumber_field.phonenumber import PhoneNumber

from django_plasgate_ip.handoff import qr
from django_plasgate_ip.handoff.invitation import invite
from django_plasgate_ip.handoff.views import _masked_login
from django_plasgate_ip.models import PhoneHandoff, PhoneVerification
from django_plasgate_ip.reasons import Reason
from tests.conftest import Answers
from tests.handoffs import Phone, choices, code_on, followed, hand_over, offered, screen_url, tap
from tests.visitor import FAILED, NUMBER, TYPED, Page, Visitor, attempt, outcome

pytestmark = pytest.mark.django_db

LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"


class EveryLanguage:
    """URLs of a site that has its pages once for each language."""

    urlpatterns = i18n_patterns(path("phone/", include("django_plasgate_ip.urls")))


@pytest.fixture
def phone(db: None) -> Visitor:
    return Phone()


def text(response: Any) -> str:
    return str(response.content.decode())


def svg(page: Any) -> str:
    """Return the one QR code on a page."""
    (found,) = re.findall(r"<svg.*?</svg>", text(page), re.DOTALL)
    return found


def statements(captured: CaptureQueriesContext) -> list[str]:
    work = ("SELECT", "INSERT", "UPDATE", "DELETE")
    return [query["sql"] for query in captured if query["sql"].startswith(work)]


class OwnPage:
    """URLs of a site that shows the code on a page of its own, to whoever comes."""

    @staticmethod
    def home(request: HttpRequest) -> HttpResponse:
        invitation = invite(request, next_url="", again_url=request.path)
        context = {"handoff": invitation} if invitation else {}
        page = (
            '<div>{% if handoff %}{% include "django_plasgate_ip/_handoff.html" %}{% endif %}</div>'
        )
        template = Engine.get_default().from_string(page)
        return HttpResponse(template.render(RequestContext(request, context)))

    urlpatterns = [path("home/", home), path("phone/", include("django_plasgate_ip.urls"))]


# The code


def test_who_must_sign_in_to_start_gets_no_code_by_which_a_phone_would_start_for_them(
    stranger: Visitor, visitor: Visitor, settings: Any
) -> None:
    settings.ROOT_URLCONF = OwnPage

    assert "<svg" not in text(stranger.get("/home/"))
    assert "<svg" in text(visitor.get("/home/"))
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    assert "<svg" in text(stranger.get("/home/"))


def test_the_start_page_has_a_qr_code_of_the_link_beside_its_form(visitor: Visitor) -> None:
    page = visitor.get("/phone/")

    expected = qr.svg(f"http://testserver{offered(page)}", "A QR code for your phone's camera")
    assert svg(page) == expected
    assert Page(page).links["I have scanned it"] == screen_url(page)


def test_the_public_url_is_what_the_code_leads_to(visitor: Visitor, settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = "https://www.example.com/"

    page = visitor.get("/phone/")

    link = f"https://www.example.com{offered(page)}"
    assert svg(page) == qr.svg(link, "A QR code for your phone's camera")
    # 45 modules and the quiet zone, for a camera that is not the best.
    assert 'viewBox="0 0 53 53"' in svg(page)


def test_a_qr_code_is_a_drawing_with_a_name_black_on_white(visitor: Visitor) -> None:
    code = svg(visitor.get("/phone/"))

    assert '<svg role="img" ' in code
    assert "<title>A QR code for your phone's camera</title>" in code
    # In any theme, with its quiet zone; and nothing that a Content Security Policy minds.
    assert re.search(r'<path fill="#fff" d="M0 0h(\d+)v\1h-\1z"/>', code)
    assert 'stroke="#000" d="M4 4.5h7' in code
    assert "style" not in code
    assert "<script" not in code


def test_a_title_is_no_markup() -> None:
    assert "<title>a &lt;b&gt; &amp; c</title>" in qr.svg("https://x.example/", "a <b> & c")


def test_after_a_mistake_in_the_form_the_code_is_there_and_next_too(visitor: Visitor) -> None:
    page = visitor.start("077", next="/here/")

    assert screen_url(page).endswith("/screen/?next=%2Fhere%2F")
    assert Page(page).links["Show a new code"] == "/phone/?next=%2Fhere%2F"


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


def test_the_first_next_stays(visitor: Visitor, phone: Visitor, answers: Answers) -> None:
    answers()
    link = offered(visitor.get("/phone/"))
    hand_over(visitor, phone, link)
    visitor.get(f"{link}screen/?next=/here/")
    visitor.get(f"{link}screen/?next=/there/")
    phone.come_back()

    assert visitor.get(f"{link}screen/")["Location"] == "/here/"


@pytest.mark.parametrize("reason", Reason)
def test_of_the_failures_only_the_missing_mobile_data_shows_a_code(
    visitor: Visitor, phone: Visitor, answers: Answers, reason: Reason
) -> None:
    answers(FAILED)
    detail = visitor.verify()["Location"]
    PhoneVerification.objects.update(status=reason.status, reason=reason)

    page = visitor.get(detail)

    assert bool(Page(page).all("svg")) == (reason == "not_on_mobile_data")
    if reason == "not_on_mobile_data":
        assert Page(page).links["Show a new code"] == detail


def test_the_script_is_there_and_is_told_all_it_needs(visitor: Visitor) -> None:
    page = Page(visitor.get("/phone/"))

    (script,) = [each["src"] for each in page.all("script") if "handoff" in each["src"]]
    found = finders.find(script.removeprefix("/static/"))
    source = Path(str(found)).read_text()
    attributes = {name for _, attrs in page.tags for name in attrs}
    assert set(re.findall(r"data-plasgate-ip-(?:screen|stage)", source)) <= attributes
    for name in re.findall(r'part\("(\w+)"\)', source):
        assert f"data-plasgate-ip-{name}" in attributes
    stages = {attrs.get("data-plasgate-ip-stage") for _, attrs in page.tags} - {None}
    assert stages == {"waiting", "opened", "started", "wrong", "expired"}


# Off


def test_a_site_can_do_without(visitor: Visitor, phone: Visitor, answers: Answers, settings: Any):
    link = offered(visitor.get("/phone/"))
    settings.PLASGATE_IP_HANDOFF = False
    answers(FAILED)

    for page in (visitor.get("/phone/"), visitor.get(visitor.verify()["Location"])):
        assert not Page(page).all("svg")
        assert not [script for script in Page(page).all("script") if "handoff" in script["src"]]
    assert phone.get(link).status_code == 404
    assert visitor.get(f"{link}screen/").status_code == 404


# Not for phones

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"
)
TABLET = ANDROID.replace(" Mobile", "")


@pytest.mark.parametrize(
    ("browser", "codes"),
    [(IPHONE, 0), (ANDROID, 0), (TABLET, 1), ("", 1)],
    ids=["iPhone", "Android", "tablet", "nameless"],
)
def test_a_phone_does_not_load_what_it_would_not_show(
    user: User, answers: Answers, browser: str, codes: int
) -> None:
    visitor = Visitor(headers={"User-Agent": browser})
    visitor.force_login(user)
    answers(FAILED)

    for page in (visitor.get("/phone/"), visitor.get(visitor.verify()["Location"])):
        scripts = [script["src"] for script in Page(page).all("script")]
        assert len(Page(page).all("svg")) == codes
        assert sum("handoff.js" in src for src in scripts) == codes


# The phone's page


def test_the_phone_is_told_the_site_and_the_account(
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
    # What a keyboard's "Go" presses is the first one.
    assert "name" not in Page(page).all("button")[0]
    assert len(choices(page)) == 6


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("teak", "t**k"),
        ("@sok", "s**"),
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


def test_the_phone_who_is_signed_in_to_the_same_account_is_not_warned(
    visitor: Visitor, phone: Visitor, user: User
) -> None:
    phone.force_login(user)

    assert "another account" not in text(phone.get(offered(visitor.get("/phone/"))))


def test_the_phones_answers_are_kept_nowhere(visitor: Visitor, phone: Visitor) -> None:
    link = offered(visitor.get("/phone/"))
    for response in (phone.get(link), Phone().get(link), visitor.get(f"{link}screen/")):
        assert "no-store" in response["Cache-Control"]
    # Not "no-referrer": the tap would come with "Origin: null", which is refused.
    assert phone.get(link)["Referrer-Policy"] == "same-origin"


def test_a_refusal_leads_on(visitor: Visitor) -> None:
    link = offered(visitor.get("/phone/"))
    Phone().get(link)

    refused = Page(Phone().get(link))

    assert refused.links == {"Verify for an account on this phone instead": "/phone/"}
    assert [attrs for _, attrs in refused.tags if attrs.get("role") == "alert"]


# The computer without a script


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
    # The attempt's own page looks again by itself, too.
    assert visitor.get(f"/phone/{attempt().pk}/")["Refresh"] == "3"
    phone.come_back()
    assert visitor.get(link)["Location"] == "/here/"


def test_a_computer_without_a_script_hears_of_a_wrong_tap(visitor: Visitor, phone: Visitor) -> None:
    link = offered(visitor.get("/phone/"))
    page = phone.get(link)
    code = code_on(visitor, link)
    tap(phone, page, next(each for each in choices(page) if each != code))

    shown = visitor.get(f"{link}screen/")

    assert "Other characters were tapped" in text(shown)
    assert Page(shown).links == {"Show a new code": "/phone/"}
    assert "Refresh" not in shown


# Sites of every make


def test_a_site_that_asks_everybody_to_log_in_lets_the_phone_be_anybody(
    visitor: Visitor, phone: Visitor, answers: Answers, settings: Any
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, LOGIN_REQUIRED]
    answers()
    link = offered(visitor.get("/phone/"))

    hand_over(visitor, phone, link)
    page = phone.get(phone.come_back()["Location"])

    assert outcome() == ("verified", "")
    assert "Go back to your computer" in text(page)


def test_the_phone_speaks_the_computers_language_where_urls_do(
    visitor: Visitor, phone: Visitor, answers: Answers, settings: Any
) -> None:
    settings.ROOT_URLCONF = EveryLanguage
    answers()
    link = offered(visitor.get("/km/phone/"))

    assert link.startswith("/km/phone/on/")
    hand_over(visitor, phone, link)
    assert phone.come_back()["Location"] == f"/km/phone/{attempt().pk}/"
    english = link.replace("/km/", "/en/")
    assert visitor.get(f"{english}screen/")["Location"] == f"/en/phone/{attempt().pk}/"


def test_a_site_below_a_path_hands_over_there(
    visitor: Visitor, phone: Visitor, answers: Answers, settings: Any
) -> None:
    settings.FORCE_SCRIPT_NAME = "/shop"
    set_script_prefix("/shop/")
    try:
        answers()
        page = visitor.get("/phone/")
        link = offered(page)
        assert link.startswith("/shop/phone/on/")
        assert svg(page) == qr.svg(f"http://testserver{link}", "A QR code for your phone's camera")
        hand_over(visitor, phone, link.removeprefix("/shop"))
        phone.come_back()
        assert outcome() == ("verified", "")
    finally:
        set_script_prefix("/")


def test_in_every_language_the_pages_are_whole(
    visitor: Visitor, phone: Visitor, settings: Any
) -> None:
    khmer = {"Accept-Language": "km"}
    link = offered(visitor.get("/phone/", headers=khmer))

    shown = text(phone.get(link, headers=khmer))

    assert '<html lang="km">' in shown
    assert "Go on only" not in shown


# What it costs


def test_showing_a_code_costs_one_query_for_a_session_and_then_none(
    visitor: Visitor, settings: Any
) -> None:
    with CaptureQueriesContext(connection) as first:
        visitor.get("/phone/")
    with CaptureQueriesContext(connection) as again:
        visitor.get("/phone/")
    settings.PLASGATE_IP_HANDOFF = False
    with CaptureQueriesContext(connection) as without:
        visitor.get("/phone/")

    assert len(statements(first)) == len(statements(without)) + 1
    assert len(statements(again)) == len(statements(without)) == 2


def test_looking_costs_little(visitor: Visitor, phone: Visitor, answers: Answers) -> None:
    answers()
    link = offered(visitor.get("/phone/"))
    looks = []
    followed(visitor, link)
    with CaptureQueriesContext(connection) as waiting:
        followed(visitor, link)
    looks.append(waiting)
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

    # Session, user, hand-off; and the attempt.
    assert [len(statements(each)) for each in (waiting, opened, started)] == [3, 3, 4]
    # The phone's session, the hand-off, the computer's user; the tap, the computer's attempts, the
    # new row, the limits.
    assert len(statements(tapped)) == 7
    # An anonymous phone has no user to load.
    assert len(statements(callback)) == 4


def test_the_callbacks_look_up_is_one_index(visitor: Visitor, answers: Answers) -> None:
    answers()
    visitor.start()
    with CaptureQueriesContext(connection) as captured:
        visitor.come_back()

    wheres = [sql.partition("WHERE")[2] for sql in statements(captured)]
    (look_up,) = [where for where in wheres if "session_id" in where]
    assert "callback_session_id" in look_up
    assert " OR " not in look_up


def test_the_pages_stay_small(visitor: Visitor, phone: Visitor, answers: Answers) -> None:
    answers(FAILED)
    start = visitor.get("/phone/?next=/here/")
    failed = visitor.get(visitor.verify()["Location"])
    opened = phone.get(offered(failed))

    for page in (start, failed, opened, visitor.get(screen_url(failed))):
        assert len(page.content) < 20 * 1024


def test_a_start_leaves_no_hand_off_behind(visitor: Visitor, answers: Answers) -> None:
    answers()
    visitor.verify(TYPED)

    assert not PhoneHandoff.objects.exists()
