"""Figures of a run, such as how many callbacks were raced; printed at its end."""

# Each figure's rank and text. Of two of a name, the one with the higher rank is kept.
recorded: dict[str, tuple[float, str]] = {}


def record(name: str, value: object) -> None:
    """Keep a figure; the last one of a name counts."""
    recorded[name] = (0, str(value))


def record_greatest(name: str, value: float, unit: str) -> None:
    """Keep a figure; the greatest one of a name counts."""
    merge({name: (value, f"{value:.1f} {unit}")})


def merge(figures: dict[str, tuple[float, str]]) -> None:
    """Keep what another process recorded."""
    for name, figure in figures.items():
        recorded[name] = max(figure, recorded.get(name, figure))


def lines() -> list[str]:
    """Return what was recorded, a line for each."""
    return [f"{name}: {text}" for name, (_rank, text) in sorted(recorded.items())]
