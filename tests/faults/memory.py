"""How much memory a block takes at its worst; the worst of all is a figure of the run."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import figures

MIB = 1024 * 1024
PROCESS = Path("/proc/self")


@contextmanager
def at_most(limit: int) -> Iterator[None]:
    """Fail where the block's objects, or on Linux the process, grow by more than `limit` bytes."""
    tracemalloc.start()
    exact = reset_peak()
    before = peak_resident()
    try:
        yield
        _left, peak = tracemalloc.get_traced_memory()
        resident = peak_resident() - before
    finally:
        tracemalloc.stop()
    record("objects", peak)
    if exact:
        record("process", resident)
    assert peak < limit, f"{peak / MIB:.1f} MiB of objects"
    assert resident < limit, f"{resident / MIB:.1f} MiB more resident"


def reset_peak() -> bool:
    """Let the process's peak be what it takes now; return whether that could be done.

    See proc(5). Where there is no such file, or no right to write it, the peak is the one ever, and
    less is noticed.
    """
    try:
        (PROCESS / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_resident() -> int:
    """Return the most that this process has held in memory; 0 where nobody knows."""
    status = PROCESS / "status"
    if not status.exists():
        return 0
    (line,) = [each for each in status.read_text().splitlines() if each.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def record(what: str, grown: int) -> None:
    """Keep the greatest growth for the end of the run."""
    figures.record_greatest(f"Faults: most memory for one callback, {what}", grown / MIB, "MiB")
