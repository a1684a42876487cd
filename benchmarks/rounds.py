"""Alternating measurements, so that other work of the machine affects all contestants alike."""

import gc
import time
from collections.abc import Callable
from typing import Any

Contestants = dict[str, Callable[[], Any]]


def in_turn(rounds: int, contestants: Contestants, warm_up: int = 3) -> dict[str, list[float]]:
    """Return the seconds of each call. The order of the contestants alternates.

    The first `warm_up` rounds fill caches and do not count.
    """
    times: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for number in range(-warm_up, rounds):
        gc.collect() if number % 50 == 0 else None
        for name in names if number % 2 else reversed(names):
            began = time.perf_counter()
            contestants[name]()
            if number >= 0:
                times[name].append(time.perf_counter() - began)
    return times
