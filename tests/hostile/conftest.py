"""Fixtures: a PlasGate that knows whose code is whose, and examples by the thousand."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

from django_plasgate_ip.sandbox.answers import KEYS_REFUSED, Reply, json_reply
from tests import figures
from tests.conftest import Answers
from tests.visitor import CODE, STATE, VERIFIED


class PlasGate:
    """Answers for the codes that it has issued, and refuses all others."""

    def __init__(self, answers: Answers) -> None:
        #: The code and state of each callback that it issued, and the answer to them.
        self.codes: dict[tuple[str, str], dict[str, Any]] = {(CODE, STATE): VERIFIED}
        self._answers = answers.by(self._reply)

    @property
    def sent(self) -> list[dict[str, Any]]:
        """What was sent to the exchange."""
        return [call.sent for call in self._answers.calls]

    def forget(self) -> None:
        """Forget what was sent."""
        self._answers.forget_calls()

    def _reply(self, sent: dict[str, Any]) -> Reply:
        answer = self.codes.get((sent["code"], sent["state"]))
        return KEYS_REFUSED if answer is None else json_reply(answer)


@pytest.fixture
def plasgate(answers: Answers) -> PlasGate:
    return PlasGate(answers)


@pytest.fixture(scope="session")
def tried() -> Iterator[Counter[str]]:
    """Return what counts for the figures at the end of the run."""
    counted: Counter[str] = Counter()
    yield counted
    for name, value in counted.items():
        figures.record(name, value)


@dataclass(frozen=True)
class Examples:
    """Runs the function that it decorates, at once, for many examples.

    A property thus uses fixtures like any test, and once for all of its examples: what they change
    is its own to put back.
    """

    many: int
    counted: Counter[str]

    def of(self, what: str, **strategies: SearchStrategy[Any]) -> Callable[..., None]:
        def run(check: Callable[..., None]) -> None:
            chosen = settings(
                max_examples=self.many,
                # The few are the same each time; of the many, a failure prints how to repeat it.
                derandomize=self.many < 1000,
                print_blob=True,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            )

            @wraps(check)
            def counting(**drawn: Any) -> None:
                self.counted[f"Examples tried: {what}"] += 1
                check(**drawn)

            chosen(given(**strategies)(counting))()

        return run


@pytest.fixture(
    params=[
        pytest.param(50, id="some"),
        pytest.param(2000, id="thousands", marks=pytest.mark.worlds),
    ]
)
def examples(request: pytest.FixtureRequest, tried: Counter[str]) -> Examples:
    """Return what tries a property: a few times everywhere, thousands of times once.

    A database has its say in which characters it takes, and for that hundreds will do: on MariaDB
    a run with thousands took seven minutes.
    """
    if request.param > 50 and connection.vendor != "sqlite":
        return Examples(200, tried)
    return Examples(request.param, tried)
