"""What the pages know from the browser: its connection, and its clipboard."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import tour

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
ADDRESS = "Or open this address in the browser that you always use:"


@pytest.mark.parametrize("page", ["start", "choices"])
def test_a_phone_on_wifi_is_told_so_until_its_connection_changes(arrive, bare, page):
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


@pytest.mark.parametrize("is_allowed", [True, False])
def test_the_start_pages_address_is_copied_for_another_browser(arrive, bare, is_allowed):
    phone = arrive(bare)
    tour.BARE["invalid callback"](phone)
    field = phone.page.get_by_label(ADDRESS)
    phone.page.evaluate(
        "isAllowed => { navigator.clipboard.writeText = async (text) => {"
        " if (!isAllowed) throw new Error(); window.copied = text; } }",
        is_allowed,
    )

    phone.page.get_by_role("button", name="Copy the address").tap()

    selection = "field => field.value.slice(field.selectionStart, field.selectionEnd)"
    assert field.evaluate(selection) == f"{bare.origin}/phone/?again=1"
    said = "Copied" if is_allowed else ""
    expect(phone.page.get_by_role("status")).to_have_text(said)
    expect(phone.page.get_by_role("button")).to_have_text(said or "Copy the address")
    assert phone.page.evaluate("window.copied") == (field.input_value() if is_allowed else None)
    assert phone.violations == []


@pytest.mark.parametrize("scripts", [True, False], ids=["no APIs", "no scripts"])
def test_a_browser_without_these_features_shows_no_hint_and_no_button(arrive, bare, scripts):
    phone = arrive(bare, scripts=scripts)
    errors: list[Any] = []
    phone.page.on("pageerror", lambda error: errors.append(error))
    for name in ("connection", "clipboard"):
        phone.context.add_init_script(f"delete Navigator.prototype.{name}")

    phone.page.goto("/phone/")
    expect(phone.page.get_by_role("button", name="Verify")).to_be_visible()
    expect(phone.page.get_by_text(HINT)).to_be_hidden()
    tour.BARE["invalid callback"](phone)
    expect(phone.page.get_by_label(ADDRESS)).to_have_value(f"{bare.origin}/phone/?again=1")
    expect(phone.page.locator(".plasgate-ip button")).to_be_hidden()
    assert errors == []
