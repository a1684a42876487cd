"""The summary in the form that the template shows: formatted figures, and coordinates of bars.

The chart is an inline SVG without scripts or styles, so a Content Security Policy of
``default-src 'self'`` allows it. ``admin.css`` sets its colours.
"""

from collections.abc import Iterator
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from django_plasgate_ip.admin.statistics import NEWEST_ANSWERED, Outcome, Summary
from django_plasgate_ip.reasons import Reason

# Units of the SVG's viewBox, which is 30 days wide. The page stretches it.
DAY_WIDTH = 10
HEIGHT = 100
GAP = 1
NO_FIGURE = "–"  # noqa: RUF001 - a dash in place of a figure


def draw(summary: Summary) -> dict[str, Any] | None:
    """Return the variables of ``summary.html``, formatted for the active language.

    Return None if there are no verifications.
    """
    totals = [sum(summary.of_day(index)) for index in range(len(summary.days))]
    most = max(totals)
    if not most:
        return None
    days = [_day(summary, index, most) for index in range(len(summary.days))]
    with_reason = summary.reasons.total()
    return {
        "total": _number(sum(totals)),
        "success_rate": _percent(summary.success_rate),
        "median": seconds(summary.median),
        "percentile_95": seconds(summary.percentile_95),
        "newest_answered": _number(NEWEST_ANSWERED),
        "legend": [(outcome, _number(summary.total(outcome))) for outcome in Outcome],
        # The share is of all verifications with a reason.
        "reasons": [
            (Reason(reason), _number(count), _percent(count / with_reason))
            for reason, count in summary.reasons.most_common(3)
        ],
        "operators": [
            (name, _number(ended), _percent(verified / ended))
            for name, (verified, ended) in summary.operators.items()
        ],
        "days": days,
        "busiest": days[totals.index(most)],
    }


def _day(summary: Summary, index: int, most: int) -> dict[str, Any]:
    label = date_format(summary.days[index], "MONTH_DAY_FORMAT")
    counts = summary.of_day(index)
    parts = [f"{o.label} {_number(n)}" for o, n in zip(Outcome, counts, strict=True) if n]
    return {
        "label": label,
        "x": index * DAY_WIDTH,
        "bar": list(_bar(counts, most)),
        "counts": [_number(count) for count in counts],
        "total": _number(sum(counts)),
        "title": f"{label}: {', '.join(parts) or _number(0)}",
    }


def _bar(counts: list[int], most: int) -> Iterator[tuple[Outcome, str, str]]:
    """Yield the outcome, y and height of each part, from the bottom up. y is 0 at the top."""
    below = 0
    for outcome, count in zip(Outcome, counts, strict=True):
        if count:
            below += count
            y, height = HEIGHT * (1 - below / most), HEIGHT * count / most
            # The gap separates the parts for readers who can't tell the colours apart. f-strings
            # ignore the language, because SVG does not accept a decimal comma.
            yield outcome, f"{y:.2f}", f"{max(height - GAP, height / 2):.2f}"


def _number(number: int) -> str:
    return number_format(number, force_grouping=True)


def _percent(share: float | None) -> str:
    if share is None:
        return NO_FIGURE
    return _("%(percent)s %%") % {"percent": number_format(share * 100, 0)}


def seconds(value: float | None) -> str:
    """Return a number of seconds as text, such as ``4.2 s``. None is a dash."""
    if value is None:
        return NO_FIGURE
    return _("%(seconds)s s") % {"seconds": number_format(value, 1)}
