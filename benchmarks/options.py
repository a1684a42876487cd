"""How much a run measures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """The size of a run."""

    #: Rows of the large table.
    rows: int = 1_000_000
    #: Rows of the small table.
    few: int = 1_000
    #: Calls of each step that takes milliseconds.
    rounds: int = 300
    #: Callbacks that the threads send.
    callbacks: int = 2_000
    #: Visitors who come back within a second.
    visitors: int = 1_000


FULL = Options()
SMOKE = Options(rows=5_000, few=300, rounds=5, callbacks=40, visitors=40)
