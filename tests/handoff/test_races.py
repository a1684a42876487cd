"""Two at once: of phones one gets the link, and of taps one starts an attempt."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from django_plasgate_ip.handoff.models import PhoneHandoff
from django_plasgate_ip.models import PhoneVerification
from tests.handoff.devices import Phone, choices, code_on, followed, offered, tap
from tests.visitor import Visitor

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 6


def at_once(act: Callable[[Any], Any], each: Sequence[Any]) -> list[Any]:
    """Return what `act` makes of each, all in threads of their own."""
    ready = Barrier(len(each))

    def run(one: Any) -> Any:
        ready.wait()
        try:
            return act(one)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(each)) as pool:
        return list(pool.map(run, each))


def test_of_phones_that_open_a_link_at_once_one_may_use_it(visitor: Visitor) -> None:
    path = offered(visitor.get("/phone/"))
    phones = [Phone() for _ in range(AT_ONCE)]

    pages = at_once(lambda phone: phone.get(path), phones)

    assert sorted(page.status_code for page in pages) == [200] + [403] * (AT_ONCE - 1)
    assert PhoneHandoff.objects.count() == 1
    (first,) = [n for n, page in enumerate(pages) if page.status_code == 200]
    code = code_on(visitor, path)
    assert code in choices(pages[first])
    assert tap(phones[first], pages[first], code).status_code == 302


def test_of_taps_at_once_one_starts_an_attempt(visitor: Visitor) -> None:
    path = offered(visitor.get("/phone/"))
    phone = Phone()
    page = phone.get(path)
    code = code_on(visitor, path)

    taps = at_once(lambda tab: tap(tab, page, code), [phone.other_tab() for _ in range(AT_ONCE)])

    assert sorted(each.status_code for each in taps) == [302] + [410] * (AT_ONCE - 1)
    assert PhoneVerification.objects.count() == 1
    assert followed(visitor, path)["stage"] == "started"


def test_of_different_taps_at_once_one_counts(visitor: Visitor) -> None:
    path = offered(visitor.get("/phone/"))
    phone = Phone()
    page = phone.get(path)
    code = code_on(visitor, path)

    taps = at_once(lambda choice: tap(phone.other_tab(), page, choice), choices(page))

    # Trying all of them at once is still one guess.
    answers = sorted(each.status_code for each in taps)
    started = PhoneVerification.objects.count()
    assert answers in ([302, *[410] * 5], [403, *[410] * 5])
    assert started == (answers[0] == 302)
    assert followed(visitor, path)["stage"] == ("started" if started else "wrong")
    assert code in choices(page)
