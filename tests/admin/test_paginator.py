"""The pages of the staff's list, which end at a bound."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from django_plasgate_ip.admin import paginator
from django_plasgate_ip.models import PhoneVerification
from tests.staff import LIST, cells, detail, many, post, text, verified

pytestmark = pytest.mark.django_db

BOUND = 100
ENDS = "The list has 100 verifications or more. Its pages end there."


@pytest.fixture
def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paginator, "MAX_ROWS", BOUND)


def page_numbers(response: Any) -> list[int]:
    """Return the pages that the list links to, or is on."""
    html = response.content.decode()
    links = re.findall(r'href="\?(?:[^"]*&amp;)?p=(\d+)"', html)
    here = re.findall(r'<(?:span|a)[^>]*(?:this-page|aria-current="page")[^>]*>\s*(\d+)', html)
    return sorted({int(number) for number in links + here})


@pytest.mark.parametrize(("page", "first", "rows"), [(1, 119, 50), (2, 69, 50), (3, 19, 20)])
def test_every_page_of_the_list_is_there(viewer: Client, page: int, first: int, rows: int) -> None:
    many(120)
    response = viewer.get(LIST, {"p": page})
    assert cells(response)[0]["login"] == f"person-{first:04}"
    assert len(cells(response)) == rows
    assert page_numbers(response) == [1, 2, 3]
    assert "120 phone verifications" in text(response)
    assert "Its pages end there" not in text(response)


@pytest.mark.usefixtures("bounded")
def test_pages_end_at_the_bound_and_the_list_says_so(viewer: Client) -> None:
    many(120)
    response = viewer.get(LIST)
    assert page_numbers(response) == [1, 2]
    assert ENDS in text(response)
    assert cells(viewer.get(LIST, {"p": "2"}))[-1]["login"] == "person-0020"
    assert viewer.get(LIST, {"p": "3"})["Location"] == f"{LIST}?e=1"
    # A search of few rows is exact.
    assert "1 phone verification" in text(viewer.get(LIST, {"q": "person-0007"}))
    assert ENDS not in text(viewer.get(LIST, {"q": "person-0007"}))


@pytest.mark.usefixtures("bounded")
def test_popup_does_not_speak_of_an_export(viewer: Client) -> None:
    many(120)
    assert ENDS not in text(viewer.get(LIST, {"_popup": "1"}))


@pytest.mark.usefixtures("bounded")
def test_action_on_all_takes_the_rows_behind_the_bound_too(deleter: Client) -> None:
    many(120)
    pk = PhoneVerification.objects.values_list("pk", flat=True)[0]
    action = {"action": "delete_selected", "_selected_action": pk, "index": "0"}
    assert post(deleter, LIST, **action, select_across="1", post="yes").status_code == 302
    assert not PhoneVerification.objects.exists()


@pytest.mark.parametrize("query", [{}, {"q": "person-"}, {"status__exact": "pending"}])
def test_count_stops_at_the_bound(viewer: Client, query: dict[str, str]) -> None:
    many(3)
    with CaptureQueriesContext(connection) as queries:
        viewer.get(LIST, query)
    (count,) = [q["sql"] for q in queries if "COUNT(*)" in q["sql"]]
    assert f"LIMIT {paginator.MAX_ROWS}" in count
    assert "ORDER BY" not in count


@pytest.mark.parametrize("page", ["4", "0", "-1", "1_0", "9" * 40])
def test_page_out_of_range_goes_back_to_the_list(viewer: Client, page: str) -> None:
    many(120)
    response = viewer.get(LIST, {"p": page}, follow=True)
    assert response.redirect_chain == [(f"{LIST}?e=1", 302)]
    assert len(cells(response)) == 50


@pytest.mark.parametrize("page", ["", "x", "1.5", "\0", "9" * 5000, "1&p=x"])
def test_page_that_is_no_number_is_the_first(viewer: Client, page: str) -> None:
    many(120)
    assert cells(viewer.get(LIST, {"p": page}))[0]["login"] == "person-0119"


def test_page_out_of_range_of_a_short_list_shows_it(viewer: Client) -> None:
    many(2)
    assert len(cells(viewer.get(LIST, {"p": "7"}))) == 2


def test_long_list_is_never_shown_on_one_page(viewer: Client) -> None:
    many(260)
    response = viewer.get(LIST, {"all": ""})
    assert len(cells(response)) == 50
    assert "showall" not in response.content.decode()


def test_history_has_pages_too(reader: Client) -> None:
    verification = verified()
    for _ in range(103):
        reader.get(detail(verification))
    history = detail(verification, "history")
    assert text(reader.get(history)).count("Looked at the claims.") == 100
    for page in ("2", "99"):
        assert text(reader.get(history, {"p": page})).count("Looked at the claims.") == 3
