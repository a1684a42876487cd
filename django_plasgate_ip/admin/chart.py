"""The summary as the template shows it: figures formatted, bars as coordinates.

The drawing is an SVG in the page itself, without script or style, which a Content Security Policy
of ``default-src 'self'`` allows. Its colours are the classes of ``admin.css``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from django_plasgate_ip.admin import statistics
from django_plasgate_ip.admin.statistics import Outcome, Summary
from django_plasgate_ip.reasons import Reason

TOP_REASONS = 3
# The template's drawing is 30 days wide. The page stretches it.
DAY_WIDTH = 10
HEIGHT = 100
GAP = 1
NO_FIGURE = "–"  # noqa: RUF001 - a dash, where a figure would be


@dataclass(frozen=True)
class Day:
    """One day: its bar, and its row in the table."""

    label: str
    x: int
    #: Outcome, y and height of each part. The origin is the upper left corner.
    bar: list[tuple[Outcome, str, str]]
    counts: list[str]
    total: str
    title: str


@dataclass(frozen=True)
class Chart:
    """What the template needs, formatted for the active language."""

    total: str
    success_rate: str
    median: str
    percentile_95: str
    newest_answered: str
    #: Each outcome with its count.
    legend: list[tuple[Outcome, str]]
    #: The commonest reasons with their count and share.
    reasons: list[tuple[Reason, str, str]]
    days: list[Day]
    busiest: Day


def draw(summary: Summary) -> Chart | None:
    """Return the chart in the active language, or None if there were no verifications."""
    indexes = range(len(summary.days))
    counts = [[summary.by_day[index, outcome] for outcome in Outcome] for index in indexes]
    totals = [sum(day) for day in counts]
    most = max(totals)
    if not most:
        return None
    days = [_day(index, summary.days[index], counts[index], most) for index in indexes]
    return Chart(
        total=_number(sum(totals)),
        success_rate=_percent(summary.success_rate),
        median=_seconds(summary.median),
        percentile_95=_seconds(summary.percentile_95),
        newest_answered=_number(statistics.NEWEST_ANSWERED),
        legend=[(outcome, _number(summary.total(outcome))) for outcome in Outcome],
        reasons=list(_reasons(summary)),
        days=days,
        busiest=days[totals.index(most)],
    )


def _day(index: int, day: date, counts: list[int], most: int) -> Day:
    label = date_format(day, "MONTH_DAY_FORMAT")
    shown = [_number(count) for count in counts]
    parts = [f"{o.label} {n}" for o, n, count in zip(Outcome, shown, counts, strict=True) if count]
    return Day(
        label=label,
        x=index * DAY_WIDTH,
        bar=list(_bar(counts, most)),
        counts=shown,
        total=_number(sum(counts)),
        title=f"{label}: {', '.join(parts) or _number(0)}",
    )


def _bar(counts: list[int], most: int) -> Iterator[tuple[Outcome, str, str]]:
    """Yield the parts of one bar, the verified at the foot."""
    below = 0
    for outcome, count in zip(Outcome, counts, strict=True):
        if count:
            below += count
            y, height = HEIGHT * (1 - below / most), HEIGHT * count / most
            # The gap shows the parts without colours, too. f-strings: SVG has no decimal comma.
            yield outcome, f"{y:.2f}", f"{max(height - GAP, height / 2):.2f}"


def _reasons(summary: Summary) -> Iterator[tuple[Reason, str, str]]:
    """Yield the commonest reasons with their count and their share of all that have a reason."""
    total = summary.reasons.total()
    for reason, count in summary.reasons.most_common(TOP_REASONS):
        yield Reason(reason), _number(count), _percent(count / total)


def _number(number: int) -> str:
    return number_format(number, force_grouping=True)


def _percent(share: float | None) -> str:
    if share is None:
        return NO_FIGURE
    return _("%(percent)s %%") % {"percent": number_format(share * 100, 0)}


def _seconds(value: float | None) -> str:
    return NO_FIGURE if value is None else seconds(value)


def seconds(value: float) -> str:
    """Return a time as the list and the summary show it."""
    return _("%(seconds)s s") % {"seconds": number_format(value, 1)}
