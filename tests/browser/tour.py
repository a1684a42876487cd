"""Every page that a visitor can meet, and how to get there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.people import NEVER_COMES_BACK, ON_WIFI, SERVER_ERROR, VERIFIED

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.people import Person

# What the settings of the example's site allow an account in an hour.
STARTS = 5


def _home(person: Person) -> None:
    person.page.goto("/")


def _login(person: Person) -> None:
    person.page.goto("/accounts/login/")


def _signup(person: Person) -> None:
    person.page.goto("/accounts/signup/")


def _members(person: Person) -> None:
    person.sign_up()
    person.start(VERIFIED, path="/phone/?next=/members/")
    person.page.wait_for_url("**/members/")


def _start(person: Person) -> None:
    person.enter()
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
    # The operator is slow; until it answers, the browser stays where it is.
    person.context.route("**/sandbox/authenticate?*", lambda route: route.fulfill(status=204))
    person.start(VERIFIED)
    person.page.wait_for_selector(".plasgate-ip a")


def _operator(person: Person) -> None:
    person.enter()
    person.page.goto(person.start_by_script(NEVER_COMES_BACK)["authorize_url"])


def _waiting(person: Person) -> None:
    person.enter()
    person.page.goto(person.start_by_script(VERIFIED)["detail_url"])


def _ended(number: str) -> Callable[[Person], None]:
    def end(person: Person) -> None:
        person.enter()
        person.start(number)
        person.page.wait_for_url("**/phone/*-*/")

    return end


def _invalid_callback(person: Person) -> None:
    person.enter()
    person.page.goto("/phone/callback/?code=1&state=2")


EXAMPLE: dict[str, Callable[[Person], None]] = {
    "home": _home,
    "login": _login,
    "signup": _signup,
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
}
BARE = {
    "start": _start,
    "mistake": _mistake,
    "continue": _continue,
    "waiting": _waiting,
    "verified": _ended(VERIFIED),
    "not on mobile data": _ended(ON_WIFI),
    "invalid callback": _invalid_callback,
}
