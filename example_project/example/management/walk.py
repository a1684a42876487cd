"""One verification as a visitor's browser goes it, over real HTTP."""

import html
import re

import requests

# More than the site waits for the operator.
TIMEOUT = 60
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


def walk(origin: str, login: dict[str, str], number: str) -> requests.Response:
    """Ask for the members' page, log in, type `number`; return the page where that ends."""
    with requests.Session() as browser:
        browser.trust_env = False  # no proxy between us and ourselves
        page = browser.get(f"{origin}/members/", timeout=TIMEOUT)
        for typed in (login, {"phone_number": number}):
            page = browser.post(page.url, data=_hidden_fields(page) | typed, timeout=TIMEOUT)
        return page


def _hidden_fields(page: requests.Response) -> dict[str, str]:
    """Return what a form sends by itself: the CSRF token, and where to go next."""
    return {name: html.unescape(value) for name, value in HIDDEN.findall(page.text)}
