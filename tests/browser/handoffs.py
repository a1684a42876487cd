"""The steps of a hand-off: a computer shows a QR code, and a phone scans it."""

from playwright.sync_api import expect

from tests.browser.people import Person


def offered(computer: Person) -> str:
    """Return the address of the computer's own page."""
    path = computer.page.locator("[data-plasgate-ip-screen]").get_attribute("href")
    assert path
    return path


def link(computer: Person) -> str:
    """Return the link in the code."""
    return offered(computer).partition("screen/")[0]


def scan(computer: Person, phone: Person) -> None:
    """Open the link of the code on the computer's screen on `phone`."""
    expect(computer.page.locator(".plasgate-ip-qr")).to_be_visible()
    phone.page.goto(link(computer))


def code_on(computer: Person) -> str:
    """Wait for the two characters that the computer shows."""
    shown = computer.page.locator(".plasgate-ip-code")
    expect(shown).to_be_visible()
    return shown.inner_text()


def told_code(computer: Person) -> str:
    """Return the two characters as the page's script gets them, without waiting for it."""
    headers = {"Accept": "application/json"}
    return str(computer.context.request.get(offered(computer), headers=headers).json()["code"])


def choices(phone: Person) -> list[str]:
    """Return the texts of the buttons."""
    return phone.page.locator(".plasgate-ip-choices button").all_inner_texts()


def tap(phone: Person, code: str, number: str) -> None:
    """Type the number, and tap the button with these characters."""
    phone.page.fill("[name=phone_number]", number)
    phone.page.locator(".plasgate-ip-choices").get_by_role("button", name=code, exact=True).tap()
