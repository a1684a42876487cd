"""A progress bar on a terminal, and nothing in a log file."""

from typing import Any

WIDTH = 30


class Bar:
    """Shows how many of `total` rows are done; as a context manager it ends its line, however.

    The total may be passed, or never reached: other processes add rows, and do some of the work.
    """

    def __init__(self, stream: Any, total: int) -> None:
        self.done = 0
        self._stream = stream
        self._total = total
        self._drawn = False

    def advance(self, rows: int) -> None:
        """Count `rows` more, and redraw the bar."""
        self.done += rows
        if self._stream.isatty():
            self._draw()

    def _draw(self) -> None:
        full = min(WIDTH, WIDTH * self.done // max(self._total, 1))
        bar = "#" * full + "-" * (WIDTH - full)
        self._stream.write(f"\r[{bar}] {self.done:,} of {self._total:,} ", ending="")
        self._stream.flush()
        self._drawn = True

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._drawn:
            self._stream.write("")
