"""The figures above the admin's list: the results of the verifications of the last 30 days."""

import logging
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import ceil
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connections, models
from django.db.models import Case, Count, QuerySet, Value, When
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import pgettext_lazy

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.querysets import NETWORK
from django_plasgate_ip.reasons import LIVE, Status

logger = logging.getLogger("django_plasgate_ip")

DAYS = 30
# The median and the percentile come from this many of the newest answered verifications.
NEWEST_ANSWERED = 1_000
CACHE_SECONDS = 300


class Outcome(models.TextChoices):
    """The status of a verification, with one value for all live ones."""

    VERIFIED = Status.VERIFIED.value, Status.VERIFIED.label
    FAILED = Status.FAILED.value, Status.FAILED.label
    ERROR = Status.ERROR.value, Status.ERROR.label
    LIVE = "live", pgettext_lazy("status", "not ended")

    @classmethod
    def of(cls, status: str) -> "Outcome":
        """Return the outcome of a verification with this status."""
        return cls.LIVE if status in LIVE else cls(status)


@dataclass(frozen=True)
class Summary:
    """Exact counts of the verifications of `DAYS` days, and the times of the newest answers."""

    #: The days in the current time zone, oldest first.
    days: list[date]
    #: The number of verifications for each index in `days` and outcome.
    by_day: Counter[tuple[int, Outcome]]
    #: The number of verifications for each reason.
    reasons: Counter[str]
    #: The number of verified and of ended verifications that PlasGate made, for each operator.
    operators: dict[str, tuple[int, int]]
    #: The median in seconds from the start to the operator's answer; None without an answer.
    median: float | None
    #: The 95th percentile of the same times.
    percentile_95: float | None

    def of_day(self, day: int) -> list[int]:
        """Return the number of verifications for each outcome. `day` is an index in `days`."""
        return [self.by_day[day, outcome] for outcome in Outcome]

    def total(self, outcome: Outcome) -> int:
        """Return the number of verifications with this outcome."""
        return sum(self.by_day[day, outcome] for day in range(len(self.days)))

    @property
    def success_rate(self) -> float | None:
        """The share of verified among ended verifications, 0 to 1; None if none has ended."""
        ended = self.by_day.total() - self.total(Outcome.LIVE)
        return self.total(Outcome.VERIFIED) / ended if ended else None


def summarise(queryset: QuerySet[PhoneVerification]) -> Summary:
    """Return the summary of `queryset`. It may come from the cache, `CACHE_SECONDS` old.

    What a site confirmed by its own means is left out: it says nothing about the operators.
    """
    today = timezone.localdate() if settings.USE_TZ else timezone.now().date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    midnights = [_midnight(day) for day in (*days, today + timedelta(days=1))]
    by_network = queryset.filter(method=NETWORK)
    rows = by_network.filter(created_at__gte=midnights[0], created_at__lt=midnights[-1]).order_by()
    counts = _counts(rows, midnights)
    key = _cache_key(counts, today)
    summary: Summary | None = None
    try:
        summary = cache.get(key)
    except Exception as error:
        # Each cache library raises its own errors. The list must work without a cache.
        logger.warning("The admin's summary is not cached: %s", type(error).__name__)
    if summary is None:
        summary = _summary(days, counts, rows)
        # A failing cache is logged above.
        with suppress(Exception):
            cache.set(key, summary, CACHE_SECONDS)
    return summary


def _midnight(day: date) -> datetime:
    midnight = datetime.combine(day, time.min)
    return timezone.make_aware(midnight) if settings.USE_TZ else midnight


def _counts(rows: QuerySet[PhoneVerification], midnights: list[datetime]) -> QuerySet[Any, Any]:
    """Return a query of rows: index of the day, status, reason, operator and number."""
    # Not TruncDate: MariaDB and MySQL need time zone tables for it, which may not be loaded.
    ends = enumerate(midnights[1:])
    day = Case(*(When(created_at__lt=end, then=Value(number)) for number, end in ends))
    # If a site's get_queryset joins tables, rows may repeat. DISTINCT and GROUP BY indicate that.
    is_joined = rows.query.distinct or rows.query.group_by is not None
    columns = ("status", "reason", "operator")
    return rows.values_list(day, *columns).annotate(Count("pk", distinct=is_joined))


def _cache_key(counts: QuerySet[Any, Any], today: date) -> str:
    """Return the cache key of a query and a day.

    The whole query is part of the key, because a site's get_queryset may show less to some staff.
    `today` is part of it, because the midnights of two time zones may coincide, a day apart.
    """
    # SECURITY: where each tenant has a schema or a database, the same query has other answers.
    # django-tenants names the schema on the connection.
    connection = connections[counts.db]
    place = (counts.db, connection.settings_dict["NAME"], getattr(connection, "schema_name", ""))
    sql, params = counts.query.get_compiler(counts.db, elide_empty=False).as_sql()
    # SECURITY: a keyed hash. A parameter may be a phone number, and an attacker could find the
    # number of a plain hash by trying all numbers. str, because the repr of a number is masked, so
    # two numbers may share it.
    question = "\0".join(map(str, (*place, today, sql, *params)))
    hashed = salted_hmac("django_plasgate_ip.admin.statistics", question, algorithm="sha256")
    return f"django_plasgate_ip.admin.statistics.{hashed.hexdigest()}"


def _summary(
    days: list[date], counts: QuerySet[Any, Any], rows: QuerySet[PhoneVerification]
) -> Summary:
    by_day: Counter[tuple[int, Outcome]] = Counter()
    reasons: Counter[str] = Counter()
    verified: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    for day, status, reason, operator, count in counts:
        by_day[day, Outcome.of(status)] += count
        if reason:
            reasons[reason] += count
        if operator and status not in LIVE:
            ended[operator] += count
            verified[operator] += count if status == Status.VERIFIED else 0
    # Errors are excluded: their time is when the verification was abandoned.
    answered = rows.filter(status__in=(Status.VERIFIED, Status.FAILED))
    times: Any = answered.order_by("-created_at").values_list("created_at", "completed_at")[
        :NEWEST_ANSWERED
    ]
    seconds = sorted((completed - created).total_seconds() for created, completed in times)
    operators = {name: (verified[name], number) for name, number in ended.most_common()}
    median, percentile_95 = (_nearest_rank(seconds, percent) for percent in (50, 95))
    return Summary(days, by_day, reasons, operators, median, percentile_95)


def _nearest_rank(values: list[float], percent: int) -> float | None:
    """Return the smallest of the sorted values that at least `percent` % of them do not exceed."""
    return values[ceil(len(values) * percent / 100) - 1] if values else None
