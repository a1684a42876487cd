"""A computer that shows a QR code, and the phones that scan it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest

from django_plasgate_ip.handoff import tokens
from django_plasgate_ip.handoff.errors import HandoffRefused, Refusal
from django_plasgate_ip.handoff.tokens import Token
from django_plasgate_ip.verification import browser_session
from tests import visitor
from tests.visitor import TYPED, Page, Visitor

FIVE_MINUTES = 300  # in seconds


class Phone(Visitor):
    """A phone's browser, which follows the redirect that sets the session cookie."""

    def get(self, path: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().get(path, *args, **kwargs)
        if response.status_code == 302 and response["Location"].endswith("?opened"):
            return super().get(self._path(response["Location"]), *args, **kwargs)
        return response


def request_of(user: Any = None) -> HttpRequest:
    """Return a request with a session of its own, which has an id."""
    request = visitor.request_of(user)
    browser_session.get_or_create_session_id(request)
    return request


def new_token(computer: HttpRequest) -> Token:
    return tokens.read(tokens.issue(computer))


def refused(act: Callable[..., Any], *args: Any) -> Refusal:
    """Return the reason why `act` refuses these arguments."""
    with pytest.raises(HandoffRefused) as caught:
        act(*args)
    return caught.value.reason


def screen_url(page: Any) -> str:
    """Return the URL that the computer polls."""
    (link,) = [a for a in Page(page).all("a") if "data-plasgate-ip-screen" in a]
    return link["href"]


def offered(page: Any) -> str:
    """Return the path of the link in the QR code on `page`."""
    return screen_url(page).partition("screen/")[0]


def followed(computer: Visitor, url: str) -> dict[str, str]:
    """Return the JSON for the computer's script; `url`: the screen's, or the link's path."""
    url = url if "screen/" in url else f"{url}screen/"
    response = computer.get(url, headers={"Accept": "application/json"})
    assert response.status_code == 200
    return response.json()


def code_on(computer: Visitor, url: str) -> str:
    """Return the two characters that the computer shows."""
    answer = followed(computer, url)
    assert answer["stage"] == "opened"
    return answer["code"]


def choices(page: Any) -> list[str]:
    """Return the pairs of characters on the phone."""
    return [button["value"] for button in Page(page).all("button") if button.get("name") == "code"]


def tap(phone: Visitor, page: Any, code: str, phone_number: str = TYPED) -> Any:
    """Type the number, where the page asks for it, and tap `code`."""
    asked = {"phone_number": phone_number} if "phone_number" in Page(page).fields else {}
    return phone.submit(page, code=code, **asked)


def hand_over(computer: Visitor, phone: Visitor, path: str, phone_number: str = TYPED) -> Any:
    """Scan the QR code, look at the computer, and tap the code that it shows."""
    page = phone.get(path)
    return tap(phone, page, code_on(computer, path), phone_number)


def text(response: Any) -> str:
    return str(response.content.decode())
