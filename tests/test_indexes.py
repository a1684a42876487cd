"""PostgreSQL uses an index for each query and does not read the whole table."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import changes, limits

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="its plans are PostgreSQL's"),
]
# With so many rows the planner does not prefer to read the whole table.
ROWS = 10_000
# Reads the rows that an index scan below it has found.
FETCH = "Bitmap Heap Scan"


@pytest.fixture
def row(db: None) -> PhoneVerification:
    """Return a verified row of a large table."""
    users = User.objects.bulk_create(User(username=f"user{n}") for n in range(ROWS // 3))
    now = timezone.now()
    PhoneVerification.objects.bulk_create(
        PhoneVerification(
            user=users[n % len(users)],
            phone_number=f"+85577{n % len(users):06}",
            scopes="mobile_id phone_verify",
            status="verified" if n % 10 < 7 else "failed",
            reason="" if n % 10 < 7 else "expired" if n % 500 else "user_changed",
            sub=f"s{n}" if n % 10 < 7 else "",
            mobile_id=f"m{n}" if n % 10 < 7 else "",
            mobile_id_changed=n % 200 == 0,
            session_id=f"session{n}",
            callback_session_id=f"session{n}",
            created_at=now - timedelta(minutes=n),
            completed_at=now - timedelta(minutes=n),
        )
        for n in range(ROWS)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return PhoneVerification.objects.verified().select_related("user").order_by("pk")[0]


def scans(act: Callable[[], Any]) -> list[tuple[str, str]]:
    """Return the type and the index of each scan in the last query of `act`."""
    with CaptureQueriesContext(connection) as captured:
        act()
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + captured.captured_queries[-1]["sql"])
        (plans,) = cursor.fetchone()
    plan = json.loads(plans) if isinstance(plans, str) else plans
    found = [(node["Node Type"], node.get("Index Name", "")) for node in nodes(plan[0]["Plan"])]
    return [(kind, index) for kind, index in found if kind.endswith("Scan") and kind != FETCH]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def test_a_query_about_a_user_is_one_index_scan(row):
    user, objects = row.user, PhoneVerification.objects
    queries: list[Callable[[], Any]] = [
        lambda: objects.is_verified(user),
        lambda: objects.is_verified(user, row.phone_number),
        lambda: objects.latest_for(user),
        lambda: objects.verified().latest_for(user),
    ]
    for number, query in enumerate(queries):
        ((_kind, index),) = scans(query)
        assert index.startswith("plasgate_ip_"), number


def test_a_limit_uses_an_index(row, settings):
    names = [f"PLASGATE_IP_MAX_STARTS_PER_{n}" for n in ("NUMBER", "USER", "ADDRESS", "SITE")]
    row.address = "a" * 32
    for limited in names:
        for name in names:
            setattr(settings, name, 100 if name == limited else None)
        indexes = [index for _kind, index in scans(lambda: limits.check(row))]
        assert indexes
        assert all(index.startswith("plasgate_ip_") for index in indexes), limited


def test_a_callback_and_a_search_of_staff_use_their_index(row):
    objects = PhoneVerification.objects
    searches: dict[str, dict[str, Any]] = {
        "plasgate_ip_reason": {"reason": "user_changed"},
        "plasgate_ip_status": {"status": "pending"},
        "plasgate_ip_changed": {"mobile_id_changed": True},
        "plasgate_ip_sub": {"sub": "s7"},
        "plasgate_ip_mobile_id": {"mobile_id": "m7"},
        "plasgate_ip_number": {"phone_number": "+85577000007"},
    }
    queries: dict[str, Callable[[], Any]] = {
        index: objects.filter(**values).order_by("-created_at")[:50].__len__
        for index, values in searches.items()
    }
    queries["plasgate_ip_callback"] = lambda: objects.for_callback(row.callback_session_id)
    queries["plasgate_ip_session"] = lambda: objects.for_session(row.session_id).first()
    start = str(row.pk)[:8]
    found = objects.filter(pk__range=(start + "0" * 24, start + "f" * 24))
    queries["django_plasgate_ip_phoneverification_pkey"] = found.__len__
    for index, query in queries.items():
        assert [used for _kind, used in scans(query)] == [index]


def test_a_callback_compares_with_earlier_numbers_and_other_accounts_by_two_indexes(row):
    # Only the query that every callback waits for: it is the last one if nothing is unusual.
    used = scans(lambda: changes.find(row, row.phone_number, ""))
    assert sorted(index for _kind, index in used) == ["plasgate_ip_number", "plasgate_ip_verified"]


def test_the_next_status_is_written_by_the_primary_key(row):
    # If the planner expects no live row, it may use the index of the status. The UPDATE then reads
    # every verification that visitors have abandoned since the last purge.
    verification = PhoneVerification.objects.create(session_id="b" * 32, user=row.user)
    assert scans(lambda: verification.transition(status="exchanging")) == [
        ("Index Scan", "django_plasgate_ip_phoneverification_pkey")
    ]
