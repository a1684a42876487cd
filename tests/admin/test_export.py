"""The export of the admin's list: its permissions, rows and cells, and how it is streamed."""

import csv
import io
import json
import logging
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import AsyncClient
from django.test.utils import CaptureQueriesContext

from django_plasgate_ip.admin import export, paginator
from django_plasgate_ip.reasons import Reason
from tests.kept import CLAIMS, HIDDEN, STARTED, User, failed, many, pending, verified
from tests.staff import EXPORT, LIST, post, text
from tests.visitor import MASKED, MOBILE_ID, NUMBER, SUB

pytestmark = pytest.mark.django_db


def content(response: Any) -> str:
    """Return the whole file."""
    assert response.status_code == 200, response
    return b"".join(response.streaming_content).decode()


def rows(file: str) -> list[dict[str, str]]:
    """Return the rows as a program reads them."""
    lines = io.StringIO(file.removeprefix("\ufeff"), newline="")
    return list(csv.DictReader(lines, strict=True))


def test_the_file_is_a_private_attachment_with_masked_numbers_and_no_claims(viewer):
    dara = User.objects.create_user("dara")
    made = verified(user=dara, operator="Cellcard", mobile_id_changed=True, acknowledged_at=STARTED)
    response = viewer.get(EXPORT)

    file = content(response)
    (row,) = rows(file)
    assert file.encode().startswith(b"\xef\xbb\xbf")  # Excel needs it for Khmer
    assert row == {
        "id": str(made.pk),
        "phone_number": f"'{MASKED}",
        "operator": "Cellcard",
        "user": "dara",
        "status": "verified",
        "reason": "",
        "error_description": "",
        "method": "network",
        "scopes": "mobile_id phone_verify profile",
        "mobile_id_changed": "true",
        "number_changed": "false",
        "claimed_at_login": "false",
        "acknowledged_at": "2026-03-01 10:15:00+07:00",
        "created_at": "2026-03-01 10:15:00+07:00",
        "completed_at": "2026-03-01 10:15:04+07:00",
        "seconds": "4.200",
    }
    assert [value for value in HIDDEN if value in file] == []
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    disposition = response["Content-Disposition"]
    assert re.fullmatch(r'attachment; filename="phone-verifications-[\d-]{10}\.csv"', disposition)
    assert {"no-store", "private"} <= set(re.split(r",\s*", response["Cache-Control"]))
    assert "with masked numbers" in text(viewer.get(LIST))


def test_the_file_has_full_numbers_and_claims_with_the_permission(reader):
    verified()
    (row,) = rows(content(reader.get(EXPORT, {"q": "", "p": "1", "o": "6"})))
    assert LogEntry.objects.get().change_message == "Exported: *"
    assert row["phone_number"] == f"'{NUMBER}"
    assert (row["sub"], row["mobile_id"]) == (SUB, MOBILE_ID)
    assert json.loads(row["claims"]) == CLAIMS
    assert "អុំអេង" in row["claims"]
    assert "full numbers and claims. The admin log records each export." in text(reader.get(LIST))


def test_a_refused_export_is_not_recorded(reader, client):
    assert client.get(EXPORT)["Location"].partition("?")[0] == "/admin/login/"
    assert post(reader, EXPORT).status_code == 405
    # The list says that the filter is invalid.
    assert reader.get(EXPORT, {"created_at__gte": "yesterday"})["Location"] == f"{LIST}?e=1"
    assert not LogEntry.objects.exists()


def test_an_export_is_recorded_at_once_without_values_of_filters(reader, viewer, caplog):
    caplog.set_level(logging.INFO, "django_plasgate_ip.security")
    events = []
    for client, claims in ((reader, True), (viewer, False)):
        client.get(EXPORT, {"q": "077696118", "status__exact": "failed", "user__id__exact": "855"})
        events.append(f"exported staff={client.session['_auth_user_id']} claims={claims}")
    assert caplog.messages == events
    entry = LogEntry.objects.get()
    assert str(entry.user_id) == reader.session["_auth_user_id"]
    assert (entry.object_id, entry.object_repr) == (None, "Claims, exported as CSV")
    assert entry.change_message == "Exported: status__exact, user__id__exact, q"
    assert "Claims, exported as CSV" in text(reader.get("/admin/"))


def test_the_export_uses_the_filters_and_the_search_of_the_list(viewer):
    failed(Reason.NOT_VERIFIED, phone_number="+85577696119")
    failed(Reason.EXPIRED, user=User.objects.create_user("dara"))
    for query, reason in (
        ({"status__exact": "failed"}, "not_verified"),
        ({"q": "dara"}, "expired"),
    ):
        html = viewer.get(LIST, query).content.decode()
        (link,) = re.findall(r'<a href="([^"]*/export/[^"]*)">\s*Export as CSV', html)
        (row,) = rows(content(viewer.get(unescape(link))))
        assert row["reason"] == reason, query


@pytest.mark.parametrize("number", [0, 2, 7])
def test_each_row_is_exported_once_and_the_newest_first(viewer, monkeypatch, number):
    monkeypatch.setattr(export, "BATCH_SIZE", 2)
    monkeypatch.setattr(paginator, "MAX_ROWS", 1)
    # Three start at each moment.
    made = [pending(created_at=STARTED + timedelta(seconds=i // 3)) for i in range(number)]
    started = {str(row.pk): row.created_at for row in made}
    exported = [row["id"] for row in rows(content(viewer.get(EXPORT, {"o": "6", "p": "7"})))]
    # Databases compare UUIDs in different ways.
    assert sorted(exported) == sorted(started)
    assert [started[pk] for pk in exported] == sorted(started.values(), reverse=True)


def test_no_cell_is_a_formula(viewer):
    signs = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
    for sign in signs:
        failed(user=User.objects.create(username=f"{sign}1"), error_description=f"{sign}2")
    cells = {(row["user"], row["error_description"]) for row in rows(content(viewer.get(EXPORT)))}
    assert cells == {(f"'{sign}1", f"'{sign}2") for sign in signs}


def test_no_cell_is_a_formula_where_another_separator_divides_it(viewer):
    failed(error_description="".join(f'x{separator}=1{separator}"@2' for separator in ";,|\t"))
    lines = content(viewer.get(EXPORT)).splitlines()
    for row in (row for each in ";,|\t" for row in csv.reader(lines, delimiter=each)):
        assert [cell for cell in row if cell.startswith(("=", "@"))] == []


def test_a_synchronous_and_an_asynchronous_server_stream_the_file(reader, monkeypatch):
    monkeypatch.setattr(export, "BATCH_SIZE", 10)
    many(25)
    with CaptureQueriesContext(connection) as queries:
        response: Any = reader.get(EXPORT)
        before = len(queries)
        parts = [(part, len(queries) - before) for part in response]
    # Two queries for each batch: its rows, and their users.
    counts = [(part.count(b"\r\n"), made) for part, made in parts]
    assert counts == [(1, 0), (10, 2), (10, 4), (5, 6)]

    client = AsyncClient()
    client.cookies = reader.cookies

    @async_to_sync
    async def asynchronous_parts() -> list[bytes]:
        response: Any = await client.get(EXPORT)
        assert response.is_async
        return [part async for part in response]

    # With a synchronous iterator Django warns, which fails a test.
    assert asynchronous_parts() == [part for part, _made in parts]
