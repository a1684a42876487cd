"""A process that is killed during the exchange leaves a verification that ends later, once."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from django_plasgate_ip.models import PhoneVerification
from tests.servers import LONG, PatientProvider, RemoteVisitor, Server
from tests.visitor import newest, outcome

pytestmark = [pytest.mark.worlds, pytest.mark.django_db(transaction=True)]

Heard = Callable[[], list[str]]


@pytest.fixture
def cut_off(
    start_server: Callable[..., Server], browser: RemoteVisitor, provider: PatientProvider
) -> PhoneVerification:
    """Return the verification of `browser` whose server was killed during the exchange."""
    browser.server = start_server()
    browser.start()
    with ThreadPoolExecutor(1) as pool, provider.held():
        callback = pool.submit(browser.other_tab().come_back)
        provider.wait_until_asked()
        browser.server.kill()
        with pytest.raises(ConnectionError):
            callback.result()
    return newest()


def test_after_a_kill_the_visitor_can_start_again_at_once(
    start_server: Callable[..., Server],
    cut_off: PhoneVerification,
    browser: RemoteVisitor,
    heard: Heard,
) -> None:
    assert (cut_off.status, cut_off.reason) == ("exchanging", "")
    assert heard() == []

    began = time.monotonic()
    browser.server = start_server()
    browser.start(next="/here/")
    cut_off.refresh_from_db()

    assert (cut_off.status, cut_off.reason) == ("error", "interrupted")
    assert heard() == [f"failed {cut_off.pk} interrupted"]
    assert browser.come_back()["Location"] == "/here/"
    assert outcome() == ("verified", "")
    assert heard()[1:] == [f"verified {newest().pk}"]
    # The visitor did not wait until the old exchange was stale.
    assert time.monotonic() - began < LONG / 2
