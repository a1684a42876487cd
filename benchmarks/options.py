"""What the command line says of how much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """How large the run is."""

    #: Rows of the large table.
    rows: int = 1_000_000
    #: Rows of the small one.
    few: int = 1_000
    #: Rounds of what takes milliseconds.
    rounds: int = 300
    #: Processes started, of each kind.
    processes: int = 61
    #: Callbacks through the threads.
    callbacks: int = 2_000


FULL = Options()
SMOKE = Options(rows=5_000, few=300, rounds=5, processes=3, callbacks=40)
