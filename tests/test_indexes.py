"""Each question is answered by an index, not by looking through the table, as PostgreSQL says."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from benchmarks import database
from django_plasgate_ip.decorators import phone_verified_required
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import limits, newest, sim_change

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="its plans are PostgreSQL's"),
]
# Enough that no planner would rather read all of it.
ROWS = 10_000
# Fetches the rows that an index scan below it has found.
FETCH = "Bitmap Heap Scan"


@pytest.fixture
def row(db: None) -> PhoneVerification:
    """Return a verified row of a large table."""
    with connection.cursor() as cursor:
        database.insert(cursor, ROWS)
        cursor.execute("ANALYZE")
    return PhoneVerification.objects.verified().select_related("user").order_by("pk")[0]


def scans(act: Callable[[], Any]) -> list[tuple[str, str]]:
    """Return how the last query of `act` finds its rows, and in which index."""
    with CaptureQueriesContext(connection) as captured:
        act()
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + captured.captured_queries[-1]["sql"])
        (plans,) = cursor.fetchone()
    plan = json.loads(plans) if isinstance(plans, str) else plans
    return [
        (node["Node Type"], node.get("Index Name", ""))
        for node in nodes(plan[0]["Plan"])
        if node["Node Type"].endswith("Scan") and node["Node Type"] != FETCH
    ]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def visit(user: Any) -> None:
    def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    request = RequestFactory().get("/")
    request.user = user
    assert phone_verified_required(page)(request).status_code == 200


def test_questions_about_a_user_are_one_index_scan(row: PhoneVerification) -> None:
    user, objects = row.user, PhoneVerification.objects
    questions: dict[str, Callable[[], Any]] = {
        "is_verified": lambda: objects.is_verified(user),
        "of a number": lambda: objects.is_verified(user, row.phone_number),
        "latest_for": lambda: objects.latest_for(user),
        "verified().latest_for": lambda: objects.verified().latest_for(user),
        "phone_verified_required": lambda: visit(user),
    }
    found = {name: scans(ask) for name, ask in questions.items()}
    for name, used in found.items():
        assert len(used) == 1, (name, found)
        assert used[0][1].startswith("plasgate_ip_"), (name, found)


def test_what_a_start_and_a_callback_ask_reads_no_whole_table(
    row: PhoneVerification, settings: Any
) -> None:
    settings.PLASGATE_IP_MAX_STARTS_PER_SITE = 10
    asked: dict[str, Callable[[], Any]] = {
        "limits": lambda: limits.check(row),
        "callback": lambda: newest.for_callback(row.callback_session_id),
        "session": lambda: PhoneVerification.objects.for_session(row.session_id).first(),
        "SIM": lambda: sim_change.changed_from(row.user_id, row.phone_number, row.mobile_id),
    }
    found = {name: scans(ask) for name, ask in asked.items()}
    for name, used in found.items():
        assert used, (name, found)
        assert all(index for _kind, index in used), (name, found)


def test_the_next_state_is_written_by_the_primary_key(row: PhoneVerification) -> None:
    # While the planner knows of no live row. There are those that were abandoned since the last
    # purge, and by the index of the status each UPDATE would look at all of them.
    attempt = PhoneVerification.objects.create(session_id="b" * 32, user=row.user)

    assert scans(lambda: attempt.transition(status="exchanging")) == [
        ("Index Scan", "django_plasgate_ip_phoneverification_pkey")
    ]


def test_a_rare_reason_is_found_by_its_index(row: PhoneVerification) -> None:
    rare = PhoneVerification.objects.filter(reason="user_changed").order_by("-created_at")
    assert [index for _kind, index in scans(lambda: list(rare[:50]))] == ["plasgate_ip_reason"]


def test_a_table_that_is_looked_through_would_be_seen(row: PhoneVerification) -> None:
    nobody = PhoneVerification.objects.filter(language="tlh")
    assert scans(lambda: list(nobody)) == [("Seq Scan", "")]
