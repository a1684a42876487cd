"""A computer that shows a QR code, and the phones that scan it."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.visitor import TYPED, Page, Visitor

JSON = {"Accept": "application/json"}
SECOND = 1
FIVE_MINUTES = 300 * SECOND


class Phone(Visitor):
    """A phone's browser: goes where it is sent when it opens a link for the first time."""

    def get(self, path: Any, *args: Any, **kwargs: Any) -> Any:
        """Open the link, the second time with the cookie of the first."""
        response = super().get(path, *args, **kwargs)
        if response.status_code == 302 and response["Location"].endswith("?opened"):
            return super().get(self._path(response["Location"]), *args, **kwargs)
        return response


def offered(page: Any) -> str:
    """Return the path that the QR code on `page` leads to."""
    (section,) = Page(page).all("section")
    return section["data-plasgate-ip-screen"].partition("screen/")[0]


def screen_url(page: Any) -> str:
    """Return what the computer follows."""
    (section,) = Page(page).all("section")
    return section["data-plasgate-ip-screen"]


def followed(computer: Visitor, url: str) -> dict[str, str]:
    """Return what the script on the computer's page is told; `url` of the screen or of the QR."""
    url = url if "screen/" in url else f"{url}screen/"
    response = computer.get(url, headers=JSON)
    assert response.status_code == 200
    return response.json()


def code_on(computer: Visitor, url: str) -> str:
    """Return the two characters that the computer shows."""
    told = followed(computer, url)
    assert told["stage"] == "opened"
    return told["code"]


def choices(page: Any) -> list[str]:
    """Return what can be tapped on the phone."""
    return [button["value"] for button in Page(page).all("button") if button.get("name") == "code"]


def tap(phone: Visitor, page: Any, code: str, phone_number: str = TYPED) -> Any:
    """Type the number, where the page asks for it, and tap `code`."""
    asked = {"phone_number": phone_number} if "phone_number" in Page(page).fields else {}
    return phone.submit(page, code=code, **asked)


def hand_over(computer: Visitor, phone: Visitor, path: str, phone_number: str = TYPED) -> Any:
    """Scan the QR code, look at the computer, and tap what it shows."""
    page = phone.get(path)
    if page.status_code == 302:
        # To the same page, now with the cookie.
        page = phone.get(path)
    return tap(phone, page, code_on(computer, path), phone_number)


def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return what lets so many seconds pass, for signatures."""
    now = time.time()
    return lambda seconds: monkeypatch.setattr(time, "time", lambda: now + seconds)
