"""What the pages know from the browser: its connection, and its clipboard."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import tour
from tests.browser.people import Person
from tests.browser.site import Site

pytestmark = pytest.mark.browser

CONNECTION = """
const connection = Object.assign(new EventTarget(), { type: "TYPE" });
Object.defineProperty(Navigator.prototype, "connection", { get: () => connection });
"""
CHANGE = """type => {
    navigator.connection.type = type;
    navigator.connection.dispatchEvent(new Event("change"));
}"""
HINT = "You seem to be on Wi‑Fi."


@pytest.mark.parametrize("page", ["start", "choices"])
def test_a_phone_on_wifi_is_told_so_until_its_connection_changes(
    arrive: Callable[..., Person], bare: Site, page: str
) -> None:
    phone = arrive(bare)
    phone.context.add_init_script(CONNECTION.replace("TYPE", "wifi"))
    tour.BARE[page](phone)
    hint = phone.page.get_by_role("status").filter(has_text=HINT)
    sent = len(phone.requests)

    expect(hint).to_be_visible()
    phone.page.evaluate(CHANGE, "cellular")
    expect(phone.page.get_by_text(HINT)).to_be_hidden()
    phone.page.evaluate(CHANGE, "wifi")
    expect(hint).to_be_visible()

    assert phone.violations == []
    assert len(phone.requests) == sent


@pytest.mark.parametrize(
    ("script", "scripts"),
    [
        (CONNECTION.replace("TYPE", "cellular"), True),
        ("delete Navigator.prototype.connection", True),
        ("", False),
    ],
    ids=["mobile data", "no API", "no scripts"],
)
def test_a_browser_that_reports_no_wifi_shows_nothing(
    arrive: Callable[..., Person], bare: Site, script: str, scripts: bool
) -> None:
    phone = arrive(bare, scripts=scripts)
    errors: list[Any] = []
    phone.page.on("pageerror", lambda error: errors.append(error))
    phone.context.add_init_script(script)
    phone.page.goto("/phone/")

    expect(phone.page.get_by_role("button", name="Verify")).to_be_visible()
    expect(phone.page.get_by_text(HINT)).to_be_hidden()
    assert errors == []
