"""What grows with the table, and what must not: the same question at many rows and at few."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.db.models import F
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils import timezone

from benchmarks.lines import Line, against, floor
from benchmarks.options import Options
from benchmarks.rounds import in_turn
from benchmarks.site import REMOTE, Browser, Site, browser_of, new_browsers
from benchmarks.sizes import use
from benchmarks.web import ALL_LIMITS
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification.limits import address_of

SAMPLE = 50
CHANGELIST = "/admin/django_plasgate_ip/phoneverification/"
SUMMARY = "django_plasgate_ip.admin.statistics"
Question = Callable[["Table"], Any]
Limits = dict[str, int | None]


@dataclass(frozen=True)
class Table:
    """The table of one size, some of its verified rows, and who asks."""

    alias: str
    rows: list[PhoneVerification]
    staff: Browser
    visitors: list[Browser]

    def row(self) -> PhoneVerification:
        """Return any of the rows."""
        return random.choice(self.rows)  # noqa: S311


def lines(options: Options) -> Iterator[Line]:
    """Yield the lines of the model's questions, of the admin's, and of the limits."""
    _let_a_day_pass()
    large, small = _table("default"), _table("small")
    for what, goal, question in _QUESTIONS:
        rounds = options.rounds if goal == _MODEL else max(options.rounds // 5, 3)
        yield from _line(what, goal, question, large, small, rounds)
    yield from _limits(options, large)


def _let_a_day_pass() -> None:
    """Take what the run has started so far out of the hour that limits count."""
    recent = PhoneVerification.objects.filter(created_at__gt=timezone.now() - timedelta(days=1))
    recent.update(created_at=F("created_at") - timedelta(days=1))
    with connections["default"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _table(alias: str) -> Table:
    with use(alias):
        # By the primary key, which is random.
        verified = PhoneVerification.objects.verified().select_related("user").order_by("pk")
        rows = list(verified[:SAMPLE])
        (staff,) = new_browsers(1, is_staff=True, is_superuser=True)
        return Table(alias, rows, staff, [browser_of(row.user) for row in rows if row.user])


def _line(
    what: str, goal: float, question: Question, large: Table, small: Table, rounds: int
) -> Iterator[Line]:
    def at(table: Table) -> Callable[[], Any]:
        def ask() -> None:
            with use(table.alias):
                question(table)

        return ask

    asked = {"here": at(large), "reference": at(small)}
    counts = {name: _queries(table, asked[name]) for name, table in _named(large, small)}
    assert counts["here"][0] == counts["reference"][0], (what, counts)
    counting = [sql for _count, found in counts.values() for sql in found if "COUNT(*)" in sql]
    # The summary's sample is limited.
    assert all("FROM sample" in sql for sql in counting), (what, counting)
    times = in_turn(rounds, asked)
    yield against(f"{what} ({counts['here'][0]} queries)", times, goal, "small table")


def _named(large: Table, small: Table) -> tuple[tuple[str, Table], ...]:
    return (("here", large), ("reference", small))


def _queries(table: Table, act: Callable[[], Any]) -> tuple[int, list[str]]:
    act()  # caches of the first time
    # But not the summary, which is there only if the same row was asked about by chance.
    cache.clear()
    with CaptureQueriesContext(connections[table.alias]) as captured:
        act()
    statements = [each["sql"] for each in captured.captured_queries]
    return len(statements), statements


def _list(query: Callable[[Table], str]) -> Question:
    site = Site()
    return lambda table: site.get(table.staff, CHANGELIST + query(table))


def _member(table: Table) -> None:
    Site().get(random.choice(table.visitors), "/members/")  # noqa: S311


def _summary(table: Table) -> None:
    cache.clear()
    import_module(SUMMARY).summarise(PhoneVerification.objects.all())


_MODEL, _ADMIN = 1.3, 1.5
_objects = PhoneVerification.objects
_QUESTIONS: list[tuple[str, float, Question]] = [
    ("is_verified", _MODEL, lambda table: _objects.is_verified(table.row().user)),
    (
        "is_verified, of a number",
        _MODEL,
        lambda table: _objects.is_verified(table.row().user, table.row().phone_number),
    ),
    ("latest_for", _MODEL, lambda table: _objects.latest_for(table.row().user)),
    (
        "verified().latest_for",
        _MODEL,
        lambda table: _objects.verified().latest_for(table.row().user),
    ),
    ("phone_verified_required", _MODEL, _member),
    ("admin: list", _ADMIN, _list(lambda table: "")),
    ("admin: page 2", _ADMIN, _list(lambda table: "?p=2")),
    (
        "admin: search by number",
        _ADMIN,
        _list(lambda table: f"?q=%2B{str(table.row().phone_number)[1:]}"),
    ),
    (
        "admin: search by user",
        _ADMIN,
        _list(lambda table: f"?q={table.row().user.username}"),  # type: ignore[union-attr]
    ),
    ("admin: filter by status", _ADMIN, _list(lambda table: "?status__exact=failed")),
    ("admin: filter by reason", _ADMIN, _list(lambda table: "?reason__exact=not_verified")),
    ("admin: filter, rare", _ADMIN, _list(lambda table: "?reason__exact=user_changed")),
]
if find_spec(SUMMARY):
    _QUESTIONS.append(("admin: the summary, not cached", 3, _summary))


def _limits(options: Options, large: Table) -> Iterator[Line]:
    none = dict.fromkeys(ALL_LIMITS)
    default = {**none, **dict(list(ALL_LIMITS.items())[:2])}
    for what, limits in (("the default limits", default), ("all limits", ALL_LIMITS)):
        contestants = {
            "here": _starts(options, limits),
            "reference": _starts(options, none),
            "floor": _starts(options, none, _by_hand(limits)),
        }
        _let_a_day_pass()
        with use(large.alias):
            times = in_turn(options.rounds, contestants)
        yield against(f"start with {what}", times, 1.1, "none set")
        yield floor("none set, and the same asked by hand", times, "none set")


def _starts(
    options: Options, limits: Limits, then: Callable[[Browser], Any] = lambda browser: None
) -> Callable[[], Any]:
    site = Site()
    browsers = iter(new_browsers(options.rounds + 3))

    def start() -> None:
        for name, most in limits.items():
            setattr(settings, name, most)
        browser = next(browsers)
        site.post(browser, "/phone/", phone_number=browser.number)
        then(browser)

    return start


def _by_hand(limits: Limits) -> Callable[[Browser], Any]:
    """Return what asks the same as these limits, with nothing to do but to put in the values."""
    table = PhoneVerification._meta.db_table
    columns = {"NUMBER": "phone_number = %s AND ", "USER": "user_id = %s AND "}
    columns |= {"ADDRESS": "address = %s AND ", "SITE": ""}
    named = {name.rsplit("_", 1)[1]: most for name, most in limits.items() if most is not None}
    asked = (
        f"(SELECT 1 FROM {table} WHERE {columns[name]}created_at > %s LIMIT 1 OFFSET {most})"  # noqa: S608
        for name, most in named.items()
    )
    statement = f"SELECT {', '.join(asked)}"

    # The one that all starts come from.
    with override_settings(**ALL_LIMITS):
        address = address_of(RequestFactory().get("/", REMOTE_ADDR=REMOTE))

    def ask(browser: Browser) -> None:
        since = timezone.now() - timedelta(hours=1)
        values = {"NUMBER": browser.number, "USER": browser.user.pk, "ADDRESS": address}
        params: list[Any] = []
        for name in named:
            params += [values[name], since] if name in values else [since]
        with connections["default"].cursor() as cursor:
            cursor.execute(statement, params)
            assert not any(cursor.fetchone())

    return ask
