"""From the computer to the phone, with a browser for each and the sandbox for their operator."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser import handoffs
from tests.browser.people import DESKTOP, ON_WIFI, PATIENCE, VERIFIED, Person, expect_heading
from tests.browser.site import Site

pytestmark = pytest.mark.browser

MASKED = "+855 77 *** *18"


@pytest.fixture
def computer(example: Site, arrive: Callable[..., Person]) -> Person:
    """Return somebody who has just signed up at a computer, to see the members' page."""
    computer = arrive(example, screen=DESKTOP)
    computer.sign_up()
    computer.page.goto("/phone/?next=/members/")
    return computer


@pytest.fixture
def phone(example: Site, arrive: Callable[..., Person]) -> Person:
    """Return their phone; nobody is signed in there."""
    return arrive(example)


def line(computer: Person) -> str:
    """Return what is said below the code."""
    return computer.page.locator(".plasgate-ip-handoff [role=status]").inner_text()


def test_a_computer_goes_on_by_itself_when_the_phone_has_verified(
    computer: Person, phone: Person
) -> None:
    assert line(computer) == "It is good for five minutes and for one phone."
    handoffs.scan(computer, phone)
    code = handoffs.code_on(computer)
    assert code in handoffs.choices(phone)
    handoffs.tap(phone, code, VERIFIED)

    expect_heading(phone.page, "Verified")
    expect(phone.page.locator("main")).to_contain_text("Go back to your computer")
    expect_heading(computer.page, "Members")
    assert computer.page.url.endswith("/members/")
    expect(computer.page.locator("main")).to_contain_text(MASKED)
    # The phone gains nothing.
    phone.page.goto("/members/")
    expect_heading(phone.page, "Log in")
    assert computer.violations == phone.violations == []


def test_what_the_phone_has_taken_over_can_be_scanned_no_more(
    computer: Person, phone: Person
) -> None:
    code = computer.page.locator(".plasgate-ip-qr")
    before = code.evaluate("code => getComputedStyle(code).opacity")

    handoffs.scan(computer, phone)
    handoffs.code_on(computer)

    assert before == "1"
    assert float(code.evaluate("code => getComputedStyle(code).opacity")) < 0.2


def test_a_computer_without_a_script_is_led_by_a_link_and_refreshing(
    example: Site, arrive: Callable[..., Person], phone: Person
) -> None:
    computer = arrive(example, screen=DESKTOP, scripts=False)
    computer.sign_up()
    computer.page.goto("/phone/?next=/members/")
    link = handoffs.offered(computer).partition("screen/")[0]

    computer.page.get_by_role("link", name="I have scanned it").click()
    expect(computer.page.get_by_role("status")).to_contain_text("No phone has opened the code")
    phone.page.goto(link)
    handoffs.tap(phone, handoffs.code_on(computer), VERIFIED)

    expect_heading(phone.page, "Verified")
    expect_heading(computer.page, "Members")
    assert computer.page.url.endswith("/members/")


def test_a_wrong_tap_ends_it_and_the_computer_offers_a_new_code(
    computer: Person, phone: Person
) -> None:
    handoffs.scan(computer, phone)
    code = handoffs.code_on(computer)
    handoffs.tap(phone, next(each for each in handoffs.choices(phone) if each != code), VERIFIED)

    expect_heading(phone.page, "This code can't be used")
    expect(phone.page.get_by_role("alert")).to_contain_text("nothing was verified")
    again = computer.page.get_by_role("link", name="Show a new code")
    expect(again).to_be_visible()
    assert line(computer) == "Other characters were tapped, so nothing was verified."
    again.click()
    handoffs.scan(computer, phone)
    handoffs.tap(phone, handoffs.code_on(computer), VERIFIED)

    expect_heading(computer.page, "Members")


def test_a_second_phone_is_refused_and_the_first_one_goes_on(
    computer: Person, phone: Person, arrive: Callable[..., Person]
) -> None:
    photographer = arrive(computer.site)
    handoffs.scan(computer, phone)

    handoffs.scan(computer, photographer)

    expect_heading(photographer.page, "This code can't be used")
    expect(photographer.page.get_by_role("alert")).to_contain_text("Another phone")
    assert handoffs.choices(photographer) == []
    handoffs.tap(phone, handoffs.code_on(computer), VERIFIED)
    expect_heading(computer.page, "Members")


def test_a_computer_that_was_not_on_mobile_data_tries_again_with_a_phone(
    computer: Person, phone: Person
) -> None:
    computer.start(ON_WIFI, path="/phone/?next=/members/")
    expect_heading(computer.page, "Not verified")
    earlier = computer.page.url
    handoffs.scan(computer, phone)
    code = handoffs.code_on(computer)

    expect(phone.page.get_by_label("Phone number")).to_have_value("")
    handoffs.tap(phone, code, ON_WIFI)

    expect_heading(phone.page, "Not verified")
    expect(phone.page.locator("main")).to_contain_text("there you can try again")
    # The number is not on mobile data again. Now the computer shows the new verification.
    expect(computer.page).not_to_have_url(earlier, timeout=PATIENCE)
    expect_heading(computer.page, "Not verified")
    handoffs.scan(computer, phone)
    assert handoffs.code_on(computer) in handoffs.choices(phone)


def test_a_computer_whose_network_was_away_for_a_moment_still_follows(
    computer: Person, phone: Person
) -> None:
    computer.context.set_offline(True)
    with computer.context.expect_event("requestfailed", lambda r: "/screen/" in r.url):
        handoffs.scan(computer, phone)
    computer.context.set_offline(False)

    assert handoffs.code_on(computer) in handoffs.choices(phone)


def test_a_computer_that_was_signed_out_meanwhile_is_told_to_show_a_new_code(
    computer: Person, phone: Person
) -> None:
    handoffs.scan(computer, phone)
    code = handoffs.code_on(computer)
    # A visitor who is not signed in finds no page of the verification.
    computer.context.route(
        re.compile(r"/phone/[0-9a-f-]{36}/$"), lambda route: route.fulfill(status=404)
    )
    handoffs.tap(phone, code, VERIFIED)

    expect(computer.page.get_by_text("Show a new code")).to_be_visible(timeout=PATIENCE)
    assert "/phone/?next=" in computer.page.url


def test_a_tap_before_the_computer_has_shown_anything_is_not_counted(
    computer: Person, phone: Person
) -> None:
    computer.context.set_offline(True)
    handoffs.scan(computer, phone)

    handoffs.tap(phone, handoffs.choices(phone)[0], VERIFIED)
    expect_heading(phone.page, "This code can't be used")
    phone.page.get_by_role("link", name="Try again").click()
    computer.context.set_offline(False)
    handoffs.tap(phone, handoffs.code_on(computer), VERIFIED)

    expect_heading(computer.page, "Members")


def test_a_narrow_window_shows_no_code_and_asks_for_nothing(computer: Person) -> None:
    computer.page.set_viewport_size({"width": 600, "height": 800})
    expect(computer.page.locator(".plasgate-ip-qr")).to_be_hidden()
    computer.requests.clear()
    computer.page.wait_for_timeout(3_000)  # the script looks each 2.5 seconds

    assert computer.requests == []
    with computer.context.expect_event("request", lambda r: "/screen/" in r.url):
        computer.page.set_viewport_size(DESKTOP["viewport"])
