"""Simultaneous requests: one phone gets the link, and one tap counts."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from django_plasgate_ip.handoff.claim_and_confirm import claim, confirm, progress
from django_plasgate_ip.handoff.errors import HandoffRefused, Refusal
from django_plasgate_ip.handoff.models import PhoneHandoff
from django_plasgate_ip.models import PhoneVerification
from tests.handoff.devices import new_token, request_of
from tests.visitor import NUMBER

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 6


def at_once(act: Callable[[Any], Any], each: Iterable[Any]) -> list[Any]:
    """Return what `act` returns for each, or the reason of its refusal; each in a thread."""
    ready = Barrier(AT_ONCE)

    def run(one: Any) -> Any:
        ready.wait()
        try:
            return act(one)
        except HandoffRefused as refused:
            return refused.reason
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, each))


def test_one_of_several_phones_claims_the_link(user):
    token = new_token(request_of(user))
    claims = at_once(lambda phone: claim(phone, token), [request_of() for _ in range(AT_ONCE)])

    assert claims.count(Refusal.OTHER_PHONE) == AT_ONCE - 1
    (first,) = [each for each in claims if each is not Refusal.OTHER_PHONE]
    assert first.handoff == PhoneHandoff.objects.get()


@pytest.mark.parametrize("has_one_code", [True, False])
def test_one_of_several_taps_counts(user, has_one_code):
    computer, phone = request_of(user), request_of()
    token = new_token(computer)
    code = claim(phone, token).handoff.code
    progress(computer, token)
    mine = claim(phone, token)
    codes = [code] * AT_ONCE if has_one_code else mine.handoff.choices.split()

    taps = at_once(lambda code: confirm(phone, mine, code, NUMBER), codes)

    # Trying all pairs at once is still one guess.
    assert taps.count(Refusal.USED) == AT_ONCE - 1
    was_wrong = PhoneHandoff.objects.get().was_wrong
    assert (Refusal.WRONG_CODE in taps) == was_wrong
    assert PhoneVerification.objects.count() == (not was_wrong)
    assert not (has_one_code and was_wrong)
