"""Once: of any number of callbacks, over any number of processes, one exchanges."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from itertools import islice

import pytest
from django.db import transaction

from django_plasgate_ip.models import PhoneVerification
from tests.figures import record
from tests.races import database
from tests.servers import LONG, THREADS, PatientProvider, RemoteVisitor, Server
from tests.visitor import TYPED, attempt, outcome

pytestmark = [pytest.mark.worlds, pytest.mark.django_db(transaction=True)]

CALLBACKS = 200
# The threads of both processes: so many can have read an attempt as live before one claims it.
AT_ONCE = 2 * THREADS
Site = tuple[Server, Server]


def over(site: Site, browser: RemoteVisitor, tabs: int = CALLBACKS) -> list[RemoteVisitor]:
    """Return tabs of this browser, spread over the site's processes."""
    return [browser.other_tab(site[number % len(site)]) for number in range(tabs)]


@contextmanager
def claims_held_back(verification: PhoneVerification) -> Iterator[None]:
    """Let nobody claim the attempt until all threads, which have read it as live, try to."""
    with transaction.atomic():
        PhoneVerification.objects.filter(pk=verification.pk).update(next_url=verification.next_url)
        yield
        database.wait_for_waiting(AT_ONCE)


def test_two_hundred_callbacks_at_once_make_one_exchange_and_the_losers_do_not_wait(
    site: Site, browser: RemoteVisitor, provider: PatientProvider, heard: Callable[[], list[str]]
) -> None:
    browser.start(next="/here/")
    with ThreadPoolExecutor(CALLBACKS) as pool, provider.held():
        with claims_held_back(attempt()):
            callbacks = [pool.submit(tab.come_back) for tab in over(site, browser)]
        began = time.monotonic()
        # PlasGate has answered nobody yet: who is answered now has not waited for it.
        answered = list(islice(as_completed(callbacks, LONG / 2), CALLBACKS - 1))
        took = time.monotonic() - began
        under_way = outcome()
        pages = [tab.get(answered[0].result()["Location"]) for tab in over(site, browser, 2)]
        heard_meanwhile = heard()
    (winner,) = set(callbacks) - set(answered)

    own_page = f"/phone/{attempt().pk}/"
    assert {(loser.result().status_code, loser.result()["Location"]) for loser in answered} == {
        (302, own_page)
    }
    assert (winner.result().status_code, winner.result()["Location"]) == (302, "/here/")
    assert under_way == ("exchanging", "")
    assert all("In progress" in page.content.decode() and page["Refresh"] for page in pages)
    assert heard_meanwhile == []
    assert len(provider.requests) == 1
    assert heard() == [f"verified {attempt().pk}"]
    assert outcome() == ("verified", "")
    record("Callbacks raced over two processes", f"{CALLBACKS}, {AT_ONCE} of them to one UPDATE")
    record("Seconds until the 199 losers were redirected", round(took, 2))


def test_two_hundred_callbacks_at_once_agree_with_a_provider_that_answers_at_once(
    site: Site, browser: RemoteVisitor, provider: PatientProvider, heard: Callable[[], list[str]]
) -> None:
    browser.start(next="/here/")
    with ThreadPoolExecutor(CALLBACKS) as pool:
        answers = list(pool.map(lambda tab: tab.come_back(), over(site, browser)))

    # Before the end its own page, and the stored result from then on.
    assert {answer.status_code for answer in answers} == {302}
    locations = {answer["Location"] for answer in answers}
    assert {"/here/"} <= locations <= {"/here/", f"/phone/{attempt().pk}/"}
    assert len(provider.requests) == 1
    assert heard() == [f"verified {attempt().pk}"]
    assert outcome() == ("verified", "")


def test_whichever_of_two_endings_comes_first_is_the_only_one(
    site: Site, browser: RemoteVisitor, provider: PatientProvider, heard: Callable[[], list[str]]
) -> None:
    changes = [{}, {"error": "access_denied"}, {"redirect_uri": "https://evil.example/"}]
    for _ in range(5):
        browser.start()
        with ThreadPoolExecutor(30) as pool:
            answers = list(
                pool.map(
                    lambda n, tab: tab.come_back(**changes[n % 3]).status_code,
                    range(30),
                    over(site, browser, 30),
                )
            )
        assert set(answers) == {302}

    rows = PhoneVerification.objects.order_by("created_at")
    ends = [f"{'failed' if row.reason else row.status} {row.pk} {row.reason}" for row in rows]
    assert heard() == [end.rstrip() for end in ends]
    assert len(provider.requests) == sum(row.status == "verified" for row in rows)


@pytest.mark.parametrize("first", [0, 1])
def test_an_attempt_started_on_one_process_comes_back_on_the_other(
    site: Site,
    browser: RemoteVisitor,
    provider: PatientProvider,
    heard: Callable[[], list[str]],
    first: int,
) -> None:
    browser.server = site[first]
    page = browser.get("/phone/")
    browser.server = site[1 - first]
    browser.submit(page, phone_number=TYPED, next="/here/")
    browser.server = site[first]

    assert browser.come_back()["Location"] == "/here/"
    assert outcome() == ("verified", "")
    assert heard() == [f"verified {attempt().pk}"]
    # A reload, on the other process again, lands on the stored result.
    browser.server = site[1 - first]
    assert browser.come_back()["Location"] == "/here/"
    assert len(provider.requests) == 1


def test_a_late_answer_to_an_attempt_that_was_started_again_is_dropped(
    site: Site, browser: RemoteVisitor, provider: PatientProvider, heard: Callable[[], list[str]]
) -> None:
    browser.start()
    old = attempt()
    with ThreadPoolExecutor(1) as pool, provider.held():
        late = pool.submit(browser.other_tab(site[1]).come_back)
        provider.wait_until_asked()
        browser.start(next="/here/")
        old.refresh_from_db()
        cut_off = (old.status, old.reason)

    assert cut_off == ("error", "interrupted")
    assert late.result()["Location"] == f"/phone/{old.pk}/"
    old.refresh_from_db()
    assert (old.status, old.reason) == cut_off
    assert (old.sub, old.mobile_id, old.claims) == ("", "", {})
    assert outcome() == ("pending", "")
    assert heard() == [f"failed {old.pk} interrupted"]

    assert browser.come_back()["Location"] == "/here/"
    assert heard()[1:] == [f"verified {attempt().pk}"]
