"""One verification over real HTTP, as a visitor's browser or an app without cookies makes it."""

import html
import re
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import parse_qsl, urlsplit

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


def walk_as_app(origin: str, login: dict[str, str], number: str) -> requests.Response:
    """Get a token, verify `number` without cookies, and return the last answer of the API."""
    with requests.Session() as app:
        app.trust_env = False
        app.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        answer = app.post(f"{origin}/api/token/", json=login, timeout=TIMEOUT)
        token = {"Authorization": f"Token {answer.json()['token']}"}
        phone = f"{origin}/api/phone/"
        answer = app.post(phone, json={"phone_number": number}, headers=token, timeout=TIMEOUT)
        if answer.status_code != 201:
            return answer
        started = answer.json()
        caught = _caught(app, started["authorize_url"], started["redirect_uri"])
        answer = app.post(
            f"{phone}{started['id']}/complete/",
            json={"handle": started["handle"], **caught},
            headers=token,
            timeout=TIMEOUT,
        )
        if answer.json().get("status") != "verified":
            return answer
        return app.get(f"{origin}/api/members/", headers=token, timeout=TIMEOUT)


def _caught(app: requests.Session, url: str, redirect_uri: str) -> dict[str, str]:
    """Follow redirects from `url`. Return the query of the one to `redirect_uri`, if one comes.

    An app sends these requests over mobile data, and without its token.
    """
    while url and not url.startswith(redirect_uri):
        answer = app.get(url, allow_redirects=False, timeout=TIMEOUT)
        url = answer.headers.get("Location", "")
    names = ("code", "state", "error", "error_description")
    query = dict(parse_qsl(urlsplit(url).query))
    return {name: query[name] for name in names if name in query}


def _hidden_fields(page: requests.Response) -> dict[str, str]:
    """Return the form's hidden fields: the CSRF token and ``next``."""
    return {name: html.unescape(value) for name, value in HIDDEN.findall(page.text)}
