"""The 30 days above the staff's list, as the page shows them."""

import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest import mock
from xml.etree import ElementTree

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.core.cache.backends.base import BaseCache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_plasgate_ip.admin import sample, statistics
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from tests.staff import (
    CLAIMS,
    HIDDEN,
    LIST,
    User,
    attempt,
    cells,
    failed,
    pending,
    post,
    staff,
    text,
)

pytestmark = pytest.mark.django_db

SVG = "{http://www.w3.org/2000/svg}"
TABLE = "django_plasgate_ip_phoneverification"


class ServerGone(Exception):
    """What a cache's own library raises: no error of Python's or Django's."""


class CacheThatIsDown(BaseCache):
    def __init__(self, *args: Any) -> None:
        super().__init__({})

    def get(self, *args: Any, **kwargs: Any) -> Any:
        raise ServerGone

    set = get


@pytest.fixture(autouse=True)
def nothing_cached() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def not_over_midnight() -> None:
    """Wait where the days would change while a test looks at them."""
    now = timezone.localtime()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    left = (midnight - now).total_seconds()
    time.sleep(left if left < 10 else 0)


@pytest.fixture(params=["by the database", "of its rows"])
def counted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a sample counted in either way, whichever is the database's own."""
    there = frozenset([connection.vendor]) if request.param == "by the database" else frozenset()
    monkeypatch.setattr(sample, "_COUNTING", there)


@pytest.fixture
def viewer() -> Client:
    return staff("view_phoneverification")


def local_noon(days_ago: int = 0) -> datetime:
    """Return the middle of a day in the site's time zone; today's may be yet to come."""
    return timezone.localtime().replace(hour=12, minute=0) - timedelta(days=days_ago)


def tried(days_ago: int = 0, seconds: float = 4, reason: Reason | None = None, **more: Any) -> Any:
    """Store an attempt that ended so many days ago, after so many seconds."""
    started = local_noon(days_ago) if days_ago else timezone.localtime().replace(hour=0, minute=0)
    when = {"created_at": started, "completed_at": started + timedelta(seconds=seconds)}
    return failed(reason, **when, **more) if reason else attempt(**when, **more)


def bulk(rows: int, **values: Any) -> None:
    """Store so many attempts, spread evenly over the last 29 days."""
    newest = timezone.now() - timedelta(minutes=1)
    PhoneVerification.objects.bulk_create(
        PhoneVerification(
            phone_number="+85577696118",
            scopes="phone_verify",
            session_id=str(i),
            created_at=newest - timedelta(days=29) * i / rows,
            **values,
        )
        for i in range(rows)
    )


def section(response: Any) -> str:
    """Return the summary's part of the page."""
    html = response.content.decode()
    return str(re.search(r'<section class="plasgate-ip-summary".*?</section>', html, re.DOTALL)[0])  # type: ignore[index]


def figures(response: Any) -> dict[str, str]:
    """Return the figures at its top, by what they are called."""
    pairs = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", section(response), re.DOTALL)
    return {name: " ".join(value.split()) for name, value in pairs}


def table(response: Any) -> list[list[str]]:
    """Return the table of every day, the newest first."""
    rows = re.findall(r"<tr>(.*?)</tr>", section(response), re.DOTALL)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def drawing(response: Any) -> ElementTree.Element:
    (svg,) = re.findall(r"<svg.*?</svg>", section(response), re.DOTALL)
    return ElementTree.fromstring(svg.replace("<svg", f'<svg xmlns="{SVG[1:-1]}"'))  # noqa: S314


