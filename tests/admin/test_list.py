"""The admin's list: its columns, filters, order, queries and pages."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_plasgate_ip.admin import paginator
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from tests.kept import STARTED, User, ended, failed, many, pending, verified
from tests.staff import EXPORT, LIST, cells, detail, found, post, text
from tests.visitor import MASKED

pytestmark = pytest.mark.django_db


def test_the_newest_row_comes_first_and_says_what_happened(viewer):
    failed(Reason.NOT_ON_MOBILE_DATA, created_at=STARTED - timedelta(days=1))
    verified(user=User.objects.create_user("dara"))
    pending(phone_number="", created_at=STARTED - timedelta(days=2))
    first, second, third = cells(viewer.get(LIST))
    assert first == {
        "number": MASKED,
        "login": "dara",
        "badge": "verified",
        "reason": "-",
        "scopes": "mobile_id phone_verify profile",
        "created_at": "March 1, 2026, 10:15 a.m.",
        "took": "4.2 s",
    }
    assert (second["badge"], second["reason"]) == ("failed", "not on mobile data")
    assert (third["number"], third["login"], third["took"]) == ("-", "-", "-")


@pytest.mark.parametrize("query", [{}, {"q": "person-"}, {"_facets": "True"}], ids=str)
def test_the_number_of_queries_does_not_depend_on_the_rows(viewer, query):
    numbers = []
    for rows in (1, 60):
        User.objects.filter(is_staff=False).delete()
        many(rows)
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            assert len(cells(viewer.get(LIST, query))) == min(rows, 50)
        numbers.append(len(queries))
    assert numbers[0] == numbers[1] <= 10


def test_no_page_lists_the_users_of_the_site(superuser):
    verification = verified()
    User.objects.create_user("a-user-without-a-verification")
    for page in (LIST, detail(verification)):
        assert "a-user-without-a-verification" not in superuser.get(page).content.decode()


def test_no_parameter_sorts_by_a_hidden_column(viewer):
    verified()
    with CaptureQueriesContext(connection) as queries:
        for column in range(9):
            assert viewer.get(LIST, {"o": f"{column}"}).status_code == 200
    orders = " ".join(q["sql"].partition("ORDER BY")[2] for q in queries)
    assert "created_at" in orders
    hidden = ("phone_number", "claims", "sub", "mobile_id", "nonce")
    assert [name for name in hidden if f'"{name}"' in orders] == []


def test_the_query_string_filters_by_what_the_list_shows(viewer):
    user = User.objects.create_user("dara")
    wanted = failed(user=user, scopes="phone_verify", mobile_id_changed=True, method="sms")
    pending(created_at=STARTED - timedelta(days=9))
    lookups: dict[str, Any] = {
        "user__id__exact": user.pk,
        "pk__in": wanted.pk,
        "id__exact": wanted.pk,
        "scopes": "phone_verify",
        "status__exact": "failed",
        "reason__exact": "not_verified",
        "mobile_id_changed__exact": "1",
        "method": "sms",
        "completed_at__isnull": "False",
        "created_at__gte": "2026-03-01 00:00+00:00",
    }
    for lookup, value in lookups.items():
        assert found(viewer, **{lookup: value}) == {wanted}, lookup


def test_the_list_is_filtered_by_an_operator_of_the_last_30_days(viewer):
    recent = [ended(1, operator=name) for name in ("Smart", "Metfone", "")]
    old = verified(operator="Seatel")

    assert found(viewer, operator="Smart") == {recent[0]}
    assert found(viewer, operator="Seatel") == {old}
    for query, offered in (({}, "Metfone Smart"), ({"operator": "Seatel"}, "Metfone Seatel Smart")):
        with CaptureQueriesContext(connection) as queries:
            assert f"By operator All {offered} By" in text(viewer.get(LIST, query))
        assert not any("DISTINCT" in q["sql"] for q in queries)
    cache.clear()
    PhoneVerification.objects.exclude(pk=old.pk).delete()
    assert "By operator" not in text(viewer.get(LIST))
    assert found(viewer, operator="Smart") == set()


def test_the_query_string_reveals_no_hidden_column(viewer, superuser):
    verified(user=User.objects.create_user("dara"))
    lookups = (
        "phone_number__startswith",
        "claims__contains",
        "mobile_id__isnull",
        "nonce__startswith",
        "user__password__startswith",
        "user__plasgate_ip_verifications__phone_number__startswith",
    )
    for client in (viewer, superuser):
        for lookup in lookups:
            for url in (LIST, EXPORT):
                assert client.get(url, {lookup: "1"}).status_code == 400, lookup
        assert client.get(LIST, {"_popup": "1", "_to_field": "nonce"}).status_code == 400


def test_the_pages_end_at_the_bound_and_an_action_on_all_does_not(deleter, monkeypatch):
    monkeypatch.setattr(paginator, "MAX_ROWS", 100)
    many(120)
    at_most = "This list shows at most 100 verifications."
    response = deleter.get(LIST)
    assert response.context["cl"].paginator.num_pages == 2
    assert at_most in text(response)
    assert at_most not in text(deleter.get(LIST, {"_popup": "1"}))
    assert cells(deleter.get(LIST, {"p": "2"}))[-1]["login"] == "person-0020"
    assert deleter.get(LIST, {"p": "3"})["Location"] == f"{LIST}?e=1"

    with CaptureQueriesContext(connection) as queries:
        search = text(deleter.get(LIST, {"q": "person-0007"}))
    assert "1 phone verification" in search
    assert at_most not in search
    (count,) = [q["sql"] for q in queries if "COUNT(*)" in q["sql"]]
    assert "LIMIT 100" in count
    assert "ORDER BY" not in count

    selected = PhoneVerification.objects.values_list("pk", flat=True)[0]
    action = {"action": "delete_selected", "_selected_action": selected, "index": "0"}
    assert post(deleter, LIST, **action, select_across="1", post="yes").status_code == 302
    assert not PhoneVerification.objects.exists()
