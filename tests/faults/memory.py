"""The most memory that a block needs."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1024 * 1024
PROCESS = Path("/proc/self")


@contextmanager
def at_most(limit: int) -> Iterator[None]:
    """Fail where the block's objects, or on Linux the process, grow by more than `limit` bytes."""
    reset_peak()
    tracemalloc.start()
    before = peak_resident()
    try:
        yield
        _left, peak = tracemalloc.get_traced_memory()
        resident = peak_resident() - before
    finally:
        tracemalloc.stop()
    assert peak < limit, f"{peak / MIB:.1f} MiB of objects"
    assert resident < limit, f"{resident / MIB:.1f} MiB more resident"


def reset_peak() -> bool:
    """Reset the process's peak, and return whether that was possible; see proc(5)."""
    try:
        (PROCESS / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_resident() -> int:
    """Return the most bytes that this process had in memory; 0 on a system without proc(5)."""
    status = PROCESS / "status"
    if not status.exists():
        return 0
    (line,) = [each for each in status.read_text().splitlines() if each.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024
