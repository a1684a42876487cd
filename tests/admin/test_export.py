"""The staff's list as a file: who gets what of it, and that it is sent while it is read."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from html import unescape
from typing import Any, cast

import pytest
from asgiref.sync import async_to_sync
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from django_plasgate_ip.admin import export, paginator
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from tests.staff import (
    CLAIMS,
    HIDDEN,
    LIST,
    MASKED,
    MOBILE_ID,
    NUMBER,
    STARTED,
    SUB,
    User,
    failed,
    many,
    pending,
    post,
    staff,
    text,
    verified,
)

pytestmark = pytest.mark.django_db

EXPORT = f"{LIST}export/"


def content(response: Any) -> str:
    """Return the whole file."""
    assert response.status_code == 200, response
    return b"".join(response.streaming_content).decode()


def rows(response: Any) -> list[dict[str, str]]:
    """Return the file's rows as a program reads them."""
    file = io.StringIO(content(response).removeprefix("\ufeff"), newline="")
    return list(csv.DictReader(file, strict=True))


def log() -> list[tuple[str, str, str]]:
    return [(str(e.object_id), e.object_repr, e.change_message) for e in LogEntry.objects.all()]


# Who gets what


def test_file_has_masked_numbers_and_no_claims(viewer: Client) -> None:
    verification = verified(user=User.objects.create_user("dara"), mobile_id_changed=True)
    response = viewer.get(EXPORT)
    assert rows(response) == [
        {
            "id": str(verification.pk),
            "phone_number": f"'{MASKED}",
            "user": "dara",
            "status": "verified",
            "reason": "",
            "error_description": "",
            "scopes": "mobile_id phone_verify profile",
            "mobile_id_changed": "true",
            "mobile_id_acknowledged_at": "",
            "created_at": "2026-03-01 10:15:00+07:00",
            "completed_at": "2026-03-01 10:15:04+07:00",
            "seconds": "4.200",
        }
    ]
    file = content(viewer.get(EXPORT))
    assert [value for value in HIDDEN if value in file] == []


def test_file_of_those_who_may_has_numbers_in_full_and_claims(reader: Client) -> None:
    verified()
    (row,) = rows(reader.get(EXPORT))
    assert row["phone_number"] == f"'{NUMBER}"
    assert (row["sub"], row["mobile_id"]) == (SUB, MOBILE_ID)
    assert json.loads(row["claims"]) == CLAIMS
    assert "អុំអេង" in row["claims"]


@pytest.mark.parametrize(("name", "cell"), [(855, "855"), (None, "")])
def test_a_login_name_need_not_be_text(
    viewer: Client, monkeypatch: pytest.MonkeyPatch, name: Any, cell: str
) -> None:
    verified(user=User.objects.create_user("dara"))
    monkeypatch.setattr(User, "get_username", lambda user: name)

    assert rows(viewer.get(EXPORT))[0]["user"] == cell


def test_what_is_not_there_is_empty(reader: Client) -> None:
    pending(phone_number="", scopes="mobile_id")
    (row,) = rows(reader.get(EXPORT))
    assert {name: row[name] for name in ("phone_number", "user", "completed_at", "seconds")} == {
        "phone_number": "",
        "user": "",
        "completed_at": "",
        "seconds": "",
    }
    assert (row["sub"], row["mobile_id"], row["claims"]) == ("", "", "")


def test_acknowledged_change_has_its_time(viewer: Client) -> None:
    verified(mobile_id_changed=True, mobile_id_acknowledged_at=STARTED)
    (row,) = rows(viewer.get(EXPORT))
    assert row["mobile_id_acknowledged_at"] == "2026-03-01 10:15:00+07:00"


@pytest.mark.parametrize("permissions", [(), ("view_claims",), ("delete_phoneverification",)])
def test_staff_without_view_permission_get_nothing(permissions: tuple[str, ...]) -> None:
    verified()
    assert staff(*permissions).get(EXPORT).status_code == 403
    assert not LogEntry.objects.exists()


def test_everybody_else_is_sent_to_the_login(client: Client) -> None:
    response = client.get(EXPORT)
    assert (response.status_code, response["Location"].partition("?")[0]) == (302, "/admin/login/")


