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
from django.db import connection, connections
from django.db.models import Count
from django.utils import timezone

from django_plasgate_ip.admin import statistics
from django_plasgate_ip.admin.statistics import Outcome, Summary, summarise
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from tests.kept import CLAIMS, DAY, HIDDEN, User, ended, pending, verified
from tests.staff import LIST, cells

pytestmark = pytest.mark.django_db

VERIFIED, FAILED, ERROR, LIVE = Outcome
TODAY = statistics.DAYS - 1


def everything() -> Summary:
    """Return the summary of all rows, computed anew."""
    cache.clear()
    return summarise(PhoneVerification.objects.all())


def test_two_queries_count_each_day_outcome_reason_and_operator(django_assert_num_queries):
    for operator, reason in (
        *(("Smart", None), ("", None), ("Smart", Reason.NOT_VERIFIED)),
        ("Metfone", Reason.EXPIRED),
    ):
        ended(3, reason=reason, operator=operator)
    for status in ("pending", "exchanging"):
        pending(created_at=timezone.now(), status=status, operator="Cellcard")
    ended(7, reason=Reason.NOT_VERIFIED)
    ended(28)
    ended(30)
    # The site confirmed this one itself.
    ended(3, operator="Smart", method="sms", seconds=900)
    with django_assert_num_queries(2):
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
    assert [summary.total(outcome) for outcome in Outcome] == [3, 2, 1, 2]
    assert summary.success_rate == 3 / 6
    assert list(summary.operators.items()) == [("Smart", (1, 2)), ("Metfone", (0, 1))]
    assert summary.percentile_95 == 4


@pytest.mark.parametrize("zone", ["Asia/Phnom_Penh", "Pacific/Honolulu"])
def test_days_are_those_of_the_current_time_zone(zone):
    now = datetime(2026, 11, 20, 12, tzinfo=ZoneInfo(zone))
    midnight, before = now.replace(hour=0), timedelta(microseconds=-1)
    for moment in (midnight, midnight - 29 * DAY):
        pending(created_at=moment)
        pending(created_at=moment + before)
    pending(created_at=midnight + DAY)
    with timezone.override(zone), mock.patch.object(timezone, "now", return_value=now):
        summary = everything()

    assert summary.days == [date(2026, 11, 20) - ago * DAY for ago in range(29, -1, -1)]
    assert summary.by_day == {(TODAY, LIVE): 1, (TODAY - 1, LIVE): 1, (0, LIVE): 1}


def test_a_day_before_the_clocks_changed_has_its_own_offset():
    berlin = ZoneInfo("Europe/Berlin")
    # The clocks changed on 29 March.
    for late_or_early in (datetime(2026, 3, 20, 23, 30), datetime(2026, 3, 21, 0, 30)):  # noqa: DTZ001
        pending(created_at=late_or_early.replace(tzinfo=berlin))
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


@pytest.mark.parametrize(("rows", "nearest"), [(1, (1, 1)), (20, (10, 19)), (21, (11, 20))])
def test_the_median_and_the_percentile_are_of_the_nearest_rank(rows, nearest):
    for seconds in range(rows, 0, -1):
        ended(2, seconds)
    summary = everything()
    assert (summary.median, summary.percentile_95) == nearest


def test_only_the_newest_answers_of_operators_have_times(monkeypatch):
    monkeypatch.setattr(statistics, "NEWEST_ANSWERED", 4)
    for days_ago, seconds in ((4, 9), (3, 9), (2, 2), (2, 3)):
        ended(days_ago, seconds)
    ended(1, 5, Reason.NOT_ON_MOBILE_DATA)
    ended(1, 900, Reason.EXPIRED)
    pending(created_at=timezone.now())
    assert everything().percentile_95 == 9
    ended(1, 2)
    summary = everything()
    assert (summary.median, summary.percentile_95) == (2, 5)
    assert summary.total(VERIFIED) == 5


def test_the_summary_has_only_the_rows_that_the_site_shows(viewer, monkeypatch):
    ended(1)
    ended(1, reason=Reason.EXPIRED)
    assert viewer.get(LIST).context["chart"]["total"] == "2"
    model_admin = admin.site.get_model_admin(PhoneVerification)
    fewer = PhoneVerification.objects.verified()
    monkeypatch.setattr(model_admin, "get_queryset", lambda request: fewer)
    assert viewer.get(LIST).context["chart"]["total"] == "1"
    monkeypatch.setattr(model_admin, "get_queryset", lambda request: fewer.none())
    page = viewer.get(LIST).content.decode()
    assert "No verification was started in the last 30 days." in page
    assert "Verifications per day" not in page


