"""The QR code on a page: who gets it, what it holds, what it costs."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template import Engine, RequestContext, engines
from django.test.utils import CaptureQueriesContext
from django.urls import include, path

from django_plasgate_ip.handoff import qr
from django_plasgate_ip.handoff.invitation import invite
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from tests.conftest import Answers
from tests.docs.pages import blocks
from tests.handoff.devices import offered, screen_url, statements, svg, text
from tests.visitor import FAILED, Page, Visitor

pytestmark = pytest.mark.django_db

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"
)
TABLET = ANDROID.replace(" Mobile", "")


class OwnPage:
    """URLs of a site that shows the code on a page of its own, to anybody."""

    @staticmethod
    def home(request: HttpRequest) -> HttpResponse:
        invitation = invite(request, next_url="", again_url=request.path)
        context = {"handoff": invitation} if invitation else {}
        page = "<div>{% if handoff %}{% include handoff.template %}{% endif %}</div>"
        template = Engine.get_default().from_string(page)
        return HttpResponse(template.render(RequestContext(request, context)))

    urlpatterns = [path("home/", home), path("phone/", include("django_plasgate_ip.urls"))]


def test_an_anonymous_visitor_who_may_not_start_gets_no_code(
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


def test_the_code_leads_to_the_public_url(visitor: Visitor, settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = "https://www.example.com/"

    page = visitor.get("/phone/")

    link = f"https://www.example.com{offered(page)}"
    assert svg(page) == qr.svg(link, "A QR code for your phone's camera")
    # 45 modules and the quiet zone: a cheap camera reads it.
    assert 'viewBox="0 0 53 53"' in svg(page)


def test_a_qr_code_is_a_drawing_with_a_name_black_on_white(visitor: Visitor) -> None:
    code = svg(visitor.get("/phone/"))

    assert '<svg role="img" ' in code
    assert "<title>A QR code for your phone's camera</title>" in code
    # In any theme, with its quiet zone. A Content Security Policy forbids none of it.
    assert re.search(r'<path fill="#fff" d="M0 0h(\d+)v\1h-\1z"/>', code)
    assert 'stroke="#000" d="M4 4.5h7' in code
    assert "style" not in code
    assert "<script" not in code


def test_the_title_is_escaped() -> None:
    assert "<title>a &lt;b&gt; &amp; c</title>" in qr.svg("https://x.example/", "a <b> & c")


def test_the_page_after_a_mistake_has_the_code_and_keeps_next(visitor: Visitor) -> None:
    page = visitor.start("077", next="/here/")

    assert screen_url(page).endswith("/screen/?next=%2Fhere%2F")
    assert Page(page).links["Show a new code"] == "/phone/?next=%2Fhere%2F"


@pytest.mark.parametrize("reason", Reason)
def test_the_only_failure_with_a_code_is_missing_mobile_data(
    visitor: Visitor, phone: Visitor, answers: Answers, reason: Reason
) -> None:
    answers(FAILED)
    detail = visitor.verify()["Location"]
    PhoneVerification.objects.update(status=reason.status, reason=reason)

    page = visitor.get(detail)

    assert bool(Page(page).all("svg")) == (reason == "not_on_mobile_data")
    if reason == "not_on_mobile_data":
        assert Page(page).links["Show a new code"] == detail


def test_the_script_finds_all_that_it_looks_for(visitor: Visitor) -> None:
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


@pytest.mark.parametrize(
    ("browser", "codes"),
    [(IPHONE, 0), (ANDROID, 0), (TABLET, 1), ("", 1)],
    ids=["iPhone", "Android", "tablet", "nameless"],
)
def test_a_phone_loads_neither_the_code_nor_its_script(
    user: User, answers: Answers, browser: str, codes: int
) -> None:
    visitor = Visitor(headers={"User-Agent": browser})
    visitor.force_login(user)
    answers(FAILED)

    for page in (visitor.get("/phone/"), visitor.get(visitor.verify()["Location"])):
        scripts = [script["src"] for script in Page(page).all("script")]
        assert len(Page(page).all("svg")) == codes
        assert sum("handoff.js" in src for src in scripts) == codes
        sheets = [link["href"] for link in Page(page).all("link")]
        assert sum("handoff.css" in href for href in sheets) == codes


def test_a_code_costs_one_query_for_a_new_session_and_then_none(visitor: Visitor) -> None:
    with CaptureQueriesContext(connection) as first:
        visitor.get("/phone/")
    with CaptureQueriesContext(connection) as again:
        visitor.get("/phone/")
    with CaptureQueriesContext(connection) as without:
        visitor.get("/phone/", headers={"User-Agent": ANDROID})

    assert len(statements(first)) == len(statements(without)) + 1
    assert len(statements(again)) == len(statements(without)) == 2


def test_the_documented_page_shows_a_code(visitor: Visitor) -> None:
    page = visitor.get("/phone/").wsgi_request
    names: dict[str, Any] = {"request": page, "context": {}, "INSTALLED_APPS": []}
    found = list(blocks("Continue on a phone"))
    code = [text for _file, language, text in found if language == "python"]
    (template,) = [text for _file, language, text in found if language == "html+django"]

    exec("\n".join(code), names)  # noqa: S102 - our own

    (app,) = names["INSTALLED_APPS"]
    assert apps.is_installed(app)
    shown = engines["django"].from_string(template).render(names["context"], page)
    assert "<svg" in shown
    assert "handoff.css" in shown
    assert "?next=%2Fwelcome%2F" in shown