def asked(client: Client, query: dict[str, str] | None = None) -> list[str]:
    """Return what the database was asked for the summary."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(LIST, query or {}).status_code == 200
    return [q["sql"] for q in queries if f"LIMIT {statistics.SAMPLE + 1}" in q["sql"]]


# What it says


@pytest.mark.usefixtures("counted")
def test_it_says_how_many_how_well_and_how_fast(viewer: Client) -> None:
    for seconds in (1, 2, 3):
        tried(1, seconds)
    tried(1, 4, Reason.NOT_VERIFIED)
    pending(created_at=timezone.now())
    assert figures(viewer.get(LIST)) == {
        "Attempts": "5",
        "Verified, of those that ended": "75 %",
        "Median time until the operator's answer": "2.0 s",
        "95th percentile": "4.0 s",
    }


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize(("rows", "median", "high"), [(1, "1.0", "1.0"), (100, "50.0", "95.0")])
def test_times_are_those_of_the_nearest_rank(
    viewer: Client, rows: int, median: str, high: str
) -> None:
    for seconds in range(rows, 0, -1):
        tried(2, seconds)
    shown = list(figures(viewer.get(LIST)).values())
    assert shown[2:] == [f"{median} s", f"{high} s"]


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(2.97, "2.9 s"), (2.3, "2.3 s"), (4.1, "4.1 s"), (0, "0.0 s"), (1e9, "1000000000.0 s")],
)
def test_a_time_is_the_one_of_the_list(viewer: Client, seconds: float, shown: str) -> None:
    tried(1, seconds)
    response = viewer.get(LIST)
    assert figures(response)["95th percentile"] == shown
    assert cells(response)[0]["took"] == shown


def test_times_are_those_of_the_operators_answers(viewer: Client) -> None:
    tried(1, 3)
    tried(1, 5, Reason.NOT_ON_MOBILE_DATA)
    for _ in range(5):
        tried(1, 900, Reason.EXPIRED)
    assert list(figures(viewer.get(LIST)).values())[2:] == ["3.0 s", "5.0 s"]


@pytest.mark.usefixtures("counted")
def test_where_nothing_has_ended_there_is_no_rate_and_no_time(viewer: Client) -> None:
    pending(created_at=timezone.now())
    assert list(figures(viewer.get(LIST)).values()) == ["1", "–", "–", "–"]  # noqa: RUF001
    assert "Why attempts were not verified" not in section(viewer.get(LIST))


def test_top_reasons_come_in_words_with_what_to_do(viewer: Client) -> None:
    for reason, times in {
        Reason.EXPIRED: 1,
        Reason.CREDENTIALS_REJECTED: 4,
        Reason.NOT_ON_MOBILE_DATA: 3,
        Reason.PROVIDER_TIMEOUT: 2,
    }.items():
        for _ in range(times):
            tried(1, reason=reason)
    page = text(viewer.get(LIST))
    said = [
        f"Keys or balance refused 4 (40 %) {Reason.CREDENTIALS_REJECTED.staff_message}",
        f"Not on mobile data 3 (30 %) {Reason.NOT_ON_MOBILE_DATA.staff_message}",
        f"Provider too slow 2 (20 %) {Reason.PROVIDER_TIMEOUT.staff_message}",
    ]
    assert " ".join(said) in page
    assert str(Reason.EXPIRED.staff_message) not in page


def test_each_day_is_one_of_the_site_and_there_are_30(viewer: Client) -> None:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    for moment in (
        midnight,
        midnight - timedelta(microseconds=1),
        midnight - timedelta(days=29),
        midnight - timedelta(days=29, microseconds=1),
        midnight + timedelta(days=1),
    ):
        pending(created_at=moment)
    rows = table(viewer.get(LIST))[1:]
    assert len(rows) == 30
    assert {n: row[-1] for n, row in enumerate(rows) if row[-1] != "0"} == {0: "1", 1: "1", 29: "1"}
    assert rows[0][0] == f"{midnight:%B} {midnight.day}"


@pytest.mark.usefixtures("counted")
def test_table_has_every_outcome_of_every_day(viewer: Client) -> None:
    tried(3)
    tried(3)
    tried(3, reason=Reason.NOT_VERIFIED)
    tried(3, reason=Reason.EXPIRED)
    pending(created_at=local_noon(3))
    head, *rows = table(viewer.get(LIST))
    assert head == ["Day", "Verified", "Failed", "Error", "Not ended", "Attempts"]
    assert rows[3][1:] == ["2", "1", "1", "1", "5"]
    assert rows[4][1:] == ["0", "0", "0", "0", "0"]


@pytest.mark.parametrize(
    ("query", "attempts"),
    [
        ({}, "4"),
        ({"status__exact": "verified"}, "2"),
        ({"reason__exact": "expired"}, "1"),
        ({"mobile_id_changed__exact": "1"}, "1"),
        ({"q": "dara"}, "2"),
        ({"q": "077 696 119"}, "1"),
        ({"q": "dara", "status__exact": "failed"}, "1"),
    ],
)
def test_it_keeps_to_the_filters_and_the_search(
    viewer: Client, query: dict[str, str], attempts: str
) -> None:
    dara = User.objects.create_user("dara")
    tried(1, user=dara)
    tried(2, phone_number="+85577696119", mobile_id_changed=True)
    tried(3, reason=Reason.NOT_VERIFIED, user=dara)
    tried(4, reason=Reason.EXPIRED)
    assert figures(viewer.get(LIST, query))["Attempts"] == attempts


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({}, "Nobody has tried to verify a number in these days."),
        ({"status__exact": "failed"}, "No attempt of these days matches"),
        ({"q": "nobody"}, "No attempt of these days matches"),
        ({"q": "x" * 300}, "No attempt of these days matches"),
    ],
)
def test_without_data_it_says_so(viewer: Client, query: dict[str, str], words: str) -> None:
    attempt(created_at=timezone.now() - timedelta(days=99))
    page = section(viewer.get(LIST, query))
    assert words in page
    assert "<svg" not in page


def test_it_speaks_khmer(viewer: Client) -> None:
    tried(1, reason=Reason.EXPIRED)
    page = section(viewer.get(LIST, headers={"accept-language": "km"}))
    assert "30 ថ្ងៃចុងក្រោយ" in page
    assert "មិនត្រឡប់មកវិញទាន់ពេល" in page
    english = set(re.findall(r"[A-Za-z]{3,}", re.sub(r"<[^>]*>", "", page)))
    assert {word for word in english if not word.isupper()} <= {"PlasGate"}


def test_a_site_without_time_zones_has_days_too(settings: Any) -> None:
    settings.USE_TZ = False
    viewer = staff("view_phoneverification")
    now = datetime.now()  # noqa: DTZ005 - as such a site does
    pending(created_at=now)
    assert table(viewer.get(LIST))[1][-1] == "1"


# How it is drawn


def test_bars_are_as_high_as_their_counts(viewer: Client) -> None:
    for _ in range(4):
        tried(1)
    tried(2)
    tried(2, reason=Reason.EXPIRED)
    svg = drawing(viewer.get(LIST))
    assert svg.attrib["viewBox"] == "0 0 300 100"
    bars = svg.findall(f"{SVG}g")
    assert len(bars) == 30
    whole, half = (bars[index].findall(f"{SVG}rect") for index in (28, 27))
    assert [(r.attrib["class"], r.attrib["y"], r.attrib["x"]) for r in whole] == [
        ("plasgate-ip-verified", "0.00", "280")
    ]
    assert [(r.attrib["class"], r.attrib["y"], r.attrib["x"]) for r in half] == [
        ("plasgate-ip-verified", "75.00", "270"),
        ("plasgate-ip-error", "50.00", "270"),
    ]
    assert float(whole[0].attrib["height"]) == pytest.approx(100, abs=1)
    assert float(half[0].attrib["height"]) == pytest.approx(25, abs=1)
    assert not bars[26].findall(f"{SVG}rect")


def test_drawing_can_be_heard(viewer: Client) -> None:
    tried(1)
    tried(1, reason=Reason.EXPIRED)
    response = viewer.get(LIST)
    svg = drawing(response)
    day = table(response)[2][0]
    said = {svg.attrib["role"]: svg.attrib["aria-labelledby"].split()}
    title, description = svg.find(f"{SVG}title"), svg.find(f"{SVG}desc")
    assert title is not None
    assert description is not None
    assert said == {"img": [title.attrib["id"], description.attrib["id"]]}
    assert title.text == "Attempts per day, by outcome"
    assert f"The most were on {day}: 2." in str(description.text)
    assert [g.findtext(f"{SVG}title") for g in svg.findall(f"{SVG}g")][28] == (
        f"{day}: verified 1, error 1"
    )


@pytest.mark.parametrize("language", ["en", "km", "de"])
def test_drawing_asks_nothing_of_a_content_security_policy(
    viewer: Client, settings: Any, language: str
) -> None:
    settings.LANGUAGES = [(code, code) for code in ("en", "km", "de")]
    settings.USE_THOUSAND_SEPARATOR = True
    for days_ago in (1, 1, 1, 2):
        tried(days_ago)
    page = section(viewer.get(LIST, headers={"accept-language": language}))
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:|url\(", page)
    svg = drawing(viewer.get(LIST, headers={"accept-language": language}))
    for rect in svg.iter(f"{SVG}rect"):
        assert all(
            re.fullmatch(r"\d+(\.\d+)?", rect.attrib[n]) for n in ("x", "y", "width", "height")
        )


def test_page_links_the_stylesheet_of_badges_and_bars(viewer: Client) -> None:
    tried(1)
    html = viewer.get(LIST).content.decode()
    assert 'href="/static/django_plasgate_ip/admin.css"' in html
    assert '<span class="plasgate-ip-badge plasgate-ip-badge-verified">verified</span>' in html


def test_popup_and_questions_have_none() -> None:
    client = staff("view_phoneverification", "delete_phoneverification")
    verification = tried(1)
    popup = client.get(LIST, {"_popup": "1"})
    action = {"action": "delete_selected", "_selected_action": verification.pk, "index": "0"}
    for response in (popup, post(client, LIST, **action)):
        assert response.status_code == 200
        assert "plasgate-ip-summary" not in response.content.decode()
        assert "Export as CSV" not in response.content.decode()


# What it costs


@pytest.fixture
def small_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "SAMPLE", 400)


@pytest.mark.usefixtures("small_sample", "counted")
def test_of_many_attempts_it_looks_at_a_sample_and_says_so(viewer: Client) -> None:
    completed = timezone.now()
    bulk(900, status="verified", completed_at=completed)
    bulk(600, status="failed", reason="not_verified", completed_at=completed)
    bulk(500)
    response = viewer.get(LIST)
    page = text(response)
    assert "Estimated from 400 attempts, picked at random from all of these days." in page
    attempts, rate, *_times = figures(response).values()
    about, number = attempts.split()
    # Five standard deviations, so that chance fails this once in millions of runs.
    assert about == "about"
    assert 1500 <= int(number.replace(",", "")) <= 2700
    assert int(rate.removesuffix(" %")) == pytest.approx(60, abs=13)
    days = [int(row[-1].replace(",", "")) for row in table(response)[1:]]
    assert sum(days) == pytest.approx(2000, rel=0.3)
    assert sum(1 for day in days if day) >= 29


@pytest.mark.usefixtures("small_sample", "counted")
def test_up_to_the_sample_it_is_exact(viewer: Client) -> None:
    bulk(400)
    response = viewer.get(LIST)
    assert figures(response)["Attempts"] == "400"
    assert "Estimated" not in text(response)


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize(
    ("reason", "slowest"), [(Reason.NOT_VERIFIED, "9.0 s"), (Reason.EXPIRED, "3.0 s")]
)
def test_what_is_behind_the_sample_is_not_counted(
    viewer: Client, monkeypatch: pytest.MonkeyPatch, reason: Reason, slowest: str
) -> None:
    # Behind all others in each database's order; and not quite, so that the scale is over 1.
    last = "fffeffff-ffff-4fff-bfff-fffeffffffff"
    for seconds in (1, 2, 3):
        tried(1, seconds)
    tried(1, 9, reason, pk=last)
    assert figures(viewer.get(LIST))["95th percentile"] == slowest
    cache.clear()
    monkeypatch.setattr(statistics, "SAMPLE", 3)
    response = viewer.get(LIST)
    shown = figures(response)
    # The sample reaches to the last key of all.
    assert shown["Attempts"] == "about 3"
    assert shown["Verified, of those that ended"] == "100 %"
    assert shown["95th percentile"] == "3.0 s"
    assert "Why attempts were not verified" not in section(response)


@pytest.mark.usefixtures("small_sample")
def test_it_asks_one_question_which_never_grows(viewer: Client) -> None:
    for rows in (1, 700):
        cache.clear()
        bulk(rows)
        (question,) = asked(viewer)
        # What is counted is the sample, whose one look at the table has a limit.
        assert question.count(f"FROM {connection.ops.quote_name(TABLE)}") == 1


def test_it_reads_nothing_but_its_index(viewer: Client) -> None:
    tried(1)
    (question,) = asked(viewer)
    (index,) = (i for i in PhoneVerification._meta.indexes if i.name == "plasgate_ip_summary")
    read = set(re.findall(rf"{TABLE}[`\"]\.[`\"](\w+)[`\"]", question))
    assert read == set(index.fields) - {"mobile_id_changed"}
    # The index's order is the sample's.
    assert index.fields[0] == PhoneVerification._meta.pk.name


def test_it_is_asked_once_a_minute_whatever_the_page_and_the_order(viewer: Client) -> None:
    bulk(120)
    assert len(asked(viewer)) == 1
    for query in ({}, {"p": "2"}, {"o": "6"}, {"e": "1"}):
        assert asked(viewer, query) == []
    assert asked(staff("view_phoneverification", "view_claims")) == []
    pending(created_at=timezone.now())
    assert figures(viewer.get(LIST))["Attempts"] == "120"
    in_a_minute = timezone.now().timestamp() + 61
    with mock.patch("time.time", return_value=in_a_minute):
        assert figures(viewer.get(LIST))["Attempts"] == "121"


def test_a_day_is_the_readers_own(viewer: Client) -> None:
    """Where the same moment is another day's midnight: these two are 24 hours apart."""
    now = timezone.now()
    pending(created_at=now)
    shown = []
    for zone in ("Pacific/Kiritimati", "Pacific/Honolulu"):
        # Their midnight is not the one that these tests wait for.
        with timezone.override(zone), mock.patch.object(timezone, "now", return_value=now):
            shown.append(table(viewer.get(LIST))[1][0])
            assert shown[-1].endswith(f" {timezone.localtime().day}")
    assert len(set(shown)) == 2


