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


@pytest.mark.parametrize(
    ("script", "scripts"),
    [
        (CONNECTION.replace("TYPE", "cellular"), True),
        ("delete Navigator.prototype.connection", True),
        ("", False),
    ],
    ids=["mobile data", "no API", "no scripts"],
)
def test_a_browser_that_reports_no_wifi_shows_nothing(arrive, bare, script, scripts):
    phone = arrive(bare, scripts=scripts)
    errors: list[Any] = []
    phone.page.on("pageerror", lambda error: errors.append(error))
    phone.context.add_init_script(script)
    phone.page.goto("/phone/")

    expect(phone.page.get_by_role("button", name="Verify")).to_be_visible()
    expect(phone.page.get_by_text(HINT)).to_be_hidden()
    assert errors == []


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
    if is_allowed:
        assert phone.page.evaluate("window.copied") == f"{bare.origin}/phone/?again=1"
    assert phone.violations == []


@pytest.mark.parametrize("scripts", [True, False], ids=["no clipboard", "no scripts"])
def test_without_a_clipboard_the_address_can_be_selected(arrive, bare, scripts):
    phone = arrive(bare, scripts=scripts)
    phone.context.add_init_script("delete Navigator.prototype.clipboard")
    tour.BARE["invalid callback"](phone)

    expect(phone.page.get_by_label(ADDRESS)).to_have_value(f"{bare.origin}/phone/?again=1")
    expect(phone.page.locator(".plasgate-ip button")).to_be_hidden()
