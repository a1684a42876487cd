"""During the exchange, the site has no open transaction and no lock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from django_plasgate_ip.models import PhoneVerification
from tests.races import database
from tests.servers import PatientProvider, RemoteVisitor, Server
from tests.visitor import newest, outcome

pytestmark = [pytest.mark.worlds, pytest.mark.django_db(transaction=True)]


def lock(verification: PhoneVerification) -> None:
    """Lock the row at once, or raise. SQLite has no row locks."""
    nowait = connection.features.has_select_for_update_nowait
    with transaction.atomic():
        rows = PhoneVerification.objects.all()
        if nowait:
            rows = rows.select_for_update(nowait=True)
        rows.get(pk=verification.pk)


@pytest.mark.parametrize("atomic_requests", [False, True])
def test_while_the_provider_is_slow_no_transaction_is_open_and_no_row_is_locked(
    start_server: Callable[..., Server],
    browser: RemoteVisitor,
    provider: PatientProvider,
    atomic_requests: bool,
) -> None:
    browser.server = start_server(atomic_requests=atomic_requests)
    browser.start(next="/here/")
    with ThreadPoolExecutor(1) as pool, provider.held():
        callback = pool.submit(browser.other_tab().come_back)
        provider.wait_until_asked()
        found = database.seen_for(1.5)
        lock(newest())
        under_way = outcome()

    assert found == {database.idle()}
    assert under_way == ("exchanging", "")
    assert callback.result()["Location"] == "/here/"
    assert outcome() == ("verified", "")