def test_it_is_only_read(reader: Client) -> None:
    verified()
    assert post(reader, EXPORT).status_code == 405
    assert reader.head(EXPORT).status_code == 405
    assert not LogEntry.objects.exists()


def test_file_is_for_nobody_else_and_has_a_name(viewer: Client) -> None:
    response = viewer.get(EXPORT)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    disposition = response["Content-Disposition"]
    assert re.fullmatch(r'attachment; filename="phone-verifications-[\d-]{10}\.csv"', disposition)
    assert {"no-store", "private"} <= set(re.split(r",\s*", response["Cache-Control"]))
    assert response["X-Content-Type-Options"] == "nosniff"


def test_excel_is_told_that_it_is_unicode(viewer: Client) -> None:
    assert content(viewer.get(EXPORT)).encode().startswith(b"\xef\xbb\xbf")


# What is recorded


def test_export_of_claims_is_recorded_before_it_is_sent(reader: Client) -> None:
    verified()
    reader.get(EXPORT, {"status__exact": "verified"})
    assert log() == [("None", "Claims, exported as CSV", "Exported: status__exact=verified")]
    assert LogEntry.objects.get().user_id == int(reader.session["_auth_user_id"])
    assert "Claims, exported as CSV" in text(reader.get("/admin/"))


def test_export_of_everything_is_recorded_as_that(reader: Client) -> None:
    reader.get(EXPORT)
    assert [message for _id, _what, message in log()] == ["Exported: *"]


@pytest.mark.parametrize("term", ["077696118", SUB, "dara"])
def test_what_was_searched_for_is_not_recorded(reader: Client, term: str) -> None:
    reader.get(EXPORT, {"q": term, "status__exact": "verified"})
    assert [message for _id, _what, message in log()] == ["Exported: q=***&status__exact=verified"]


def test_export_without_claims_is_not_recorded(viewer: Client) -> None:
    verified()
    assert len(rows(viewer.get(EXPORT))) == 1
    assert not LogEntry.objects.exists()


# Which rows


def test_newest_come_first_whatever_the_lists_order(viewer: Client) -> None:
    many(3)
    for order in ({}, {"o": "6"}, {"o": "-6"}, {"p": "7"}):
        people = [row["user"] for row in rows(viewer.get(EXPORT, order))]
        assert people == ["person-0002", "person-0001", "person-0000"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status__exact": "failed"}, ["not_verified"]),
        ({"reason__exact": "expired"}, ["expired"]),
        ({"q": "dara"}, ["expired"]),
        ({"q": "077 696 119"}, ["not_verified"]),
        ({"q": "nobody"}, []),
        ({"q": "x" * 300}, []),
    ],
)
def test_filters_and_search_are_the_lists(
    viewer: Client, query: dict[str, str], expected: list[str]
) -> None:
    failed(Reason.NOT_VERIFIED, phone_number="+85577696119")
    failed(Reason.EXPIRED, user=User.objects.create_user("dara"))
    html = viewer.get(LIST, query).content.decode()
    (link,) = re.findall(r'<a href="([^"]*/export/[^"]*)">\s*Export as CSV', html)
    assert [row["reason"] for row in rows(viewer.get(unescape(link)))] == expected


def test_page_says_what_the_file_will_hold(viewer: Client, reader: Client) -> None:
    assert "with masked numbers" in text(viewer.get(LIST))
    assert "with numbers in full and claims. This is recorded." in text(reader.get(LIST))


@pytest.mark.parametrize("lookup", ["phone_number__startswith", "claims", "mobile_id", "sub"])
def test_hidden_columns_cannot_be_spelt_out(viewer: Client, lookup: str) -> None:
    verified()
    assert viewer.get(EXPORT, {lookup: "1"}).status_code == 400


def test_filter_that_makes_no_sense_goes_back_to_the_list(reader: Client) -> None:
    response = reader.get(EXPORT, {"created_at__gte": "yesterday"})
    assert (response.status_code, response["Location"]) == (302, f"{LIST}?e=1")
    assert not LogEntry.objects.exists()


