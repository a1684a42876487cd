"""Of simultaneous starts, one verification stays live, and no limit is exceeded."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User

from django_plasgate_ip.models import PhoneVerification
from tests.races.conftest import Site, StartServer
from tests.servers import RemoteVisitor
from tests.verification.rows import stored_end
from tests.visitor import TYPED, newest

pytestmark = [pytest.mark.worlds, pytest.mark.django_db(transaction=True)]

STARTS = 40
LIMIT = 10


@pytest.fixture(scope="module")
def generous_site(start_server: StartServer) -> Site:
    """Return the two processes of a site without limits."""
    limits = dict.fromkeys(("PLASGATE_IP_MAX_STARTS_PER_NUMBER", "PLASGATE_IP_MAX_STARTS_PER_USER"))
    return start_server(**limits), start_server(**limits)


def start_at_once(browsers: Iterable[RemoteVisitor]) -> list[Any]:
    """Send the start form from all browsers at the same time; return the responses."""
    filled = [(browser, browser.get("/phone/")) for browser in browsers]
    with ThreadPoolExecutor(len(filled)) as pool:
        return list(pool.map(lambda each: each[0].submit(each[1], phone_number=TYPED), filled))


@pytest.mark.parametrize("has_started_before", [True, False])
def test_of_forty_simultaneous_starts_in_one_session_the_newest_stays_live(
    generous_site, browser, provider, heard, has_started_before
):
    browser.server = generous_site[0]
    if has_started_before:
        browser.start()
    tabs = [browser.other_tab(generous_site[number % 2]) for number in range(STARTS)]

    answers = start_at_once(tabs)

    assert {answer.status_code for answer in answers} == {302}
    last, *others = PhoneVerification.objects.order_by("-created_at", "-pk")
    assert len(others) == STARTS - 1 + has_started_before
    assert stored_end(last) == ("pending", "")
    # Each start ended those that were stored before it. Others of the same moment may still be
    # live, but the callback is not for them.
    ended = [row for row in others if row.completed_at]
    assert {stored_end(row) for row in ended} <= {("error", "superseded")}
    assert sorted(heard()) == sorted(f"failed {row.pk} superseded" for row in ended)
    assert not has_started_before or others[-1] in ended

    browser.authorize_url = tabs[0].authorize_url
    browser.come_back()
    browser.come_back()
    assert stored_end(last) == ("verified", "")
    assert len(provider.requests) == 1

    browser.start()
    assert PhoneVerification.objects.get(completed_at=None) == newest()


def test_simultaneous_starts_of_many_sessions_do_not_exceed_the_limit_of_a_number(site):
    browsers = [RemoteVisitor(site[number % 2]) for number in range(STARTS)]
    for number, browser in enumerate(browsers):
        browser.force_login(User.objects.create_user(f"visitor{number}"))

    answers = [answer.status_code for answer in start_at_once(browsers)]

    # Each start counts the others. A refused one is counted until it is deleted, so fewer than the
    # limit may be admitted, but never more.
    assert set(answers) <= {302, 429}
    admitted = answers.count(302)
    assert admitted == PhoneVerification.objects.count() <= LIMIT
    # A refused start does not count afterwards.
    calm = [browser.start().status_code for browser in browsers[: LIMIT - admitted + 2]]
    assert calm == [302] * (LIMIT - admitted) + [429, 429]
