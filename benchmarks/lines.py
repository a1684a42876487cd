"""The lines of the table: a measurement, its reference and its goal."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

HEAD = ("what", "here", "reference", "ratio", "goal", "verdict")


@dataclass(frozen=True)
class Line:
    """One measurement. With a reference, the goal is a limit for the ratio of the two."""

    what: str
    here: float
    unit: str
    goal: float | None
    #: The name of the reference; empty without one.
    beside: str = ""
    reference: float | None = None

    @property
    def ratio(self) -> float | None:
        """The measurement divided by the reference; None without one."""
        return self.here / self.reference if self.reference else None

    @property
    def verdict(self) -> str:
        """``met`` or ``MISSED``; empty without a goal."""
        if self.goal is None:
            return ""
        judged = self.here if self.reference is None else self.ratio or 0.0
        return "met" if judged <= self.goal else "MISSED"

    def cells(self) -> tuple[str, ...]:
        """Return the texts of the cells, in the order of `HEAD`."""
        return (
            self.what,
            _figure(self.here, self.unit),
            "" if self.reference is None else f"{_figure(self.reference, self.unit)} {self.beside}",
            "" if self.ratio is None else f"{self.ratio:.2f}",
            "" if self.goal is None else f"<= {self.goal:g}",
            self.verdict,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the line for the JSON file."""
        return {**asdict(self), "ratio": self.ratio, "verdict": self.verdict}


def against(what: str, times: dict[str, list[float]], goal: float | None, beside: str) -> Line:
    """Return the line of the times "here" and "reference".

    `times` are in seconds. The line has their medians in milliseconds.
    """
    here, reference = (median(times[name]) * 1000 for name in ("here", "reference"))
    return Line(what, here, "ms", goal, beside, reference)


def table(lines: Iterable[Line]) -> str:
    """Return the lines as a table of fixed width."""
    rows = [HEAD, *(line.cells() for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    texts = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([texts[0], "  ".join("-" * width for width in widths), *texts[1:]])


def _figure(value: float, unit: str) -> str:
    digits = 0 if value == int(value) else 2 if value < 100 else 1
    return f"{value:,.{digits}f} {unit}".rstrip()
