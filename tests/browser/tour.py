"""Every page that a visitor can see, and how to open it."""

from collections.abc import Callable
from typing import Any

from tests.browser import handoffs
from tests.browser.people import (
    DESKTOP,
    NEVER_COMES_BACK,
    ON_WIFI,
    PHONE,
    SERVER_ERROR,
    VERIFIED,
    Person,
)

# PLASGATE_IP_MAX_STARTS_PER_USER of the example.
STARTS = 5


def _opened(path: str) -> Callable[[Person], object]:
    return lambda person: person.page.goto(path)


def _entered(url_for: Callable[[Person], str]) -> Callable[[Person], None]:
    def enter(person: Person) -> None:
        person.enter()
        person.page.goto(url_for(person))

    return enter


def _members(person: Person) -> None:
    person.sign_up()
    person.start(VERIFIED, path="/phone/?next=/members/")
    person.page.wait_for_url("**/members/")


def _already_verified(person: Person) -> None:
    _members(person)
    person.page.goto("/phone/")


def _mistake(person: Person) -> None:
    person.enter()
    person.start("077")
    person.page.wait_for_selector("[aria-invalid]")


def _too_many(person: Person) -> None:
    person.enter()
    for _ in range(STARTS):
        person.start_by_script(VERIFIED)
    person.start(VERIFIED)
    person.page.wait_for_selector("[role=alert]")


def _continue(person: Person) -> None:
    person.enter()
    # At an answer without content, the browser stays on the page.
    person.context.route("**/sandbox/authenticate?*", lambda route: route.fulfill(status=204))
    person.start(VERIFIED)
    person.page.wait_for_selector(".plasgate-ip a")


def _ended(number: str) -> Callable[[Person], None]:
    def end(person: Person) -> None:
        person.enter()
        person.start(number)
        person.page.wait_for_url("**/phone/*-*/")

    return end


_start = _entered(lambda person: "/phone/")
_operator = _entered(lambda person: person.start_by_script(NEVER_COMES_BACK)["authorize_url"])
_waiting = _entered(lambda person: person.start_by_script(VERIFIED)["detail_url"])
_not_found = _entered(lambda person: "/phone/0b5f6d3e-0000-4000-8000-000000000000/")
_invalid_callback = _entered(lambda person: "/phone/callback/?code=1&state=2")


def _code_shown(computer: Person) -> None:
    _start(computer)
    handoffs.scan(computer, computer.beside(PHONE))
    handoffs.code_on(computer)


def _computer_beside(phone: Person) -> Person:
    """Return a computer that shows a code."""
    computer = phone.beside(DESKTOP)
    _start(computer)
    return computer


def _choices(phone: Person) -> Person:
    computer = _computer_beside(phone)
    handoffs.scan(computer, phone)
    return computer


def _choices_again(phone: Person) -> None:
    computer = _choices(phone)
    handoffs.tap(phone, handoffs.told_code(computer), "077")
    phone.page.wait_for_selector("[aria-invalid]")


def _refused(phone: Person) -> None:
    computer = _computer_beside(phone)
    handoffs.scan(computer, phone.beside(PHONE))
    handoffs.scan(computer, phone)


def _no_cookies(phone: Person) -> None:
    computer = _computer_beside(phone)
    # A browser that was redirected to set a cookie, and returns without it.
    phone.page.goto(handoffs.offered(computer).partition("screen/")[0] + "?opened")


def _carried(number: str) -> Callable[[Person], None]:
    def carry(phone: Person) -> None:
        computer = _choices(phone)
        handoffs.tap(phone, handoffs.told_code(computer), number)
        phone.page.wait_for_url("**/phone/*-*/")

    return carry


def _screen(is_opened: bool) -> Callable[[Person], None]:
    def look(computer: Person) -> None:
        _start(computer)
        screen = handoffs.offered(computer)
        if is_opened:
            handoffs.scan(computer, computer.beside(PHONE))
        computer.context.route("**/screen/*", _stay)
        computer.page.goto(screen)

    return look


def _stay(route: Any) -> None:
    """Answer with the page, without the header that would reload it."""
    response = route.fetch()
    headers = {name: text for name, text in response.headers.items() if name != "refresh"}
    route.fulfill(response=response, headers=headers)


EXAMPLE: dict[str, Callable[[Person], object]] = {
    "home": _opened("/"),
    "login": _opened("/accounts/login/"),
    "signup": _opened("/accounts/signup/"),
    "members": _members,
    "start": _start,
    "mistake": _mistake,
    "too many": _too_many,
    "operator": _operator,
    "waiting": _waiting,
    "verified": _ended(VERIFIED),
    "not on mobile data": _ended(ON_WIFI),
    "server error": _ended(SERVER_ERROR),
    "invalid callback": _invalid_callback,
    "already verified": _already_verified,
    "not found": _not_found,
    "choices": _choices,
    "choices, mistake": _choices_again,
    "refused": _refused,
    "refused, no cookies": _no_cookies,
    "carried": _carried(VERIFIED),
    "carried, not on mobile data": _carried(ON_WIFI),
}
# Pages on a computer.
COMPUTER = {
    "start with code": _start,
    "mistake with code": _mistake,
    "start, code opened": _code_shown,
    "not on mobile data with code": _ended(ON_WIFI),
    "screen, waiting": _screen(is_opened=False),
    "screen, opened": _screen(is_opened=True),
}
BARE_COMPUTER = {"start with code": _start, "not on mobile data with code": _ended(ON_WIFI)}
BARE = {
    "start": _start,
    "mistake": _mistake,
    "continue": _continue,
    "choices": _choices,
    "waiting": _waiting,
    "verified": _ended(VERIFIED),
    "not on mobile data": _ended(ON_WIFI),
    "invalid callback": _invalid_callback,
}
