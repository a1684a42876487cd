"""The hand-off from a computer to a phone, with a browser for each, at the sandbox."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser import handoffs
from tests.browser.people import DESKTOP, VERIFIED, Person, expect_heading
from tests.browser.site import Site

pytestmark = pytest.mark.browser


@pytest.fixture
def computer(example: Site, arrive: Callable[..., Person]) -> Person:
    """Return a visitor at a computer, who has just signed up to see the members' page."""
    computer = arrive(example, screen=DESKTOP)
    computer.sign_up()
    return computer


@pytest.fixture
def phone(example: Site, arrive: Callable[..., Person]) -> Person:
    """Return their phone; nobody is signed in there."""
    return arrive(example)


def test_a_computer_continues_by_itself_when_the_phone_has_verified(computer, phone):
    computer.page.locator("summary").click()
    handoffs.scan(computer, phone)
    code = handoffs.code_on(computer)
    assert code in handoffs.choices(phone)
    # Nothing else asks for a tap.
    expect(computer.page.locator(".plasgate-ip-qr")).to_be_hidden()
    button = computer.page.locator(".plasgate-ip button, .plasgate-ip-button")
    expect(button.filter(visible=True)).to_have_count(0)
    handoffs.tap(phone, code, VERIFIED)

    expect_heading(phone.page, "Verified")
    expect(phone.page.locator("main")).to_contain_text("Go back to your computer")
    expect_heading(computer.page, "Members")
    expect(computer.page.locator("main")).to_contain_text("+855 77 *** *18")
    # The phone is not signed in.
    phone.page.goto("/members/")
    expect_heading(phone.page, "Log in")
    assert computer.violations == phone.violations == []


def test_a_computer_without_scripts_follows_by_a_link_and_refreshes(example, arrive, phone):
    computer = arrive(example, screen=DESKTOP, scripts=False)
    computer.sign_up()
    link = handoffs.link(computer)

    computer.page.get_by_role("link", name="I have scanned it").click()
    expect(computer.page.get_by_role("status")).to_contain_text("No phone has opened the code")
    phone.page.goto(link)
    handoffs.tap(phone, handoffs.code_on(computer), VERIFIED)

    expect_heading(computer.page, "Members")


def test_a_wrong_tap_ends_it_and_the_computer_offers_a_new_code(computer, phone):
    handoffs.scan(computer, phone)
    code = handoffs.code_on(computer)
    handoffs.tap(phone, next(each for each in handoffs.choices(phone) if each != code), VERIFIED)

    expect_heading(phone.page, "This code can't be used")
    expect(phone.page.get_by_role("alert")).to_contain_text("nothing was verified")
    expect(computer.page.get_by_text("Other characters were tapped")).to_be_visible()
    expect(computer.page.get_by_text("Use this device instead")).to_be_visible()
    computer.page.get_by_role("link", name="Show a new code").click()
    handoffs.scan(computer, phone)
    handoffs.tap(phone, handoffs.code_on(computer), VERIFIED)

    expect_heading(computer.page, "Members")


def test_a_computer_still_follows_after_its_network_was_down(computer, phone):
    computer.context.set_offline(True)
    with computer.context.expect_event("requestfailed", lambda r: "/screen/" in r.url):
        handoffs.scan(computer, phone)
    computer.context.set_offline(False)

    assert handoffs.code_on(computer) in handoffs.choices(phone)


def test_a_computer_that_was_signed_out_meanwhile_offers_a_new_code(computer, phone):
    handoffs.scan(computer, phone)
    code = handoffs.code_on(computer)
    # The verification's page is a 404 for a visitor who is not signed in.
    computer.context.route(
        re.compile(r"/phone/[0-9a-f-]{36}/$"), lambda route: route.fulfill(status=404)
    )
    handoffs.tap(phone, code, VERIFIED)

    expect(computer.page.get_by_text("Show a new code")).to_be_visible()
    assert "/phone/?" in computer.page.url


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_phone_that_requests_desktop_pages_gets_the_form_first_and_open(example, arrive, scripts):
    screen = DESKTOP | {"has_touch": True, "is_mobile": True}
    visitor = arrive(example, screen=screen, scripts=scripts)
    visitor.sign_up()
    field = visitor.page.get_by_label("Phone number")
    code = visitor.page.locator(".plasgate-ip-qr")

    if not scripts:
        visitor.page.locator("summary").tap()
    expect(field).to_be_visible()
    expect(field).not_to_be_focused()
    assert field.bounding_box()["y"] < code.bounding_box()["y"]
    if scripts:  # for a screen reader, too
        last = visitor.page.locator(".plasgate-ip-ways > :last-child")
        expect(last).to_contain_text("Scan this")


def test_a_computer_shows_the_code_first_and_opens_the_form_at_its_mistake(computer):
    computer.page.set_viewport_size({"width": 600, "height": 800})
    field = computer.page.get_by_label("Phone number")

    expect(computer.page.locator(".plasgate-ip-qr")).to_be_visible()
    expect(field).to_be_hidden()
    computer.start("077")
    expect(field).to_be_focused()
