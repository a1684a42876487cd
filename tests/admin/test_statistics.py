"""The figures of the summary: what is counted, for whom, and how long it is cached."""

from datetime import date, datetime, timedelta
from datetime import timezone as datetime_timezone
from types import SimpleNamespace
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection
from django.db.models import Count, QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_plasgate_ip.admin import statistics
from django_plasgate_ip.admin.statistics import Outcome, Summary, summarise
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from tests.kept import CLAIMS, HIDDEN, User, ended, pending, verified
from tests.staff import LIST, cells, staff

pytestmark = pytest.mark.django_db

VERIFIED, FAILED, ERROR, LIVE = Outcome
TODAY = statistics.DAYS - 1


def everything() -> Summary:
    """Return the summary of all rows, computed anew."""
    cache.clear()
    return summarise(PhoneVerification.objects.all())


def queries_of_summary(client: Client, query: dict[str, str] | None = None) -> list[str]:
    """Return the queries that the summary makes when the list is opened."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(LIST, query or {}).status_code == 200
    end = f"LIMIT {statistics.NEWEST_ANSWERED}"
    return [q["sql"] for q in queries if "CASE WHEN" in q["sql"] or q["sql"].endswith(end)]


def test_each_day_outcome_and_reason_is_counted():
    for reason in (None, None, Reason.NOT_VERIFIED, Reason.EXPIRED):
        ended(3, reason=reason)
    for status in ("pending", "exchanging"):
        pending(created_at=timezone.now(), status=status)
    ended(7, reason=Reason.NOT_VERIFIED)
    ended(28)
    ended(30)
    ended(3, method="sms")
    summary = everything()

    assert summary.by_day == {
        (TODAY, LIVE): 2,
        (TODAY - 3, VERIFIED): 2,
        (TODAY - 3, FAILED): 1,
        (TODAY - 3, ERROR): 1,
        (TODAY - 7, FAILED): 1,
        (TODAY - 28, VERIFIED): 1,
    }
    assert summary.reasons == {"not_verified": 2, "expired": 1}
    assert [summary.total(outcome) for outcome in (VERIFIED, FAILED, ERROR, LIVE)] == [3, 2, 1, 2]
    assert summary.success_rate == 3 / 6


def test_ended_verifications_of_plasgate_are_counted_for_each_operator():
    ended(3, operator="Metfone", reason=Reason.EXPIRED)
    for reason in (None, Reason.NOT_VERIFIED):
        ended(3, operator="Smart", reason=reason)
    ended(2, operator="Smart", method="sms", seconds=900)
    ended(2)
    pending(created_at=timezone.now(), operator="Cellcard")
    summary = everything()

    assert list(summary.operators.items()) == [("Smart", (1, 2)), ("Metfone", (0, 1))]
    assert summary.percentile_95 == 4


@pytest.mark.parametrize("zone", ["Asia/Phnom_Penh", "Pacific/Honolulu"])
def test_days_are_those_of_the_current_time_zone(zone):
    now = datetime(2026, 11, 20, 12, tzinfo=ZoneInfo(zone))
    midnight = now.replace(hour=0)
    for moment in (
        midnight,
        midnight - timedelta(microseconds=1),
        midnight - timedelta(days=29),
        midnight - timedelta(days=29, microseconds=1),
        midnight + timedelta(days=1),
    ):
        pending(created_at=moment)
    with timezone.override(zone), mock.patch.object(timezone, "now", return_value=now):
        summary = everything()

    assert summary.days == [date(2026, 11, 20) - timedelta(days=ago) for ago in range(29, -1, -1)]
    assert summary.by_day == {(TODAY, LIVE): 1, (TODAY - 1, LIVE): 1, (0, LIVE): 1}


def test_a_day_before_the_clocks_changed_has_its_own_offset():
    berlin = ZoneInfo("Europe/Berlin")
    # The clocks changed on 29 March.
    late, early = datetime(2026, 3, 20, 23, 30), datetime(2026, 3, 21, 0, 30)  # noqa: DTZ001
    for moment in (late, early):
        pending(created_at=moment.replace(tzinfo=berlin))
    now = datetime(2026, 4, 5, 12, tzinfo=berlin)
    with timezone.override(berlin), mock.patch.object(timezone, "now", return_value=now):
        summary = everything()
    counted = {summary.days[day]: count for (day, _outcome), count in summary.by_day.items()}
    assert counted == {date(2026, 3, 20): 1, date(2026, 3, 21): 1}


def test_days_need_no_time_zone_support(settings):
    settings.USE_TZ = False
    midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)  # noqa: DTZ005
    pending(created_at=midnight - timedelta(microseconds=1))
    verified(created_at=midnight, completed_at=midnight + timedelta(seconds=3))
    summary = everything()
    assert summary.days[-1] == midnight.date()
    assert summary.by_day == {(TODAY, VERIFIED): 1, (TODAY - 1, LIVE): 1}
    assert summary.median == 3


@pytest.mark.parametrize(("rows", "median", "percentile"), [(1, 1, 1), (20, 10, 19), (21, 11, 20)])
def test_the_median_and_the_percentile_are_of_the_nearest_rank(rows, median, percentile):
    for seconds in range(rows, 0, -1):
        ended(2, seconds)
    summary = everything()
    assert (summary.median, summary.percentile_95) == (median, percentile)


def test_only_the_operators_answers_have_times():
    ended(1, 3)
    ended(1, 5, Reason.NOT_ON_MOBILE_DATA)
    for _ in range(5):
        ended(1, 900, Reason.EXPIRED)
    pending(created_at=timezone.now())
    summary = everything()
    assert (summary.median, summary.percentile_95) == (3, 5)


def test_only_the_newest_answers_have_times(monkeypatch):
    monkeypatch.setattr(statistics, "NEWEST_ANSWERED", 4)
    for days_ago, seconds in ((4, 9), (3, 9), (2, 2), (2, 2), (1, 2)):
        ended(days_ago, seconds)
    assert everything().percentile_95 == 9
    ended(1, 2)
    summary = everything()
    assert (summary.median, summary.percentile_95) == (2, 2)
    assert summary.total(VERIFIED) == 6


def test_the_summary_has_only_the_rows_that_the_site_shows(viewer, monkeypatch):
    ended(1)
    ended(1, reason=Reason.EXPIRED)
    assert viewer.get(LIST).context["chart"]["total"] == "2"
    model_admin = admin.site.get_model_admin(PhoneVerification)
    fewer = PhoneVerification.objects.verified()
    monkeypatch.setattr(model_admin, "get_queryset", lambda request: fewer)
    assert viewer.get(LIST).context["chart"]["total"] == "1"
    monkeypatch.setattr(model_admin, "get_queryset", lambda request: fewer.none())
    assert viewer.get(LIST).context["chart"] is None


def test_querysets_that_differ_in_a_value_do_not_share_a_summary():
    # These two numbers have the same mask.
    numbers = ("+85577696118", "+85577111118")
    for number in (*numbers, numbers[1]):
        ended(1, phone_number=number)
    found = [summarise(PhoneVerification.objects.filter(phone_number=n)) for n in numbers]
    assert [summary.total(VERIFIED) for summary in found] == [1, 2]


def test_tenants_with_a_schema_or_a_database_do_not_share_a_summary(monkeypatch):
    found = []
    for database, schema in (("a", "north"), ("a", "south"), ("b", "north"), ("a", "north")):
        ended(1)
        # As django-tenants names the schema.
        tenant = SimpleNamespace(settings_dict={"NAME": database}, schema_name=schema)
        monkeypatch.setattr(statistics, "connections", {"default": tenant})
        found.append(summarise(PhoneVerification.objects.all()).total(VERIFIED))
    assert found == [1, 2, 3, 1]


def test_a_queryset_with_joins_counts_each_row_once():
    dara = User.objects.create_user("dara")
    dara.groups.set([Group.objects.create(name=name) for name in ("north", "south")])
    for _ in range(3):
        ended(1, user=dara)
    rows = PhoneVerification.objects.select_related("user").prefetch_related("user__groups")
    querysets: list[QuerySet[PhoneVerification]] = [
        rows.filter(user__groups__name__in=["north", "south"]).distinct(),
        rows.annotate(groups=Count("user__groups")).order_by("-groups"),
        rows.only("pk"),
    ]
    for queryset in querysets:
        summary = summarise(queryset)
        assert (summary.total(VERIFIED), summary.median) == (3, 4)


def test_the_summary_makes_two_queries_and_is_shared_by_all_pages(viewer):
    ended(1)
    assert len(queries_of_summary(viewer)) == 2
    for query in ({}, {"p": "1"}, {"q": "dara"}, {"status__exact": "failed"}):
        assert queries_of_summary(viewer, query) == []
    assert queries_of_summary(staff("view_phoneverification", "view_claims")) == []


def test_the_summary_is_cached_for_five_minutes(viewer):
    now = timezone.now().timestamp()
    for later, total in ((0, "1"), (299, "1"), (301, "3")):
        ended(1)
        with mock.patch("time.time", return_value=now + later):
            assert viewer.get(LIST).context["chart"]["total"] == total


def test_time_zones_with_the_same_midnight_do_not_share_a_summary():
    now = datetime(2026, 11, 20, 12, tzinfo=datetime_timezone.utc)
    pending(created_at=now)
    days = []
    for zone in ("Pacific/Kiritimati", "Pacific/Honolulu"):
        with timezone.override(zone), mock.patch.object(timezone, "now", return_value=now):
            summary = summarise(PhoneVerification.objects.all())
        assert summary.by_day == {(TODAY, LIVE): 1}
        days.append(summary.days[-1])
    assert days == [date(2026, 11, 21), date(2026, 11, 20)]


def test_the_cache_holds_nothing_about_a_person():
    ended(1, user=User.objects.create_user("dara"), claims=CLAIMS)
    rows = PhoneVerification.objects.all()
    summarise(rows.filter(phone_number="+85577696118"))
    summarise(rows.filter(user__username="dara"))
    kept: dict[str, bytes] = cache._cache  # type: ignore[attr-defined]
    assert len(kept) == 2
    seen = "".join(key + value.decode("latin-1") for key, value in kept.items())
    assert [hidden for hidden in (*HIDDEN, "dara") if hidden in seen] == []


def test_a_failing_cache_is_logged_and_the_list_is_complete(viewer, monkeypatch, caplog):
    ended(1)
    # Each cache library has its own exceptions.
    failing = mock.Mock(side_effect=Exception)
    monkeypatch.setattr(statistics, "cache", mock.Mock(get=failing, set=failing))
    response = viewer.get(LIST)
    assert response.context["chart"]["total"] == "1"
    assert len(cells(response)) == 1
    assert set(caplog.messages) == {"The admin's summary is not cached: Exception"}
