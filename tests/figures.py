"""Figures of a run, such as how many callbacks were raced; printed at its end."""

_figures: dict[str, object] = {}


def record(name: str, value: object) -> None:
    """Keep a figure; the last one of a name counts."""
    _figures[name] = value


def lines() -> list[str]:
    """Return what was recorded, a line for each."""
    return [f"{name}: {value}" for name, value in sorted(_figures.items())]