def test_querysets_that_differ_in_a_value_do_not_share_a_summary():
    # These two numbers have the same mask.
    for number, rows in (("+85577696118", 1), ("+85577111118", 2)):
        for _ in range(rows):
            ended(1, phone_number=number)
        summary = summarise(PhoneVerification.objects.filter(phone_number=number))
        assert summary.total(VERIFIED) == rows


def test_tenants_with_a_schema_or_a_database_do_not_share_a_summary(monkeypatch):
    found = []
    for database, schema in (("a", "north"), ("a", "south"), ("b", "north"), ("a", "north")):
        ended(1)
        # As django-tenants names the schema.
        tenant = SimpleNamespace(settings_dict={"NAME": database}, schema_name=schema)
        monkeypatch.setattr(statistics, "connections", {"default": tenant})
        found.append(summarise(PhoneVerification.objects.all()).total(VERIFIED))
    assert found == [1, 2, 3, 1]


def test_databases_of_the_same_name_do_not_share_a_summary(monkeypatch):
    # Two servers may each have a database of this name.
    monkeypatch.setattr(connections._connections, "there", connection, raising=False)  # type: ignore[attr-defined]
    for alias, total in (("default", 1), ("there", 2)):
        ended(1)
        assert summarise(PhoneVerification.objects.using(alias)).total(VERIFIED) == total


def test_a_queryset_with_joins_counts_each_row_once():
    dara = User.objects.create_user("dara")
    dara.groups.set([Group.objects.create(name=name) for name in ("north", "south")])
    for _ in range(3):
        ended(1, user=dara)
    rows = PhoneVerification.objects.select_related("user").prefetch_related("user__groups")
    joined = rows.filter(user__groups__name__in=["north", "south"]).distinct()
    counted = rows.annotate(groups=Count("user__groups")).order_by("-groups")
    for summary in map(summarise, (joined, counted, rows.only("pk"))):
        assert (summary.total(VERIFIED), summary.median) == (3, 4)


def test_the_summary_is_cached_for_five_minutes_for_all_pages_and_staff(viewer, reader):
    now = timezone.now().timestamp()
    for client, query, later, total in (
        (viewer, {}, 0, "1"),
        (viewer, {"p": "1", "status__exact": "failed"}, 0, "1"),
        (reader, {"q": "dara"}, 299, "1"),
        (reader, {}, 301, "4"),
    ):
        ended(1)
        with mock.patch("time.time", return_value=now + later):
            assert client.get(LIST, query).context["chart"]["total"] == total


def test_time_zones_with_the_same_midnight_do_not_share_a_summary():
    now = datetime(2026, 11, 20, 12, tzinfo=datetime_timezone.utc)
    pending(created_at=now)
    for zone, day in (("Pacific/Kiritimati", 21), ("Pacific/Honolulu", 20)):
        with timezone.override(zone), mock.patch.object(timezone, "now", return_value=now):
            summary = summarise(PhoneVerification.objects.all())
        assert summary.by_day == {(TODAY, LIVE): 1}
        assert summary.days[-1] == date(2026, 11, day)


def test_the_cache_holds_nothing_about_a_person():
    ended(1, user=User.objects.create_user("dara"), claims=CLAIMS)
    rows = PhoneVerification.objects.all()
    summarise(rows.filter(phone_number="+85577696118"))
    summarise(rows.filter(user__username="dara"))
    kept: dict[str, bytes] = cache._cache  # type: ignore[attr-defined]
    assert len(kept) == 2
    seen = "".join(key + value.decode("latin-1") for key, value in kept.items())
    assert [hidden for hidden in (*HIDDEN, "dara") if hidden in seen] == []


def test_nobody_can_compute_the_key_in_the_cache_without_the_secret_key(settings):
    for settings.SECRET_KEY, total in (("one", 1), ("another", 2)):
        ended(1)
        assert summarise(PhoneVerification.objects.all()).total(VERIFIED) == total


def test_a_failing_cache_is_logged_and_the_list_is_complete(viewer, monkeypatch, caplog):
    ended(1)
    # Each cache library has its own exceptions.
    failing = mock.Mock(side_effect=Exception)
    monkeypatch.setattr(statistics, "cache", mock.Mock(get=failing, set=failing))
    response = viewer.get(LIST)
    assert response.context["chart"]["total"] == "1"
    assert len(cells(response)) == 1
    assert set(caplog.messages) == {"The admin's summary is not cached: Exception"}
