"""The summary as the page shows it: every figure in words and digits, every bar in coordinates.

The drawing is an SVG in the page itself, without script or style, so a Content Security Policy of
``default-src 'self'`` does it no harm. Its colours are the classes of ``admin.css``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from django_plasgate_ip.admin.statistics import Outcome, Summary
from django_plasgate_ip.reasons import Reason, Status

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

TOP_REASONS = 3
# Units of the drawing, which the page stretches to the room there is.
DAY_WIDTH = 10
BAR_WIDTH = 8
HEIGHT = 100
GAP = 1

LABELS: "dict[Outcome, str | _StrPromise]" = {
    Outcome.VERIFIED: Status.VERIFIED.label,
    Outcome.FAILED: Status.FAILED.label,
    Outcome.ERROR: Status.ERROR.label,
    Outcome.LIVE: pgettext_lazy("status", "not ended"),
}


@dataclass(frozen=True)
class Segment:
    """The part of a day's bar that one outcome has; the origin is the upper left corner."""

    outcome: str
    y: str
    height: str


@dataclass(frozen=True)
class Day:
    """One day: its bar, and its row in the table."""

    label: str
    x: int
    segments: tuple[Segment, ...]
    counts: tuple[str, ...]
    total: str
    title: str


@dataclass(frozen=True)
class Total:
    """One outcome in the legend."""

    outcome: str
    label: "str | _StrPromise"
    count: str


@dataclass(frozen=True)
class Cause:
    """One reason: how often, and what to do about it."""

    label: "str | _StrPromise"
    count: str
    share: str
    advice: "str | _StrPromise"


@dataclass(frozen=True)
class Chart:
    """What the template needs, formatted for the reader's language."""

    attempts: str
    success_rate: str
    median: str
    percentile_95: str
    days: tuple[Day, ...]
    totals: tuple[Total, ...]
    causes: tuple[Cause, ...]
    busiest: Day
    is_estimate: bool
    sampled: str
    width: int
    height: int = HEIGHT
    bar_width: int = BAR_WIDTH


def draw(summary: Summary) -> Chart | None:
    """Return the chart in the active language, or None where there is nothing to draw."""
    if not summary.sampled:
        return None
    days = tuple(_days(summary))
    busiest, _most = _busiest(summary)
    return Chart(
        attempts=_number(summary.scaled(summary.sampled)),
        success_rate=_percent(summary.success_rate),
        median=_seconds(summary.median),
        percentile_95=_seconds(summary.percentile_95),
        days=days,
        totals=tuple(
            Total(outcome.value, LABELS[outcome], _number(summary.scaled(summary.total(outcome))))
            for outcome in Outcome
        ),
        causes=tuple(_causes(summary)),
        busiest=days[busiest],
        is_estimate=summary.is_estimate,
        sampled=_number(summary.sampled),
        width=DAY_WIDTH * len(days),
    )


def _busiest(summary: Summary) -> tuple[int, int]:
    """Return the day with the most attempts, and how many of the sample those are."""
    totals = [
        sum(summary.by_day[index, outcome] for outcome in Outcome)
        for index in range(len(summary.days))
    ]
    return totals.index(max(totals)), max(totals)


def _days(summary: Summary) -> Iterator[Day]:
    _index, most = _busiest(summary)
    for index, day in enumerate(summary.days):
        counts = {outcome: summary.by_day[index, outcome] for outcome in Outcome}
        shown = {outcome: _number(summary.scaled(count)) for outcome, count in counts.items()}
        label = date_format(day, "MONTH_DAY_FORMAT")
        parts = (f"{LABELS[outcome]} {shown[outcome]}" for outcome in Outcome if counts[outcome])
        yield Day(
            label=label,
            x=index * DAY_WIDTH,
            segments=tuple(_segments(counts, most)),
            counts=tuple(shown.values()),
            total=_number(summary.scaled(sum(counts.values()))),
            title=f"{label}: {', '.join(parts) or shown[Outcome.VERIFIED]}",
        )


def _segments(counts: dict[Outcome, int], most: int) -> Iterator[Segment]:
    """Yield the parts of one bar, the verified at the foot."""
    below = 0
    for outcome, count in counts.items():
        if count:
            below += count
            y, height = HEIGHT * (1 - below / most), HEIGHT * count / most
            # Not only their colours part them. And not localised: a comma would end the number.
            yield Segment(outcome.value, f"{y:.2f}", f"{max(height - GAP, height / 2):.2f}")


def _causes(summary: Summary) -> Iterator[Cause]:
    ended_badly = sum(summary.reasons.values())
    for code, count in summary.reasons.most_common(TOP_REASONS):
        reason = Reason(code)
        yield Cause(
            reason.label,
            _number(summary.scaled(count)),
            _percent(count / ended_badly),
            reason.staff_message,
        )


def _number(number: int) -> str:
    return number_format(number, force_grouping=True)


def _percent(share: float | None) -> str:
    if share is None:
        return "–"  # noqa: RUF001 - a dash, where a figure would be
    return _("%(percent)s %%") % {"percent": number_format(share * 100, 0)}


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "–"  # noqa: RUF001
    return _("%(seconds)s s") % {"seconds": number_format(seconds, 1)}
