"""What a start and a callback take, beside views that were written by hand."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings

from benchmarks.lines import Line, against, floor
from benchmarks.options import Options
from benchmarks.provider import RemoteProvider
from benchmarks.rounds import in_turn
from benchmarks.site import Browser, Site, callback_path, new_browsers, with_attempts
from django_plasgate_ip.client import transport

WARM_UP = 5
# Seconds in which the news arrives that the provider has closed the connection.
PAUSES = {"kept": 0.0, "closing": 0.01}
ALL_LIMITS: dict[str, int | None] = {
    "PLASGATE_IP_MAX_STARTS_PER_NUMBER": 10,
    "PLASGATE_IP_MAX_STARTS_PER_USER": 20,
    "PLASGATE_IP_MAX_STARTS_PER_ADDRESS": 1_000,
    "PLASGATE_IP_MAX_STARTS_PER_SITE": 10_000,
}
_VIEWS = {
    "post": "requests.post",
    "session": "requests.Session",
    "context": "a new connection, the bundle read once",
}
_TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


def lines(options: Options, provider: RemoteProvider) -> Iterator[Line]:
    """Yield the lines of the start, of the callback, and of their queries."""
    yield from _start(options)
    yield from _callback(options, provider, "kept", ("post", "session"), 0.25)
    yield from _callback(options, provider, "kept", ("session",), 1.15)
    yield from _callback(options, provider, "closing", ("post", "context"), 0.35)
    with override_settings(PLASGATE_IP_BASE_URL=provider.base_url("kept")):
        yield from queries()


def _start(options: Options) -> Iterator[Line]:
    site = Site()

    def starts(path: str) -> Callable[[], Any]:
        browsers = iter(new_browsers(options.rounds + WARM_UP))

        def start() -> None:
            browser = next(browsers)
            site.post(browser, path, phone_number=browser.number)

        return start

    contestants = {
        "here": starts("/phone/"),
        "reference": starts("/plain/start/"),
        "floor": starts("/plain/start/checked/"),
    }
    times = in_turn(options.rounds, contestants, WARM_UP)
    yield against("start", times, 1.25, "by hand")
    yield floor("by hand, with a form, and the two limits counted", times, "by hand")


def _callback(
    options: Options, provider: RemoteProvider, kind: str, plain: tuple[str, ...], goal: float
) -> Iterator[Line]:
    """Yield our line beside the first of the `plain` views; and the second's, as its floor."""
    site = Site()

    def callbacks(path: str) -> Callable[[], Any]:
        urls = iter(
            (browser, callback_path(browser, path))
            for browser in with_attempts(new_browsers(options.rounds + WARM_UP))
        )
        return lambda: site.get(*next(urls), expect=302)

    contestants = {"here": callbacks("/phone/callback/")}
    for name, view in zip(("reference", "floor"), plain, strict=False):
        contestants[name] = callbacks(f"/plain/callback/{view}/")
    transport._sessions.forget()
    with override_settings(PLASGATE_IP_BASE_URL=provider.base_url(kind)):
        times = in_turn(options.rounds, contestants, WARM_UP, PAUSES[kind])
    what = "callback" if kind == "kept" else "callback, its kept connection gone"
    yield against(what, times, goal, _VIEWS[plain[0]])
    if "floor" in times:
        yield floor(f"by hand, {_VIEWS[plain[1]]}", times, _VIEWS[plain[0]])


def queries() -> Iterator[Line]:
    """Yield how many statements each step takes; fails where they are more than promised."""
    with override_settings(**ALL_LIMITS):
        for what, most, count in (
            ("start: queries, all limits set", 5, _first_start),
            ("start again: queries, all limits set", 6, _second_start),
            ("callback: queries", 7, _one_callback),
        ):
            line = Line(what, count(), "", most)
            assert line.verdict == "met", line
            yield line


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
    (browser,) = with_attempts(new_browsers(1))
    return _counted(lambda: Site().get(browser, callback_path(browser), expect=302))
