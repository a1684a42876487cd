"""Figures of a run, such as how many callbacks were raced; printed at its end."""

_figures: dict[str, object] = {}
_greatest: dict[str, float] = {}


def record(name: str, value: object) -> None:
    """Keep a figure; the last one of a name counts."""
    _figures[name] = value


def record_greatest(name: str, value: float, unit: str) -> None:
    """Keep a figure; the greatest one of a name counts."""
    _greatest[name] = max(value, _greatest.get(name, value))
    record(name, f"{_greatest[name]:.1f} {unit}")


def lines() -> list[str]:
    """Return what was recorded, a line for each."""
    return [f"{name}: {value}" for name, value in sorted(_figures.items())]
