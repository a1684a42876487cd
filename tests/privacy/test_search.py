"""The search has no blind spot: a leak in each kind of place is found."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.privacy import canaries
from tests.privacy.canaries import CANARIES, NATIONAL, Broken, Search, break_down
from tests.privacy.conftest import Log

pytestmark = pytest.mark.worlds


def found(look: Callable[[Search], Any]) -> set[str]:
    """Return the kinds of canary that a search finds."""
    search = Search()
    look(search)
    return {line.partition(" ")[0] for line in search.found}


def test_every_canary_is_found_in_each_notation() -> None:
    settings = (canaries.SECRET_KEY, canaries.PRIVATE_KEY, canaries.ENCRYPTION_KEY)
    texts = f"{canaries.VERIFIED} {settings} {canaries.DIGITS}"
    street = "7+Canary+%3CStreet%3E or 7 Canary &lt;Street&gt; &amp; Co or \\u1780\\u17b6\\u178e"

    assert [name for name, pattern in CANARIES.items() if not pattern.search(texts)] == []
    assert found(lambda search: search.look("there", street)) == {"claim"}
    for number in (*canaries.TYPED, "96%20873%201942", "96\xa0873\xa01942"):
        assert found(partial(Search.look, place="there", text=number)) == {"number"}
    assert found(lambda search: search.look("there", canaries.MASKED)) == set()


def test_a_value_in_a_frame_of_a_chained_error_is_found() -> None:
    def fail() -> None:
        try:
            break_down([{"a": (NATIONAL,)}])
        except Broken:
            raise ValueError("later")  # noqa: B904 - the context is looked at

    with pytest.raises(ValueError, match="later") as caught:
        fail()

    assert found(lambda search: search.look_at_error("frames", caught.value)) == {"number"}


def test_a_value_in_a_log_record_is_found(log: Log) -> None:
    for name in ("some.other", "django.request", "urllib3.connectionpool"):
        log.records.clear()
        logging.getLogger(name).debug("for %s", NATIONAL)

        assert found(lambda search: search.look_at_log(log.records)) == {"number"}
