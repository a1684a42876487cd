"""One verification over real HTTP, as a visitor's browser makes it."""

import html
import re

import requests

# Seconds; longer than the site waits for the operator.
TIMEOUT = 60
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


def walk(origin: str, login: dict[str, str], number: str) -> requests.Response:
    """Request the members' page, log in, send `number`, and return the last page."""
    with requests.Session() as browser:
        browser.trust_env = False  # no proxy: the server is this process
        page = browser.get(f"{origin}/members/", timeout=TIMEOUT)
        for typed in (login, {"phone_number": number}):
            page = browser.post(page.url, data=_hidden_fields(page) | typed, timeout=TIMEOUT)
        return page


def _hidden_fields(page: requests.Response) -> dict[str, str]:
    """Return the form's hidden fields: the CSRF token and ``next``."""
    return {name: html.unescape(value) for name, value in HIDDEN.findall(page.text)}