def test_every_question_has_an_answer_of_its_own(viewer: Client) -> None:
    # Two numbers that look the same when they are masked.
    for number in ("+85577696118", "+85577111118", "+85577111118"):
        tried(1, phone_number=number)
    for query, attempts in {"": "3", "077696118": "1", "077111118": "2", "dara": None}.items():
        shown = figures(viewer.get(LIST, {"q": query})).get("Attempts")
        assert shown == attempts


def test_rows_that_the_site_hides_from_some_staff_are_not_in_others_summary(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried(1)
    tried(1, reason=Reason.EXPIRED)
    assert figures(viewer.get(LIST))["Attempts"] == "2"
    model_admin = admin.site.get_model_admin(PhoneVerification)
    fewer = PhoneVerification.objects.verified()
    monkeypatch.setattr(model_admin, "get_queryset", lambda request: fewer)
    assert figures(viewer.get(LIST))["Attempts"] == "1"


def test_nothing_about_a_person_is_cached(viewer: Client) -> None:
    tried(1, user=User.objects.create_user("dara"), claims=CLAIMS)
    for query in ("077696118", "dara"):
        assert figures(viewer.get(LIST, {"q": query}))["Attempts"] == "1"
    kept: dict[str, bytes] = cache._cache  # type: ignore[attr-defined]
    assert len(kept) == 2
    for key, value in kept.items():
        seen = key + value.decode("latin-1")
        assert [hidden for hidden in (*HIDDEN, "dara") if hidden in seen] == []


def test_a_cache_that_is_down_is_logged_and_takes_nothing_from_the_page(
    viewer: Client, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    tried()
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.{CacheThatIsDown.__name__}"}}

    assert "100" in section(viewer.get(LIST))
    (record,) = caplog.records
    assert record.getMessage() == "The admin's summary is not cached: ServerGone"


def test_a_site_without_a_cache_has_it_too(viewer: Client, settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    tried(1)
    assert len(asked(viewer)) == 1
    assert len(asked(viewer)) == 1
    assert len(cells(viewer.get(LIST))) == 1