def test_file_has_the_rows_that_no_page_of_the_list_shows(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paginator, "MAX_ROWS", 100)
    many(120)
    assert len(rows(viewer.get(EXPORT))) == 120


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 7])
def test_every_row_comes_once_also_those_of_one_moment(
    viewer: Client, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(export, "BATCH_SIZE", 2)
    made = [pending(created_at=STARTED + timedelta(seconds=i // 3)) for i in range(number)]
    exported = [row["id"] for row in rows(viewer.get(EXPORT))]
    assert sorted(exported) == sorted(str(verification.pk) for verification in made)


# What opens it


@pytest.mark.parametrize(
    "name",
    [
        "=HYPERLINK(1)",
        "+1+1",
        "-1+1",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff201",
    ],
)
def test_no_cell_is_a_formula(viewer: Client, name: str) -> None:
    verified(user=User.objects.create(username=name), error_description="")
    failed(error_description=name)
    described, named = sorted(rows(viewer.get(EXPORT)), key=lambda row: row["user"])
    assert (described["error_description"], named["user"]) == (f"'{name}", f"'{name}")


def test_cells_can_hold_what_parts_cells(viewer: Client) -> None:
    name = 'a "quoted", name;=1+1\r\nof two lines'
    verified(user=User.objects.create(username=name))
    (row,) = rows(viewer.get(EXPORT))
    assert row["user"] == name
    assert '"a ""quoted"", name;=1+1' in content(viewer.get(EXPORT))


def test_claims_of_a_lost_key_cost_one_cell(reader: Client, settings: Any) -> None:
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    verified()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    (row,) = rows(reader.get(EXPORT))
    assert "PLASGATE_IP_ENCRYPTION_KEYS" in row["claims"]
    assert (row["sub"], row["phone_number"]) == (SUB, f"'{NUMBER}")


def test_a_site_without_time_zones_has_times_too(settings: Any) -> None:
    settings.USE_TZ = False
    viewer = staff("view_phoneverification")
    pending(created_at=STARTED.replace(tzinfo=None))
    (row,) = rows(viewer.get(EXPORT))
    assert row["created_at"] == "2026-03-01 03:15:00"


def test_file_is_the_same_in_every_language(viewer: Client) -> None:
    failed()
    english = content(viewer.get(EXPORT))
    assert content(viewer.get(EXPORT, headers={"accept-language": "km"})) == english


# How it is sent


def test_rows_are_read_while_they_are_sent(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "BATCH_SIZE", 10)
    many(35)
    with CaptureQueriesContext(connection) as queries:
        response: Any = viewer.get(EXPORT)
        assert response.streaming
        before = len(queries)
        parts = cast("Iterator[bytes]", iter(response.streaming_content))
        counts = [(part.count(b"\r\n"), len(queries) - before) for part in parts]
    # Two queries for each batch: its rows, and their users.
    assert counts == [(1, 0), (10, 2), (10, 4), (10, 6), (5, 8)]


def test_an_asynchronous_server_sends_it_too(
    reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "BATCH_SIZE", 10)
    many(25)
    client = AsyncClient()
    client.cookies = reader.cookies

    @async_to_sync
    async def parts() -> list[bytes]:
        response: Any = await client.get(EXPORT)
        assert response.is_async
        return [part async for part in cast("AsyncIterator[bytes]", response.streaming_content)]

    # Django would warn, which fails a test, and collect it all, if it were no async iterator.
    sent = parts()
    assert [part.count(b"\r\n") for part in sent] == [1, 10, 10, 5]
    assert b"".join(sent).decode() == content(reader.get(EXPORT))


def test_export_asks_the_same_questions_however_many_rows_of_a_batch(viewer: Client) -> None:
    asked = []
    for number in (1, 40):
        PhoneVerification.objects.all().delete()
        User.objects.filter(is_staff=False).delete()
        many(number)
        with CaptureQueriesContext(connection) as queries:
            assert len(rows(viewer.get(EXPORT))) == number
        asked.append(len(queries))
    assert asked[0] == asked[1]
