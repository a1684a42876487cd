"""Threads and processes: connections to the provider, and callbacks while it is slow."""

import http.client
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection, connections
from django.test.utils import override_settings

from benchmarks.lines import Line
from benchmarks.options import Options
from benchmarks.provider import DELAY_SECONDS, RemoteProvider
from benchmarks.server import GUNICORN, LONG, WSGI, server
from benchmarks.site import NAME, Browser, Site, callback_path, new_browsers, with_verifications
from django_plasgate_ip.client import transport

THREADS = 16
WORKERS = 2
# Enough waiting clients to keep every thread of every worker busy.
CLIENTS = 4 * THREADS
# Longer than a request leaves a transaction idle, and shorter than the provider takes to answer.
IDLE_SECONDS = 0.25


def lines(options: Options, provider: RemoteProvider) -> Iterator[Line]:
    """Yield the lines of the connections, then those of two workers with a slow provider."""
    yield _in_this_process(options, provider)
    runserver = ("-m", "django", "runserver", "--noreload")
    yield _connections(options, provider, "under runserver", runserver, 0)
    forked = (*GUNICORN, "--preload", f"--threads={THREADS}", "benchmarks.forked:application")
    yield _connections(options, provider, "after a fork", forked, 1)
    yield from _slow(options, provider)


def _in_this_process(options: Options, provider: RemoteProvider) -> Line:
    site, browsers = Site(), with_verifications(new_browsers(options.callbacks))
    transport.forget_sessions()
    before = provider.connections("kept")

    def visit(mine: list[Browser]) -> None:
        for browser in mine:
            site.get(browser, callback_path(browser), expect=303)
        connections.close_all()

    base_url = override_settings(PLASGATE_IP_BASE_URL=provider.base_url("kept"))
    with base_url, ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(visit, (browsers[n::THREADS] for n in range(THREADS))))
    opened = provider.connections("kept") - before
    return Line(f"connections for {options.callbacks:,} callbacks", opened, "", THREADS)


def _connections(
    options: Options, provider: RemoteProvider, where: str, command: tuple[str, ...], parents: int
) -> Line:
    browsers = with_verifications(new_browsers(options.callbacks))
    before = provider.connections("kept")
    with server(provider.base_url("kept"), *command) as running:
        _visit(running.port, browsers, THREADS)
        opened = provider.connections("kept") - before - parents
    return Line(f"connections, {where}", opened, "", THREADS)


def _slow(options: Options, provider: RemoteProvider) -> Iterator[Line]:
    at_once = WORKERS * THREADS
    # Whole rounds of all threads, because some threads would be idle in a partial round.
    browsers = with_verifications(new_browsers(options.callbacks // at_once * at_once))
    ideal = at_once / DELAY_SECONDS
    command = (*GUNICORN, f"--workers={WORKERS}", f"--threads={THREADS}", WSGI)
    with server(provider.base_url("slow"), *command) as running:
        with _idle_seen() as idle:
            rate = _rate(running.port, browsers, "/phone/callback/")
        by_hand = _rate(running.port, with_verifications(browsers), "/plain/callback/session/")
    what = f"{WORKERS} workers of {THREADS} threads, provider takes {DELAY_SECONDS:g} s"
    yield Line(what, rate, "per second", None, "ideal", ideal)
    what = "  a view by hand, requests.Session"
    yield Line(what, by_hand, "per second", None, "ideal", ideal)
    yield Line("connections idle in a transaction", max(idle), "", 0)


def _rate(port: int, browsers: list[Browser], path: str) -> float:
    """Return the callbacks that a warm server answers per second."""
    _visit(port, with_verifications(new_browsers(WORKERS * THREADS)), CLIENTS, path)
    began = time.monotonic()
    _visit(port, browsers, CLIENTS, path)
    return len(browsers) / (time.monotonic() - began)


def _visit(
    port: int, browsers: list[Browser], clients: int, path: str = "/phone/callback/"
) -> None:
    with ThreadPoolExecutor(clients) as pool:
        statuses = list(pool.map(lambda browser: _get(port, browser, path), browsers))
    assert set(statuses) == {303}, set(statuses)


def _get(port: int, browser: Browser, path: str) -> int:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=LONG)
    try:
        client.request(
            "GET", callback_path(browser, path), headers={"Host": NAME, "Cookie": browser.cookie}
        )
        response = client.getresponse()
        response.read()
        return response.status
    finally:
        client.close()


@contextmanager
def _idle_seen() -> Iterator[list[int]]:
    """Yield a list to which a thread appends the number of connections idle in a transaction."""
    seen, done = [0], threading.Event()

    def look() -> None:
        while not done.wait(0.1):
            seen.append(_idle_in_transaction())
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def _idle_in_transaction() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state LIKE 'idle in transaction%%'"
            " AND clock_timestamp() - state_change > %s * interval '1 second'",
            [IDLE_SECONDS],
        )
        return int(cursor.fetchone()[0])
