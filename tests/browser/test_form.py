"""The form: its field, its button, and what its script does."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.people import (
    NEVER_COMES_BACK,
    ON_WIFI,
    VERIFIED,
    Person,
    expect_heading,
    press,
)

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


def form(visitor: Person) -> dict[str, Any]:
    """Return the state of the form."""
    shown: dict[str, Any] = visitor.page.evaluate(FORM)
    return shown


def test_an_empty_field_is_not_sent_and_the_button_stays_ready(visitor):
    visitor.page.goto("/phone/")

    visitor.page.tap(BUTTON)

    assert visitor.page.evaluate("document.querySelector('input:invalid') !== null")
    assert form(visitor) | READY == form(visitor)
    assert visitor.posts() == 0


def test_after_a_mistake_the_field_has_the_focus_what_was_typed_and_what_is_wrong(visitor):
    visitor.start("077")
    field = visitor.page.get_by_label("Phone number")

    expect(field).to_be_focused()
    expect(field).to_have_value("077")
    expect(field).to_have_accessible_description(
        "This is not a phone number. Type it like this: 091 234 567"
    )


def test_pressing_again_and_again_sends_one_start(unanswered):
    unanswered.page.dblclick(BUTTON)
    unanswered.page.press(BUTTON, "Enter")
    unanswered.page.press("[name=phone_number]", "Enter")

    assert form(unanswered) | BUSY == form(unanswered)
    assert unanswered.posts() == 1


def test_a_page_that_brings_the_script_twice_still_sends(visitor):
    # As a page with two of the app's forms does.
    visitor.page.goto("/phone/")
    visitor.page.add_script_tag(url="/static/django_plasgate_ip/busy_button.js")
    count = "[...document.scripts].filter(({ src }) => src.endsWith('/busy_button.js')).length"
    assert visitor.page.evaluate(count) == 2

    visitor.page.fill("#id_phone_number", ON_WIFI)
    with visitor.page.expect_navigation():
        visitor.page.click("[data-plasgate-ip-form] button")

    expect_heading(visitor.page, "Not verified")


def test_without_an_answer_the_button_is_ready_in_half_a_minute(unanswered):
    unanswered.page.clock.install()
    unanswered.page.goto("/phone/")
    unanswered.page.fill("[name=phone_number]", VERIFIED)
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
    visitor.page.fill("[name=phone_number]", NEVER_COMES_BACK)
    visitor.page.click(BUTTON)
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Please wait")

    press(visitor.page, "back")
    expect(visitor.page.locator(BUTTON)).to_be_visible()

    assert visitor.page.evaluate("window.isRestored")
    assert form(visitor) | READY == form(visitor)


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_button_is_busy_and_keeps_the_focus_and_moves_only_if_it_may(unanswered, motion):
    unanswered.page.emulate_media(reduced_motion=motion)

    unanswered.page.click(BUTTON)

    assert form(unanswered) == {**BUSY, "focused": True, "moves": motion == "no-preference"}
