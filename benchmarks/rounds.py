"""Alternating measurements, so that other work of the machine affects all contestants alike."""

import gc
import time
from collections.abc import Callable
from typing import Any

Contestants = dict[str, Callable[[], Any]]


def in_turn(
    rounds: int, contestants: Contestants, warm_up: int = 3, in_a_row: int = 1
) -> dict[str, list[float]]:
    """Return the seconds of each call. The order of the contestants alternates.

    `in_a_row`: how many calls make a turn. With one, a contestant also waits for what the other has
    pushed out of the processor's caches. The first `warm_up` calls of each do not count.
    """
    times: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for call in contestants.values():
        for _ in range(warm_up):
            call()
    for turn, first in enumerate(range(0, rounds, in_a_row)):
        gc.collect() if first % 50 == 0 else None
        for name in names if turn % 2 else reversed(names):
            for _ in range(min(in_a_row, rounds - first)):
                began = time.perf_counter()
                contestants[name]()
                times[name].append(time.perf_counter() - began)
    return times
