"""Figures of a run, such as how many callbacks were raced; printed at its end."""

_figures: dict[str, object] = {}
_greatest: dict[str, float] = {}
_sums: dict[str, int] = {}


def record(name: str, value: object) -> None:
    """Keep a figure; the last one of a name counts."""
    _figures[name] = value


def record_greatest(name: str, value: float, unit: str) -> None:
    """Keep a figure; the greatest one of a name counts."""
    _greatest[name] = max(value, _greatest.get(name, value))
    record(name, f"{_greatest[name]:.1f} {unit}")


def record_more(name: str, more: int) -> None:
    """Add to a figure."""
    _sums[name] = _sums.get(name, 0) + more
    record(name, f"{_sums[name]:,}")


def state() -> tuple[dict[str, str], dict[str, float], dict[str, int]]:
    """Return what was recorded in this process, for `merge` in another."""
    figures = {name: str(value) for name, value in _figures.items() if name not in _sums}
    return figures, _greatest, _sums


def merge(figures: dict[str, str], greatest: dict[str, float], sums: dict[str, int]) -> None:
    """Keep what another process recorded; of the greatest, the greater one, and of sums, both."""
    for name, more in sums.items():
        record_more(name, more)
    smaller = {name for name, value in greatest.items() if value < _greatest.get(name, value)}
    for name in figures.keys() - smaller:
        record(name, figures[name])
    _greatest.update({name: greatest[name] for name in greatest.keys() - smaller})


def lines() -> list[str]:
    """Return what was recorded, a line for each."""
    return [f"{name}: {value}" for name, value in sorted(_figures.items())]
