"""Callbacks in several processes: one exchanges the code, without a lock, even if it is killed."""

import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice

import pytest
from django.db import transaction

from django_plasgate_ip.models import PhoneVerification
from tests.races.conftest import Site
from tests.servers import LONG, RemoteVisitor
from tests.verification.rows import stored_end
from tests.visitor import newest, outcome

pytestmark = [pytest.mark.worlds, pytest.mark.django_db(transaction=True)]

CALLBACKS = 200


def over(site: Site, browser: RemoteVisitor, tabs: int = CALLBACKS) -> list[RemoteVisitor]:
    """Return tabs of this browser, spread over the site's processes."""
    return [browser.other_tab(site[number % len(site)]) for number in range(tabs)]


def test_of_two_hundred_simultaneous_callbacks_one_exchanges_and_the_others_do_not_wait(
    site, browser, provider, heard
):
    browser.start(next="/here/")
    with ThreadPoolExecutor(CALLBACKS) as pool, provider.held():
        with transaction.atomic():
            # The lock lets all threads of both processes read the verification as live before one
            # of them claims it.
            PhoneVerification.objects.update(next_url="/here/")
            callbacks = [pool.submit(tab.come_back) for tab in over(site, browser)]
            time.sleep(1)
        # PlasGate has not answered yet, so these callbacks did not wait for it.
        answered = list(islice(as_completed(callbacks, LONG / 2), CALLBACKS - 1))

        # If the exchange locked the row, this would wait until PlasGate has answered.
        PhoneVerification.objects.update(next_url="/here/")
        under_way = outcome()
        pages = [tab.get(answered[0].result()["Location"]) for tab in over(site, browser, 2)]
        heard_meanwhile = heard()
    (winner,) = set(callbacks) - set(answered)

    own_page = f"/phone/{newest().pk}/"
    went = [(each.result().status_code, each.result()["Location"]) for each in (winner, *answered)]
    assert went == [(303, "/here/")] + [(303, own_page)] * (CALLBACKS - 1)
    assert (under_way, heard_meanwhile) == (("exchanging", ""), [])
    assert all("In progress" in page.content.decode() and page["Refresh"] for page in pages)
    assert len(provider.requests) == 1
    assert heard() == [f"verified {newest().pk}"]
    assert outcome() == ("verified", "")


def test_after_a_kill_during_the_exchange_the_visitor_can_start_again_at_once(
    start_server, site, browser, provider, heard
):
    browser.server = start_server()
    browser.start()
    with ThreadPoolExecutor(1) as pool, provider.held():
        callback = pool.submit(browser.other_tab().come_back)
        provider.wait_until_asked()
        browser.server.kill()
        with pytest.raises(ConnectionError):
            callback.result()
    cut_off = newest()
    assert (stored_end(cut_off), heard()) == (("exchanging", ""), [])

    began = time.monotonic()
    # Each step is in another process.
    browser.server = site[0]
    browser.start(next="/here/")
    assert stored_end(cut_off) == ("error", "interrupted")
    browser.server = site[1]
    assert browser.come_back()["Location"] == "/here/"
    browser.server = site[0]
    assert browser.come_back()["Location"] == f"/phone/{newest().pk}/"

    assert outcome() == ("verified", "")
    assert heard() == [f"failed {cut_off.pk} interrupted", f"verified {newest().pk}"]
    # The visitor did not wait until the old exchange was stale.
    assert time.monotonic() - began < LONG / 2
    assert len(provider.requests) == 2
