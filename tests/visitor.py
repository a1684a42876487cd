"""A visitor's browser, requests of a site's own views, and PlasGate's usual answers."""

from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import Client, RequestFactory

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.sandbox import answers

TYPED = "077 696 118"
DIGITS = answers.DIGITS
NUMBER = f"+{DIGITS}"
MASKED = "+855 77 *** *18"

CODE = (
    "bb245885-3221-4da7-8b0a-2d352cd906e9.842b5f93-2c70-4df3-930e-d7cd42516c31."
    "e2ac8f37-5d48-468e-b449-aa911c2ce52a"
)
SESSION_STATE = CODE.split(".")[1]
STATE = "ea736ff8-dc4d-4ee6-84d4-ebf3948be724"
SUB = answers.sub(DIGITS)
MOBILE_ID = answers.mobile_id(DIGITS)
PROFILE = answers.PROFILE
# It must be the same in each process of a run.
SID = {"sid": "fcf393ab-2555-46e1-8fa8-61b076b60918"}
VERIFIED = answers.success(DIGITS, ["mobile_id", "phone_verify"]) | SID
FAILED = answers.failure(DIGITS, answers.NOT_ON_MOBILE_DATA) | SID
changed = answers.changed


class Page(HTMLParser):
    """The parts of a page that a visitor can use."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.form: dict[str, str] | None = None
        self.fields: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._link: str | None = None
        self.feed(response.content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        if tag == "form":
            self.form = attributes
        elif tag == "input" and "name" in attributes:
            self.fields[attributes["name"]] = attributes.get("value", "")
        elif tag == "a":
            self._link = attributes["href"]

    def handle_data(self, data: str) -> None:
        if self._link is not None:
            self.links[data.strip()] = self._link
            self._link = None

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


class Visitor(Client):
    """A browser that fills in the site's forms and follows PlasGate's redirect, with CSRF on."""

    #: The URL at PlasGate to which the last start redirected this browser.
    authorize_url = ""

    def __init__(self, **defaults: Any) -> None:
        super().__init__(enforce_csrf_checks=True, **defaults)

    def submit(self, page: Any, **typed: str) -> Any:
        """Fill in the form on `page` and send it."""
        seen = Page(page)
        assert seen.form is not None
        action = self._path(seen.form.get("action", page.request["PATH_INFO"]))
        response = self.post(action, seen.fields | typed)
        if response.status_code == 302 and "/authenticate?" in response["Location"]:
            self.authorize_url = response["Location"]
        return response

    def start(self, phone_number: str = TYPED, *, next: str = "", path: str = "/phone/") -> Any:
        """Open the start page's form, with `next` in its query, and send it."""
        query = urlencode({"again": "1"} | ({"next": next} if next else {}))
        page = self.get(f"{path}{'&' if '?' in path else '?'}{query}")
        typed = {"phone_number": phone_number} if "phone_number" in Page(page).fields else {}
        return self.submit(page, **typed)

    @property
    def sent(self) -> dict[str, str]:
        """The query that the browser took to PlasGate."""
        return dict(parse_qsl(urlsplit(self.authorize_url).query, keep_blank_values=True))

    def callback_url(self, **changes: Any) -> str:
        """Return the callback's URL, with `changes` to its query.

        None omits a parameter, a list repeats it.
        """
        uri = urlsplit(self.sent["redirect_uri"])
        ours = dict(parse_qsl(uri.query))
        theirs = answers.callback(
            CODE,
            STATE,
            private_key=self.sent["private_key"],
            redirect_uri=self.sent["redirect_uri"],
        )
        query = urlencode(changed(ours | theirs, changes), doseq=True)
        return f"{self._path(uri.path)}?{query}"

    def come_back(self, **changes: Any) -> Any:
        """Open the callback, as PlasGate's redirect does; `changes` as for `callback_url`."""
        return self.get(self.callback_url(**changes))

    def verify(self, phone_number: str = TYPED, **kwargs: Any) -> Any:
        """Start, and come back with a code."""
        self.start(phone_number, **kwargs)
        return self.come_back()

    def other_tab(self) -> "Visitor":
        """Return another tab of this browser, with the same cookies."""
        tab = Visitor()
        tab.cookies = self.cookies
        tab.authorize_url = self.authorize_url
        return tab

    def _path(self, path: str) -> str:
        """Return the path without the prefix that the server in front of Django removes."""
        return path.removeprefix(settings.FORCE_SCRIPT_NAME or "")


def request_of(user: Any = None, session: Any = None, **query: str) -> HttpRequest:
    """Return a request as a view of the site gets it."""
    request = RequestFactory().get("/sites-own/", query)
    request.session = SessionStore() if session is None else session
    request.user = user or AnonymousUser()
    return request


def came_back(request: HttpRequest, **changes: Any) -> HttpRequest:
    """Return the same browser's request for the callback, with `changes` to its query."""
    query = changed({"code": CODE, "state": STATE}, changes)
    return request_of(request.user, request.session, **query)


def newest() -> PhoneVerification:
    """Return the newest verification, as it is stored."""
    return PhoneVerification.objects.latest("created_at")


def outcome() -> tuple[str, str]:
    """Return the status and the reason of the newest verification."""
    verification = newest()
    return verification.status, verification.reason
