"""Visitors: each is a Chromium context with its own cookies and screen."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, expect

from tests.browser.site import Site

PHONE = {
    "viewport": {"width": 360, "height": 640},
    "has_touch": True,
    "is_mobile": True,
    "user_agent": "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Mobile Safari/537.36",
}
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PASSWORD = "tuk-tuk-tonle-sap"
# Milliseconds; longer than any step takes that does not hang.
PATIENCE = 15_000

# The sandbox's numbers, as they are typed.
VERIFIED = "077 696 118"
ON_WIFI = "077 696 119"
SERVER_ERROR = "077 696 123"
NEVER_COMES_BACK = "077 696 126"

LANGUAGES = {"en": "en-US", "km": "km-KH"}
_names = count(1)


def press(page: Page, button: str) -> None:
    """Press "back" or "forward".

    Not `page.go_back`: it waits for a load, and a restored page has none.
    """
    # Later: Playwright raises an error if the page is gone before the script returns.
    page.evaluate(f"setTimeout(() => history.{button}(), 50)")


def expect_heading(page: Page, text: str) -> None:
    """Wait until `page` has this heading."""
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


class Person:
    """A visitor of a site with a `screen` (`PHONE` or `DESKTOP`), and their first tab."""

    def __init__(
        self,
        chromium: Browser,
        site: Site,
        screen: dict[str, Any] = PHONE,
        language: str = "en",
        scripts: bool = True,
    ) -> None:
        self.site = site
        self._arrive = partial(Person, chromium, site, language=language)
        self._others: list[Person] = []
        self.context: Any = chromium.new_context(
            base_url=site.origin,
            locale=LANGUAGES[language],
            java_script_enabled=scripts,
            reduced_motion="no-preference",
            **screen,
        )
        self.context.set_default_timeout(PATIENCE)
        self.violations: list[str] = []
        self.requests: list[Request] = []
        self.responses: list[Response] = []
        self.context.on("console", self._note)
        self.context.on("request", lambda request: self.requests.append(request))
        self.context.on("response", lambda response: self.responses.append(response))
        self.page: Page = self.context.new_page()
        self.name = f"visitor{next(_names)}"

    def _note(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.violations.append(message.text)

    def leave(self) -> None:
        """Close every tab, also on the other screens."""
        for other in self._others:
            other.leave()
        self.context.close()

    def beside(self, screen: dict[str, Any]) -> Person:
        """Return another device at the same site, of this visitor or of somebody else."""
        self._others.append(self._arrive(screen))
        return self._others[-1]

    def sign_up(self) -> None:
        """Sign up for the example's members' page, which redirects to the start page."""
        self.page.goto("/members/")
        self.page.click("main a[href*=signup]")
        self.page.fill("[name=username]", self.name)
        self.page.fill("[name=password1]", PASSWORD)
        self.page.fill("[name=password2]", PASSWORD)
        self.page.click("main button[type=submit]")

    def enter(self, path: str = "/phone/") -> None:
        """Open a page of the app; the example requires an account for that."""
        if self.site.has_accounts:
            self.sign_up()
        self.page.goto(path)

    def start(self, number: str, *, path: str = "/phone/?again=1") -> None:
        """Open the start page, type `number` and press the button."""
        self.page.goto(path)
        if (device := self.page.locator("summary")).is_visible():
            device.click()  # the form of a computer
        self.page.fill("[name=phone_number]", number)
        self.page.click(".plasgate-ip button[type=submit]")

    def start_by_script(self, number: str) -> Any:
        """Start as a script does; return the JSON with ``authorize_url`` and ``detail_url``."""
        token = next(c["value"] for c in self.context.cookies() if c["name"] == "csrftoken")
        response = self.context.request.post(
            "/phone/",
            form={"phone_number": number},
            headers={"Accept": "application/json", "X-CSRFToken": token},
        )
        return response.json()

    def posts(self, path: str = "/phone/") -> int:
        """Return how many forms the browser has sent to `path`."""
        url = f"{self.site.origin}{path}"
        return sum(r.method == "POST" and r.url == url for r in self.requests)
