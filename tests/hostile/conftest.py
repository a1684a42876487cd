"""Fixtures: a PlasGate that answers only for its own codes, and many examples for a property."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

from django_plasgate_ip.sandbox.answers import KEYS_REFUSED, Reply, json_reply
from tests.conftest import Answers
from tests.visitor import CODE, STATE, VERIFIED

#: A decorator that runs a function at once, for many examples of its arguments.
Examples = Callable[..., Callable[[Callable[..., None]], None]]


class PlasGate:
    """Answers for the codes that it has issued, and rejects all others."""

    def __init__(self, answers: Answers) -> None:
        #: The code and state of each callback that it issued, and the answer to them.
        self.codes: dict[tuple[str, str], dict[str, Any]] = {(CODE, STATE): VERIFIED}
        self.answers = answers.by(self._reply)

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The JSON bodies that the exchange has received."""
        return [call.sent for call in self.answers.calls]

    def _reply(self, sent: dict[str, Any]) -> Reply:
        answer = self.codes.get((sent["code"], sent["state"]))
        return KEYS_REFUSED if answer is None else json_reply(answer)


@pytest.fixture
def plasgate(answers: Answers) -> PlasGate:
    return PlasGate(answers)


@pytest.fixture(
    params=[pytest.param(50, id="some"), pytest.param(300, id="hundreds", marks=pytest.mark.worlds)]
)
def examples(request: pytest.FixtureRequest) -> Examples:
    """Return the decorator of a property: ``@examples(name=strategy, …)``.

    The property uses the fixtures of its test, once for all examples: it has to undo what an
    example changes.
    """
    chosen = settings(
        max_examples=request.param,
        # A few are the same in each run. Of many, a failure prints how to repeat it.
        derandomize=request.param == 50,
        print_blob=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    def examples_of(**strategies: SearchStrategy[Any]) -> Callable[[Callable[..., None]], None]:
        return lambda check: chosen(given(**strategies)(check))()

    return examples_of
