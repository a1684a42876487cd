"""The time of a start and a callback, and of hand-written views for comparison."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings

from benchmarks.lines import Line, against
from benchmarks.options import Options
from benchmarks.provider import RemoteProvider
from benchmarks.rounds import in_turn
from benchmarks.site import Browser, Site, callback_path, new_browsers, with_verifications
from django_plasgate_ip.client import transport

WARM_UP = 5
# A worker of a site answers one request after the other. The view with `requests.post` reads all
# certificates of the bundle for each of its calls.
IN_A_ROW = 20
MOST_QUERIES = 8
ALL_LIMITS: dict[str, int | None] = {
    "PLASGATE_IP_MAX_STARTS_PER_NUMBER": 10,
    "PLASGATE_IP_MAX_STARTS_PER_USER": 20,
    "PLASGATE_IP_MAX_STARTS_PER_ADDRESS": 1_000,
    "PLASGATE_IP_MAX_STARTS_PER_SITE": 10_000,
}
_VIEWS = {"post": "requests.post", "session": "requests.Session"}
_TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


def lines(options: Options, provider: RemoteProvider) -> Iterator[Line]:
    """Yield the lines of the start, of the callback, and of their queries."""
    yield _start(options)
    yield _callback(options, provider, "post", goal=0.3)
    yield _callback(options, provider, "session", goal=None)
    with override_settings(PLASGATE_IP_BASE_URL=provider.base_url("kept")):
        yield from queries()


def _start(options: Options) -> Line:
    site = Site()

    def starts(path: str) -> Callable[[], Any]:
        browsers = iter(new_browsers(options.rounds + WARM_UP))

        def start() -> None:
            browser = next(browsers)
            site.post(browser, path, phone_number=browser.number)

        return start

    contestants = {"here": starts("/phone/"), "reference": starts("/plain/start/")}
    times = in_turn(options.rounds, contestants, WARM_UP, IN_A_ROW)
    return against("start", times, 2, "a bare view")


def _callback(options: Options, provider: RemoteProvider, view: str, goal: float | None) -> Line:
    site = Site()

    def callbacks(path: str) -> Callable[[], Any]:
        urls = iter(
            (browser, callback_path(browser, path))
            for browser in with_verifications(new_browsers(options.rounds + WARM_UP))
        )
        return lambda: site.get(*next(urls), expect=303)

    contestants = {
        "here": callbacks("/phone/callback/"),
        "reference": callbacks(f"/plain/callback/{view}/"),
    }
    transport.forget_sessions()
    with override_settings(PLASGATE_IP_BASE_URL=provider.base_url("kept")):
        times = in_turn(options.rounds, contestants, WARM_UP, IN_A_ROW)
    return against("callback", times, goal, _VIEWS[view])


def queries() -> Iterator[Line]:
    """Yield the number of queries of each step. Raises AssertionError above `MOST_QUERIES`."""
    for what, count in (
        ("start: queries", _first_start),
        ("start again: queries", _second_start),
        ("callback: queries", _one_callback),
    ):
        line = Line(what, count(), "", MOST_QUERIES)
        assert line.verdict == "met", line
        yield line
    with override_settings(**ALL_LIMITS):
        yield Line("start: queries, all limits set", _first_start(), "", None)


def _counted(act: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as captured:
        act()
    return sum(not each["sql"].startswith(_TRANSACTION) for each in captured.captured_queries)


def _start_of(browser: Browser) -> Callable[[], Any]:
    return lambda: Site().post(browser, "/phone/", phone_number=browser.number)


def _first_start() -> int:
    (browser,) = new_browsers(1)
    return _counted(_start_of(browser))


def _second_start() -> int:
    (browser,) = new_browsers(1)
    _start_of(browser)()
    return _counted(_start_of(browser))


def _one_callback() -> int:
    (browser,) = with_verifications(new_browsers(1))
    return _counted(lambda: Site().get(browser, callback_path(browser), expect=303))
