"""The bar that a long command draws on a terminal, and what it leaves in a log file."""

import io

import pytest
from django.core.management.base import OutputWrapper

from django_plasgate_ip.management.progress import WIDTH, Bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(*steps: int, total: int, out: io.StringIO | None = None) -> str:
    """Return what a bar writes for these steps."""
    out = Terminal() if out is None else out
    with Bar(OutputWrapper(out), total) as bar:
        for rows in steps:
            bar.advance(rows)
    return out.getvalue()


def test_a_terminal_gets_a_bar_that_grows_in_its_line_and_ends_it() -> None:
    half = "#" * (WIDTH // 2) + "-" * (WIDTH // 2)

    assert drawn(1000, 1000, total=2000) == (
        f"\r[{half}] 1,000 of 2,000 \r[{'#' * WIDTH}] 2,000 of 2,000 \n"
    )


def test_anything_else_gets_nothing() -> None:
    assert drawn(1, 1, total=2, out=io.StringIO()) == ""


def test_nothing_done_is_nothing_drawn() -> None:
    assert drawn(total=0) == ""


@pytest.mark.parametrize(
    ("steps", "total"),
    [((1,), 3), ((0, 0), 3), ((5,), 3), ((3, 3, 3), 3), ((1,), 0), ((0,), 0)],
    ids=["fewer", "none", "more", "ever more", "none foreseen", "nothing"],
)
def test_the_line_is_ended_once_however_many_they_were(steps: tuple[int, ...], total: int) -> None:
    text = drawn(*steps, total=total)

    assert text.endswith(" \n")
    assert text.count("\n") == 1
    bars = [part.partition("]")[0] for part in text.split("\r[")[1:]]
    assert [len(bar) for bar in bars] == [WIDTH] * len(steps)


def test_the_line_is_ended_where_the_work_breaks_off() -> None:
    def broken_off(bar: Bar) -> None:
        with bar:
            bar.advance(1)
            raise KeyboardInterrupt

    out = Terminal()
    with pytest.raises(KeyboardInterrupt):
        broken_off(Bar(OutputWrapper(out), 2))

    assert out.getvalue().endswith("1 of 2 \n")
