"""Visitors who come back within a second, and wait for a slow operator with few connections.

Beside it, the same visitors are served by a view that keeps its connection while it waits.
"""

import asyncio
import resource
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

from django.db import connection
from django.utils import timezone

from benchmarks.lines import Line
from benchmarks.options import Options
from benchmarks.provider import OPERATOR_SECONDS, RemoteProvider
from benchmarks.server import ASGI, GUNICORN, LONG, UVICORN, WSGI, Server, server
from benchmarks.site import NAME, Browser, callback_path, new_browsers, with_verifications
from django_plasgate_ip.models import PhoneVerification
from tests.visitor import MOBILE_ID, SUB

CONNECTIONS = 20
WORKERS = 2
# All visitors can wait at once, and some threads are left for the other pages.
THREADS = 600
# Each process has a pool of its own.
SERVERS = {
    "uvicorn, one process": ((*UVICORN, ASGI), CONNECTIONS),
    f"gunicorn, {WORKERS} workers of {THREADS} threads": (
        (*GUNICORN, f"--workers={WORKERS}", f"--threads={THREADS}", WSGI),
        CONNECTIONS // WORKERS,
    ),
}
CALLBACK, BY_HAND = "/phone/callback/", "/plain/callback/session/"
PAGE = "/members/"


@dataclass
class Seen:
    """What a run saw."""

    #: Seconds from the first visitor to the last answer.
    seconds: float = 0
    failures: int = 0
    #: The most connections to the database at one moment.
    connections: int = 0
    #: Bytes by which the server's processes grew.
    growth: int = 0
    #: Seconds of each visit to another page meanwhile.
    pages: list[float] = field(default_factory=list)


def lines(options: Options, provider: RemoteProvider) -> Iterator[Line]:
    """Yield the lines of each server."""
    _allow_many_files()
    for name, (command, pool) in SERVERS.items():
        run = partial(_run, options.visitors, provider, command, pool)
        yield from _lines(f"{options.visitors:,} visitors, {name}", run, options.visitors)


def _run(
    visitors: int,
    provider: RemoteProvider,
    command: tuple[str, ...],
    pool: int,
    kind: str,
    path: str = CALLBACK,
) -> Seen:
    variables = {"BENCH_POOL": str(pool), "PGAPPNAME": _SITE}
    with server(provider.base_url(kind), *command, **variables) as running:
        return _visited(running, visitors, path)


def _lines(what: str, run: Any, visitors: int) -> Iterator[Line]:
    at_once, slow = run("kept"), run("operator")
    waited, beside = slow.seconds - OPERATOR_SECONDS, "operator answers at once"
    yield Line(f"{what}: time but for the operator's", waited, "s", 1.5, beside, at_once.seconds)
    yield from _rest("operator is slow", slow, at_once, visitors)
    by_hand = run("operator", BY_HAND)
    yield Line("  a view by hand: time", by_hand.seconds, "s", None)
    yield Line("  a view by hand: failures", by_hand.failures, "", None)
    yield from _rest("operator hangs", run("hanging"), at_once, visitors)


def _rest(when: str, seen: Seen, at_once: Seen, visitors: int) -> Iterator[Line]:
    yield Line(f"  {when}: failures", seen.failures, "", 0)
    yield Line(f"  {when}: database connections", seen.connections, "", CONNECTIONS)
    yield Line(f"  {when}: memory of a visitor", seen.growth / visitors / 1024, "KiB", None)
    what, beside = f"  {when}: another page", "answers at once"
    yield Line(f"{what}, median", median(seen.pages), "s", None, beside, median(at_once.pages))
    yield Line(f"{what}, slowest", max(seen.pages), "s", None, beside, max(at_once.pages))


def _visited(running: Server, visitors: int, path: str) -> Seen:
    warm_up = with_verifications(new_browsers(2 * CONNECTIONS))
    browsers = with_verifications(new_browsers(visitors))
    (member,) = with_verifications(new_browsers(1))
    PhoneVerification.objects.filter(user=member.user).update(
        status="verified", completed_at=timezone.now(), sub=SUB, mobile_id=MOBILE_ID
    )
    seen, done = Seen(), threading.Event()
    asyncio.run(_visits(running.port, warm_up, path, member, Seen()))
    watching = threading.Thread(target=_watch, args=(running, seen, done))
    watching.start()
    asyncio.run(_visits(running.port, browsers, path, member, seen))
    done.set()
    watching.join()
    return seen


async def _visits(
    port: int, browsers: list[Browser], path: str, member: Browser, seen: Seen
) -> None:
    urls = [(browser, callback_path(browser, path)) for browser in browsers]

    async def visit(number: int) -> int:
        await asyncio.sleep(number / len(urls))
        return await _get(port, *urls[number])

    async def look() -> None:
        while True:
            began = time.monotonic()
            seen.failures += await _get(port, member, PAGE) != 200
            seen.pages.append(time.monotonic() - began)
            await asyncio.sleep(0.1)

    began = time.monotonic()
    looking = asyncio.create_task(look())
    statuses = await asyncio.gather(*map(visit, range(len(urls))))
    seen.seconds = time.monotonic() - began
    seen.failures += sum(status != 303 for status in statuses)
    looking.cancel()


async def _get(port: int, browser: Browser, url: str) -> int:
    """Return the status of the answer, or 0 if there is none."""
    try:
        return await asyncio.wait_for(_status(port, browser, url), LONG)
    except (OSError, IndexError, TimeoutError, asyncio.TimeoutError):
        return 0


async def _status(port: int, browser: Browser, url: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        head = (f"GET {url} HTTP/1.1", f"Host: {NAME}", f"Cookie: {browser.cookie}")
        writer.write("\r\n".join((*head, "Connection: close", "", "")).encode())
        return int((await reader.read()).split()[1])
    finally:
        writer.close()


_SITE = "plasgate-ip-bench"


def _watch(running: Server, seen: Seen, done: threading.Event) -> None:
    before = running.resident()
    while not done.wait(0.1):
        seen.connections = max(seen.connections, _connections())
        seen.growth = max(seen.growth, running.resident() - before)
    connection.close()


def _connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
            " AND datname = current_database()",
            [_SITE],
        )
        return int(cursor.fetchone()[0])


def _allow_many_files() -> None:
    """Raise the limit of open files, which the server inherits: it has two sockets a visitor."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
