"""Every page that a visitor can see, and how to open it."""

from collections.abc import Callable
from typing import Any

from tests.browser import handoffs, people
from tests.browser.people import DESKTOP, ON_WIFI, PHONE, VERIFIED, Person


def _entered(url_for: Callable[[Person], str]) -> Callable[[Person], None]:
    def enter(person: Person) -> None:
        person.enter()
        person.page.goto(url_for(person))

    return enter


def _started(number: str, shown: str) -> Callable[[Person], None]:
    def start(person: Person) -> None:
        person.enter()
        person.start(number)
        person.page.wait_for_selector(shown)

    return start


def _verified(path: str) -> Callable[[Person], None]:
    def visit(person: Person) -> None:
        BOTH["verified"](person)
        person.page.goto(path)

    return visit


def _too_many(person: Person) -> None:
    person.enter()
    for _ in range(5):  # the example's PLASGATE_IP_MAX_STARTS_PER_USER
        person.start_by_script(VERIFIED)
    person.start(VERIFIED)
    person.page.wait_for_selector("[role=alert]")


def _continue(person: Person) -> None:
    person.enter()
    # At an answer without content, the browser stays on the page.
    person.context.route("**/sandbox/authenticate?*", lambda route: route.fulfill(status=204))
    person.start(VERIFIED)
    person.page.wait_for_selector(".plasgate-ip a")


def _code_shown(computer: Person) -> None:
    computer.enter()
    handoffs.scan(computer, computer.beside(PHONE))
    handoffs.code_on(computer)


def _screen(computer: Person) -> None:
    _code_shown(computer)
    screen = handoffs.offered(computer)
    computer.context.route("**/screen/*", _stay)
    computer.page.goto(screen)


def _stay(route: Any) -> None:
    """Answer with the page, without the header that would reload it."""
    response = route.fetch()
    headers = {name: text for name, text in response.headers.items() if name != "refresh"}
    route.fulfill(response=response, headers=headers)


def _choices(phone: Person) -> Person:
    """Scan the code of a computer, which is returned."""
    computer = phone.beside(DESKTOP)
    computer.enter()
    handoffs.scan(computer, phone)
    return computer


def _tapped(number: str, shown: str) -> Callable[[Person], None]:
    def tap(phone: Person) -> None:
        computer = _choices(phone)
        handoffs.tap(phone, handoffs.told_code(computer), number)
        phone.page.wait_for_selector(shown)

    return tap


def _refused(phone: Person) -> None:
    computer = _choices(phone.beside(PHONE))
    handoffs.scan(computer, phone)


def _no_cookies(phone: Person) -> None:
    computer = phone.beside(DESKTOP)
    computer.enter()
    # A browser that was redirected to set a cookie, and returns without it.
    phone.page.goto(f"{handoffs.link(computer)}?opened")


MISTAKE, GOOD, BAD = "[aria-invalid]", ".plasgate-ip-good", ".plasgate-ip-bad"
# Pages of both sites.
BOTH: dict[str, Callable[[Person], object]] = {
    "start": Person.enter,
    "mistake": _started("077", MISTAKE),
    "waiting": _entered(lambda person: person.start_by_script(VERIFIED)["detail_url"]),
    "verified": _started(VERIFIED, GOOD),
    "not on mobile data": _started(ON_WIFI, BAD),
    "invalid callback": _entered(lambda person: "/phone/callback/?code=1&state=2"),
    "choices": _choices,
}
EXAMPLE = {
    **BOTH,
    "home": lambda person: person.page.goto("/"),
    "login": lambda person: person.page.goto("/accounts/login/"),
    "signup": lambda person: person.page.goto("/accounts/signup/"),
    "members": _verified("/members/"),
    "too many": _too_many,
    "operator": _entered(
        lambda person: person.start_by_script(people.NEVER_COMES_BACK)["authorize_url"]
    ),
    "server error": _started(people.SERVER_ERROR, BAD),
    "already verified": _verified("/phone/"),
    "not found": _entered(lambda person: "/phone/0b5f6d3e-0000-4000-8000-000000000000/"),
    "choices, mistake": _tapped("077", MISTAKE),
    "refused": _refused,
    "refused, no cookies": _no_cookies,
    "carried": _tapped(VERIFIED, GOOD),
    "carried, not on mobile data": _tapped(ON_WIFI, BAD),
}
BARE = {**BOTH, "continue": _continue}
# Pages on a computer.
BARE_COMPUTER = {"start with code": BARE["start"], "failed with code": BARE["not on mobile data"]}
COMPUTER = {
    **BARE_COMPUTER,
    "mistake with code": BARE["mistake"],
    "start, code opened": _code_shown,
    "screen": _screen,
}
