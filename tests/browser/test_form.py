"""The form: its field, its button, and what its script does."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import people
from tests.browser.people import ON_WIFI, VERIFIED, Person, expect_heading, press

pytestmark = pytest.mark.browser

BUTTON = ".plasgate-ip button"
# Milliseconds, as in busy_button.js.
PATIENCE = 30_000

FORM = """() => {
    const button = document.querySelector(".plasgate-ip button");
    return {
        busy: button.getAttribute("aria-disabled") === "true",
        label: button.textContent,
        said: document.querySelector(".plasgate-ip form [role=status]").textContent,
        focused: document.activeElement === button,
        moves: document.getAnimations().length > 0,
    };
}"""
READY = {"busy": False, "label": "Verify", "said": ""}
BUSY = {"busy": True, "label": "One moment", "said": "One moment"}


@pytest.fixture
def unanswered(visitor: Person) -> Person:
    """Return a visitor who has typed a number. The answer to their form will be empty."""

    def answer(route: Any) -> None:
        if route.request.method == "POST":
            route.fulfill(status=204)  # the browser stays on the page
        else:
            route.continue_()

    visitor.context.route("**/phone/", answer)
    visitor.page.goto("/phone/")
    visitor.page.fill("[name=phone_number]", VERIFIED)
    return visitor


def form(visitor: Person) -> Any:
    return visitor.page.evaluate(FORM)


def test_an_empty_field_is_not_sent_and_the_button_stays_ready(visitor):
    visitor.page.goto("/phone/")

    visitor.page.tap(BUTTON)

    assert visitor.page.evaluate("document.querySelector('input:invalid') !== null")
    assert form(visitor) | READY == form(visitor)
    assert visitor.posts() == 0


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_pressing_again_and_again_sends_one_start_from_a_busy_button(unanswered, motion):
    unanswered.page.emulate_media(reduced_motion=motion)

    unanswered.page.dblclick(BUTTON)
    unanswered.page.keyboard.press("Enter")

    # It keeps the focus, and moves only if it may.
    assert form(unanswered) == {**BUSY, "focused": True, "moves": motion == "no-preference"}
    unanswered.page.press("[name=phone_number]", "Enter")
    assert unanswered.posts() == 1


def test_a_page_that_brings_the_script_twice_still_sends(visitor):
    # As a page with two of the app's forms does.
    visitor.page.goto("/phone/")
    visitor.page.add_script_tag(url="/static/django_plasgate_ip/busy_button.js")
    expect(visitor.page.locator("script[src$='/busy_button.js']")).to_have_count(2)

    visitor.page.fill("[name=phone_number]", ON_WIFI)
    visitor.page.click(BUTTON)

    expect_heading(visitor.page, "Not verified")


def test_without_an_answer_the_button_is_ready_in_half_a_minute(unanswered):
    unanswered.page.clock.install()
    unanswered.page.click(BUTTON)

    unanswered.page.clock.fast_forward(PATIENCE - 1000)
    assert form(unanswered) | BUSY == form(unanswered)
    unanswered.page.clock.fast_forward(1001)
    assert form(unanswered) | READY == form(unanswered)
    unanswered.page.click(BUTTON)

    assert unanswered.posts() == 2


def test_back_restores_the_page_with_a_ready_button(visitor):
    # Safari restores pages that must not be cached, too. Chromium needs a header that allows it.
    def cacheable(route: Any) -> None:
        response = route.fetch(max_redirects=0)
        headers = {**response.headers, "cache-control": "private"}
        route.fulfill(response=response, headers=headers)

    visitor.context.route("**/phone/", cacheable)
    visitor.page.goto("/phone/")
    visitor.page.evaluate("window.isRestored = true")
    visitor.page.fill("[name=phone_number]", people.NEVER_COMES_BACK)
    visitor.page.click(BUTTON)
    expect_heading(visitor.page, "Please wait")

    press(visitor.page, "back")
    expect(visitor.page.locator(BUTTON)).to_be_visible()

    assert visitor.page.evaluate("window.isRestored")
    assert form(visitor) | READY == form(visitor)
