"""The pages of the admin's list, which end at a bound."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from django_plasgate_ip.admin import paginator
from django_plasgate_ip.admin.paginator import BoundedPaginator
from django_plasgate_ip.models import PhoneVerification
from tests.staff import LIST, cells, many, post, text

pytestmark = pytest.mark.django_db

BOUND = 100
AT_MOST = "This list shows at most 100 verifications."


@pytest.fixture
def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paginator, "MAX_ROWS", BOUND)


def page_numbers(response: Any) -> list[int]:
    """Return the number of the current page, and of each page that it links to."""
    html = response.content.decode()
    links = re.findall(r'href="\?(?:[^"]*&amp;)?p=(\d+)"', html)
    here = re.findall(r'<(?:span|a)[^>]*(?:this-page|aria-current="page")[^>]*>\s*(\d+)', html)
    return sorted({int(number) for number in links + here})


@pytest.mark.parametrize(("rows", "count"), [(2, 2), (3, 3), (4, 3)])
def test_rows_are_counted_up_to_the_bound(
    monkeypatch: pytest.MonkeyPatch, rows: int, count: int
) -> None:
    monkeypatch.setattr(paginator, "MAX_ROWS", 3)
    many(rows)
    pages = BoundedPaginator(PhoneVerification.objects.order_by("pk"), 50)
    assert (pages.count, pages.reaches_bound) == (count, rows >= 3)


@pytest.mark.usefixtures("bounded")
def test_the_list_says_that_its_pages_end_at_the_bound(viewer: Client) -> None:
    many(120)
    response = viewer.get(LIST)
    assert page_numbers(response) == [1, 2]
    assert AT_MOST in text(response)
    assert AT_MOST not in text(viewer.get(LIST, {"_popup": "1"}))
    assert cells(viewer.get(LIST, {"p": "2"}))[-1]["login"] == "person-0020"
    assert viewer.get(LIST, {"p": "3"})["Location"] == f"{LIST}?e=1"
    search = text(viewer.get(LIST, {"q": "person-0007"}))
    assert "1 phone verification" in search
    assert AT_MOST not in search


@pytest.mark.usefixtures("bounded")
def test_an_action_on_all_includes_the_rows_after_the_bound(deleter: Client) -> None:
    many(120)
    pk = PhoneVerification.objects.values_list("pk", flat=True)[0]
    action = {"action": "delete_selected", "_selected_action": pk, "index": "0"}
    assert post(deleter, LIST, **action, select_across="1", post="yes").status_code == 302
    assert not PhoneVerification.objects.exists()


def test_the_database_counts_no_further_than_the_bound(viewer: Client) -> None:
    many(3)
    with CaptureQueriesContext(connection) as queries:
        viewer.get(LIST, {"q": "person-"})
    (count,) = [q["sql"] for q in queries if "COUNT(*)" in q["sql"]]
    assert f"LIMIT {paginator.MAX_ROWS}" in count
    assert "ORDER BY" not in count
