"""A computer that shows a QR code, and the phones in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.browser.people import Person

CODE = ".plasgate-ip-code"


def offered(computer: Person) -> str:
    """Return the address of the computer's own page beside the code; the code leads one above."""
    box = computer.page.locator("[data-plasgate-ip-screen]")
    path = box.get_attribute("data-plasgate-ip-screen")
    assert path
    return path


def scan(computer: Person, phone: Person) -> None:
    """Open on `phone` what the code on the computer's screen leads to."""
    expect(computer.page.locator(".plasgate-ip-qr")).to_be_visible()
    phone.page.goto(offered(computer).partition("screen/")[0])


def code_on(computer: Person) -> str:
    """Wait for the two characters that the computer shows."""
    shown = computer.page.locator(CODE)
    expect(shown).to_be_visible()
    return shown.inner_text()


def told_code(computer: Person) -> str:
    """Return them as the page's script gets them, without waiting for its next request."""
    answer = computer.context.request.get(
        offered(computer), headers={"Accept": "application/json"}
    ).json()
    code: str = answer["code"]
    return code


def choices(phone: Person) -> list[str]:
    """Return what can be tapped."""
    return phone.page.locator(".plasgate-ip-choices button").all_inner_texts()


def tap(phone: Person, code: str, number: str) -> None:
    """Type the number, and tap these characters."""
    phone.page.fill("[name=phone_number]", number)
    phone.page.locator(".plasgate-ip-choices").get_by_role("button", name=code, exact=True).tap()
