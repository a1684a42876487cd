"""A process that is killed during the exchange leaves a verification that ends later, once."""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification
from tests.figures import record
from tests.servers import LONG, PatientProvider, RemoteVisitor, Server, environment
from tests.visitor import NUMBER, newest, outcome

pytestmark = [pytest.mark.worlds, pytest.mark.django_db(transaction=True)]

STALE = 600
Heard = Callable[[], list[str]]

PURGE = """
import sys

import django
from django.core.management import call_command
from django.db import connection

django.setup()
connection.ensure_connection()
print("ready", flush=True)
sys.stdin.readline()
call_command("plasgate_ip_purge", batch_size=50)
"""


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


def purge_at_once(signals: Path, processes: int = 1) -> list[int]:
    """Run the command in this many processes; return how many verifications each ended."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PURGE],
            cwd=Path(__file__).parents[2],
            env=environment(signals),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        # communicate() sends the line to one process and waits for its end.
        with ThreadPoolExecutor(processes) as pool:
            ends = list(pool.map(lambda each: each.communicate("go\n", LONG), started))
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0] * processes
    return [int(re.findall(r"^(\d+) stale verifications ended", out, re.M)[0]) for out, _ in ends]


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
    took = time.monotonic() - began
    # The visitor did not wait until the old exchange was stale.
    assert took < LONG / 2
    record("Seconds from a kill to being verified, a server's start included", round(took, 1))


@pytest.mark.parametrize("finder", ["the command", "the visitor's page"])
def test_a_killed_exchange_is_ended_when_its_time_has_passed(
    site: tuple[Server, Server],
    cut_off: PhoneVerification,
    browser: RemoteVisitor,
    heard: Heard,
    signals_file: Path,
    finder: str,
) -> None:
    browser.server = site[1]

    def look() -> None:
        if finder == "the command":
            purge_at_once(signals_file)
        else:
            assert browser.get(f"/phone/{cut_off.pk}/").status_code == 200

    look()
    cut_off.refresh_from_db()
    assert (cut_off.status, cut_off.reason) == ("exchanging", "")
    assert heard() == []

    PhoneVerification.objects.update(exchanging_at=timezone.now() - timedelta(hours=1))
    look()
    look()

    cut_off.refresh_from_db()
    assert (cut_off.status, cut_off.reason) == ("error", "interrupted")
    assert heard() == [f"failed {cut_off.pk} interrupted"]


def test_two_simultaneous_purges_end_each_stale_verification_once(
    user: User, heard: Heard, signals_file: Path
) -> None:
    an_hour_ago = timezone.now() - timedelta(hours=1)
    rows = PhoneVerification.objects.bulk_create(
        PhoneVerification(
            user=user,
            phone_number=NUMBER,
            scopes="mobile_id phone_verify",
            session_id=f"browser{number}",
            redirect_uri="https://shop.example/phone/callback/",
            created_at=an_hour_ago,
            status="exchanging" if number % 2 else "pending",
            exchanging_at=an_hour_ago if number % 2 else None,
        )
        for number in range(STALE)
    )

    ended = purge_at_once(signals_file, processes=2)

    # Each purge ends a random share of them.
    assert sum(ended) == STALE
    reasons = ("expired", "interrupted")
    expected = {f"failed {row.pk} {reasons[number % 2]}" for number, row in enumerate(rows)}
    assert sorted(heard()) == sorted(expected)
    assert not PhoneVerification.objects.live().exists()
    record("Stale verifications that two simultaneous purges ended", f"{ended[0]} + {ended[1]}")
