"""A computer that shows a QR code, and the phones that scan it."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext

from tests.visitor import TYPED, Page, Visitor

JSON = {"Accept": "application/json"}
OTHER_TYPED = "012 345 678"
SECOND = 1
FIVE_MINUTES = 300 * SECOND


class Phone(Visitor):
    """A phone's browser, which follows the redirect of its first look at a link."""

    def get(self, path: Any, *args: Any, **kwargs: Any) -> Any:
        """Open `path`; where our cookie was set, open it again with the cookie."""
        response = super().get(path, *args, **kwargs)
        if response.status_code == 302 and response["Location"].endswith("?opened"):
            return super().get(self._path(response["Location"]), *args, **kwargs)
        return response


def offered(page: Any) -> str:
    """Return the path that the QR code on `page` leads to."""
    (section,) = Page(page).all("section")
    return section["data-plasgate-ip-screen"].partition("screen/")[0]


def token_of(path: str) -> str:
    """Return the token in a link's path."""
    return path.split("/on/")[1].strip("/")


def screen_url(page: Any) -> str:
    """Return the URL that the computer polls."""
    (section,) = Page(page).all("section")
    return section["data-plasgate-ip-screen"]


def followed(computer: Visitor, url: str) -> dict[str, str]:
    """Return the JSON that the computer's script gets; `url`: the screen's, or the link's path."""
    url = url if "screen/" in url else f"{url}screen/"
    response = computer.get(url, headers=JSON)
    assert response.status_code == 200
    return response.json()


def code_on(computer: Visitor, url: str) -> str:
    """Return the two characters that the computer shows."""
    answer = followed(computer, url)
    assert answer["stage"] == "opened"
    return answer["code"]


def choices(page: Any) -> list[str]:
    """Return the pairs of characters that can be tapped on the phone."""
    return [button["value"] for button in Page(page).all("button") if button.get("name") == "code"]


def tap(phone: Visitor, page: Any, code: str, phone_number: str = TYPED) -> Any:
    """Type the number, where the page asks for it, and tap `code`."""
    asked = {"phone_number": phone_number} if "phone_number" in Page(page).fields else {}
    return phone.submit(page, code=code, **asked)


def hand_over(computer: Visitor, phone: Visitor, path: str, phone_number: str = TYPED) -> Any:
    """Scan the QR code, look at the computer, and tap what it shows."""
    page = phone.get(path)
    return tap(phone, page, code_on(computer, path), phone_number)


def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that lets so many seconds pass, for signatures."""
    now = time.time()
    return lambda seconds: monkeypatch.setattr(time, "time", lambda: now + seconds)


def text(response: Any) -> str:
    return str(response.content.decode())


def svg(page: Any) -> str:
    """Return the one QR code on a page."""
    (found,) = re.findall(r"<svg.*?</svg>", text(page), re.DOTALL)
    return found


def statements(captured: CaptureQueriesContext) -> list[str]:
    """Return the SQL that was captured, without transactions and savepoints."""
    work = ("SELECT", "INSERT", "UPDATE", "DELETE")
    return [query["sql"] for query in captured if query["sql"].startswith(work)]
