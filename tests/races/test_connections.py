"""While PlasGate is asked, the site holds no transaction, no lock and no connection in use."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection, transaction

from django_plasgate_ip.models import PhoneVerification
from tests.races import database
from tests.servers import APPLICATION_NAME, PatientProvider, RemoteVisitor, Server
from tests.visitor import attempt, outcome

pytestmark = [pytest.mark.worlds, pytest.mark.django_db(transaction=True)]


def lock(verification: PhoneVerification) -> None:
    """Take the row's lock at once, or fail. SQLite has no such thing."""
    nowait = connection.features.has_select_for_update_nowait
    with transaction.atomic():
        rows = PhoneVerification.objects.all()
        if nowait:
            rows = rows.select_for_update(nowait=True)
        rows.get(pk=verification.pk)


@contextmanager
def transaction_like_the_sites(verification: PhoneVerification) -> Iterator[None]:
    """Hold a lock on the row, in a connection that looks like one of the site's."""
    other = connection.copy()
    if connection.vendor == "postgresql":
        other.settings_dict["OPTIONS"]["application_name"] = APPLICATION_NAME
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            table = PhoneVerification._meta.db_table
            cursor.execute(f"UPDATE {table} SET next_url = '/here/'")  # noqa: S608
        yield
        other.rollback()
    finally:
        other.close()


@pytest.mark.parametrize("atomic_requests", [False, True])
def test_while_the_provider_is_slow_no_transaction_is_open_and_nothing_locked(
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
        lock(attempt())
        under_way = outcome()

    assert found == {database.idle()}
    assert under_way == ("exchanging", "")
    assert callback.result()["Location"] == "/here/"
    assert outcome() == ("verified", "")


def test_a_transaction_would_have_been_seen(browser: RemoteVisitor) -> None:
    browser.start()
    row = attempt()

    with transaction_like_the_sites(row):
        found = database.connections()
        if connection.features.has_select_for_update_nowait:
            with pytest.raises(OperationalError):
                lock(row)

    assert set(found) - {database.idle()}
