"""The QR code on a page: who gets it, and what it holds."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.staticfiles import finders
from django.template import engines
from django.test import RequestFactory

from django_plasgate_ip.handoff import qr
from django_plasgate_ip.handoff.claim_and_confirm import Stage
from django_plasgate_ip.handoff.devices import Device, device_of
from django_plasgate_ip.handoff.invitation import invite
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from tests.docs.pages import blocks
from tests.handoff.devices import offered, request_of, screen_url, text
from tests.visitor import FAILED, Page, Visitor

pytestmark = pytest.mark.django_db

TITLE = "A QR code for your phone's camera"
TABLET = "Mozilla/5.0 (Linux; Android 10; K) Chrome/142.0.0.0 Safari/537.36"
PHONE = TABLET.replace("Safari", "Mobile Safari")
COMPUTER = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
IPAD = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/26.0 Safari/605.1.15"


def test_an_anonymous_visitor_who_may_not_start_gets_no_code(user, settings):
    assert invite(request_of(), "", "/") is None
    assert invite(request_of(user), "", "/")

    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    assert invite(request_of(), "", "/")


def test_the_repr_of_an_invitation_hides_the_link_which_error_trackers_store(user):
    shown = repr(invite(request_of(user), "", "/"))

    assert "<svg" not in shown
    assert "/screen/" not in shown


def test_the_start_page_has_a_qr_code_of_the_link(visitor, settings):
    page = visitor.get("/phone/")
    assert qr.svg(f"http://testserver{offered(page)}", TITLE) in text(page)
    assert Page(page).links["I have scanned it"] == screen_url(page)

    settings.PLASGATE_IP_PUBLIC_URL = "https://www.example.com/"
    page = visitor.get("/phone/?moved=1")
    assert qr.svg(f"https://www.example.com{offered(page)}", TITLE) in text(page)
    # 45 modules and the margin: a cheap camera reads it.
    assert 'viewBox="0 0 53 53"' in text(page)


def test_a_qr_code_is_black_on_white_and_has_a_title():
    code = qr.svg("https://x.example/", "a <b> & c")

    assert '<svg role="img" ' in code
    assert "<title>a &lt;b&gt; &amp; c</title>" in code
    # In any theme, with its margin.
    assert re.search(r'<path fill="#fff" d="M0 0h(\d+)v\1h-\1z"/>', code)
    assert 'stroke="#000" d="M4 4.5h7' in code
    # A Content Security Policy would forbid these.
    assert not re.search("style|<script", code)


def test_the_page_after_a_mistake_has_a_code_and_keeps_next(visitor):
    page = visitor.start("077", next="/here/")

    assert screen_url(page).endswith("/screen/?next=%2Fhere%2F")
    assert Page(page).links["Show a new code"] == "/phone/?next=%2Fhere%2F&again=1"


def test_no_failure_but_missing_mobile_data_has_a_code(visitor, answers):
    answers(FAILED)
    detail = visitor.verify()["Location"]
    assert Page(visitor.get(detail)).links["Show a new code"] == detail

    for reason in set(Reason) - {Reason.NOT_ON_MOBILE_DATA}:
        PhoneVerification.objects.update(status=reason.status, reason=reason)
        assert not Page(visitor.get(detail)).all("svg")


def test_the_script_finds_each_stage_and_asks_also_in_a_hidden_tab(visitor):
    page = Page(visitor.get("/phone/"))
    stages = " ".join(attrs.get("data-plasgate-ip-stage", "") for _, attrs in page.tags)
    assert set(stages.split()) == {stage.value for stage in Stage}
    # A tap counts only while the page asks. A visitor may look at another tab meanwhile.
    source = Path(str(finders.find("plasgate_ip_handoff/handoff.js"))).read_text()
    assert not re.search(r"document\.hidden|visibility", source)


@pytest.mark.parametrize(
    ("agent", "hint", "device"),
    [
        (PHONE, "", "phone"),
        (PHONE, "?0", "phone"),
        (TABLET, "?1", "phone"),
        (TABLET, "?0", "computer"),
        (TABLET, "", "unknown"),
        (COMPUTER, "", "computer"),
        (IPAD, "", "computer"),
        (COMPUTER.replace("X11", "Windows NT 10.0"), "", "computer"),
        ("", "", "unknown"),
    ],
)
def test_a_device_is_known_by_its_headers(agent, hint, device):
    request = RequestFactory().get("/", headers={"User-Agent": agent, "Sec-CH-UA-Mobile": hint})

    assert device_of(request) is Device(device)


@pytest.mark.parametrize(
    ("browser", "order"), [(COMPUTER, ["code", "form"]), ("", ["form", "code"]), (PHONE, ["form"])]
)
def test_a_computer_gets_the_code_first_an_unknown_device_the_form_and_a_phone_no_code(
    user, answers, browser, order
):
    answers(FAILED)
    visitor = Visitor(headers={"User-Agent": browser})
    visitor.force_login(user)
    start, mistake = visitor.get("/phone/"), visitor.start("077")
    pages = (start, mistake, visitor.get(visitor.verify()["Location"]))

    for page, form in zip(pages, ('name="phone_number"', "077", "Try again"), strict=True):
        places = {"code": text(page).find("<svg"), "form": text(page).find(form)}
        assert sorted(order, key=places.__getitem__) == order
        for part in ("<svg", "handoff.js", "handoff.css"):
            assert text(page).count(part) == order.count("code")
        assert {"User-Agent", "Sec-CH-UA-Mobile"} <= set(page["Vary"].split(", "))
    # A computer's form is folded away until it has a mistake.
    folded = [["open" in each for each in Page(page).all("details")] for page in pages]
    assert folded == ([[False], [True], [False]] if order[0] == "code" else [[], [], []])


def test_the_documented_page_of_a_site_shows_a_code(visitor):
    page = visitor.get("/phone/").wsgi_request
    names: dict[str, Any] = {"request": page, "context": {}, "INSTALLED_APPS": []}
    found = list(blocks("Continue on a phone"))
    (template,) = [text for _file, language, text in found if language == "html+django"]

    for _file, language, code in found:
        if language == "python":
            exec(code, names)  # noqa: S102 - our own

    (app,) = names["INSTALLED_APPS"]
    assert apps.is_installed(app)
    shown = engines["django"].from_string(template).render(names["context"], page)
    assert "<svg" in shown
    assert "handoff.css" in shown
    assert "?next=%2Fwelcome%2F" in shown
