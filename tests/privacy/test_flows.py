"""Whole flows with canaries in them: nothing that they leave behind, anywhere, shows one."""

import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from django_plasgate_ip import signals
from django_plasgate_ip.models import PhoneVerification
from tests.privacy import canaries
from tests.privacy.canaries import MASKED, NATIONAL, NUMBERS, TYPED, Search
from tests.privacy.conftest import Log, replies
from tests.provider import Provider, answer, closed_port, resets, says, silent
from tests.visitor import Visitor, attempt, outcome

pytestmark = pytest.mark.worlds

Start = Callable[..., Provider]
LIST = "/admin/django_plasgate_ip/phoneverification/"
JSON = {"Accept": "application/json"}


# What the provider does, and what becomes of the attempt


def _unreachable(start_provider: Start, settings: Any) -> None:
    settings.PLASGATE_IP_BASE_URL = f"http://127.0.0.1:{closed_port()}/ip/"


def _too_slow(start_provider: Start, settings: Any) -> None:
    settings.PLASGATE_IP_TIMEOUT = 0.05
    start_provider(silent)


def _reset(start_provider: Start, settings: Any) -> None:
    start_provider(resets)


def _says(*parts: bytes) -> Callable[[Start, Any], Any]:
    return lambda start_provider, settings: start_provider(says(*parts))


def _replies(data: dict[str, Any], status: str = "200 OK") -> Callable[[Start, Any], Any]:
    return lambda start_provider, settings: start_provider(replies(data, status))


_ALL = json.dumps(canaries.VERIFIED).encode()
# What a provider may say of a failure, in words of its own.
_TELLING = f"No SIM of {NATIONAL} ({canaries.E164}) with {canaries.MOBILE_ID}"
ENDS: dict[str, tuple[Callable[[Start, Any], Any], str]] = {
    "verified": (_replies(canaries.VERIFIED), ""),
    "failed": (_replies(canaries.FAILED), "not_on_mobile_data"),
    "not verified": (
        _replies(canaries.FAILED | {"error_description": "no"}),
        "not_verified",
    ),
    "telling text": (
        _replies(canaries.FAILED | {"error_description": _TELLING}),
        "not_verified",
    ),
    "another number": (
        _replies(canaries.VERIFIED | {"login_hint": "85512345678"}),
        "number_mismatch",
    ),
    "credentials rejected": (_replies(canaries.VERIFIED, "403 Forbidden"), "credentials_rejected"),
    "rate limited": (_replies(canaries.VERIFIED, "429 Too Many Requests"), "rate_limited"),
    "provider error": (_replies(canaries.VERIFIED, "500 Oops"), "provider_error"),
    "redirect": (_says(answer(_ALL, "302 Found", "Location: /x")), "invalid_response"),
    "unreachable": (_unreachable, "provider_unreachable"),
    "reset": (_reset, "provider_unreachable"),
    "too slow": (_too_slow, "provider_timeout"),
    "broken off": (_says(answer(_ALL)[:-9]), "invalid_response"),
    "no JSON": (_says(answer(_ALL + b"}")), "invalid_response"),
    "no object": (_says(answer(b"[" + _ALL + b"]")), "invalid_response"),
    "no HTTP": (_says(_ALL), "invalid_response"),
    "an id that is none": (_replies(canaries.VERIFIED | {"sub": 7}), "invalid_response"),
    "no promise kept": (_replies(canaries.VERIFIED | {"mobile_id": ""}), "invalid_response"),
}


@pytest.fixture(params=ENDS)
def end(request: Any, start_provider: Start, settings: Any) -> str:
    """Return the reason that the attempt ends with; the provider is set up for it."""
    play, reason = ENDS[request.param]
    play(start_provider, settings)
    return reason


def post(browser: Visitor, **fields: str) -> Any:
    browser.get("/phone/")
    token = browser.cookies["csrftoken"].value
    return browser.post("/phone/", fields, headers={"X-CSRFToken": token, **JSON})


def look_at_response(search: Search, place: str, response: Any) -> None:
    """Look at what the visitor's browser is given, but for the way to the provider."""
    headers = {name: value for name, value in response.headers.items() if name != "Location"}
    search.look(f"{place}: headers", str(headers))
    search.look(f"{place}: cookies", str(response.cookies))
    search.look(f"{place}: body", response.content.decode())
    search.look(f"{place}: repr", repr(response))
    search.look("messages", str([str(m) for m in get_messages(response.wsgi_request)]))


def look_at_sessions(search: Search, *browsers: Visitor) -> None:
    for session in Session.objects.all():
        search.look("session row", f"{session.get_decoded()!r} {session.session_data}")
    for browser in browsers:
        search.look("cookies", str(browser.cookies))


def look_at_columns(search: Search) -> None:
    """Look at each column of each table: the number and the operator's ids are in their own."""
    own = {
        "phone_number": NUMBERS,
        "sub": {f"claim {canaries.SUB}"},
        "mobile_id": {f"claim {canaries.MOBILE_ID}"},
    }
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            names = [column[0] for column in cursor.description]
            ours = table == PhoneVerification._meta.db_table
            for row in cursor.fetchall():
                for name, value in zip(names, row, strict=True):
                    allowed = own.get(name, ()) if ours else ()
                    search.look(f"database: {table}.{name}", str(value), allowed)


def look_at_admin(search: Search, staff: Visitor, row: PhoneVerification) -> None:
    """Look at the pages of staff who may not see claims."""
    page = f"{LIST}{row.pk}"
    for url in (
        LIST,
        f"{LIST}?q={canaries.MOBILE_ID[:9]}",
        f"{LIST}?q=teak",
        f"{page}/change/",
        f"{page}/history/",
        f"{page}/delete/",
        f"/admin/auth/user/{row.user_id}/change/",
        f"/admin/auth/user/{row.user_id}/delete/",
        "/admin/",
    ):
        response = staff.get(url)
        assert response.status_code in (200, 403)
        typed = {f"claim {canaries.MOBILE_ID}"} if "?q=" in url else ()
        search.look("admin without view_claims", response.content.decode(), typed)


@pytest.mark.django_db
def test_no_end_of_an_attempt_leaves_a_canary_anywhere(
    visitor: Visitor, staff: Visitor, search: Search, log: Log, end: str, caplog: Any
) -> None:
    start = visitor.start(NATIONAL)
    assert start.status_code == 302
    look_at_response(search, "start", start)

    back = visitor.come_back()

    assert outcome() == ("verified" if not end else attempt().status, end)
    look_at_response(search, "callback", back)
    look_at_response(search, "page", visitor.get(back["Location"]))
    said = visitor.get(f"/phone/{attempt().pk}/", headers=JSON)
    assert said.json()["phone_number"] == MASKED
    look_at_response(search, "JSON", said)
    look_at_response(search, "callback again", visitor.come_back())
    look_at_sessions(search, visitor)
    look_at_columns(search)
    look_at_admin(search, staff, attempt())
    search.look_at_objects_of_ours()
    search.look_at_log(log.records)
    # The query of the callback's address does not reach a log of ours.
    assert not [record for record in log.records if "code=" in record.getMessage()]


@pytest.mark.django_db
@pytest.mark.parametrize("typed", TYPED)
def test_no_way_to_type_the_number_leaves_it_anywhere(
    visitor: Visitor, provider: Provider, search: Search, log: Log, typed: str
) -> None:
    visitor.start(typed)
    back = visitor.come_back()

    assert outcome() == ("verified", "")
    look_at_response(search, "callback", back)
    look_at_response(search, "page", visitor.get(back["Location"]))
    look_at_sessions(search, visitor)
    look_at_columns(search)
    search.look_at_log(log.records)


@pytest.mark.django_db
def test_a_script_is_told_nothing_but_the_way_to_the_provider(
    visitor: Visitor, provider: Provider, search: Search, log: Log, settings: Any
) -> None:
    said = post(visitor, phone_number=NATIONAL).json()
    # What the browser must take to the provider, by the provider's design.
    visitor.authorize_url = said.pop("authorize_url")
    search.look("JSON: start", str(said))
    look_at_response(search, "callback", visitor.come_back())
    look_at_response(search, "JSON", visitor.get(said["detail_url"], headers=JSON))

    bad = post(visitor, phone_number=f"{NATIONAL} ext 5")
    assert bad.status_code == 400
    look_at_response(search, "JSON: bad number", bad)

    settings.PLASGATE_IP_MAX_STARTS_PER_NUMBER = 1
    refused = post(visitor, phone_number=NATIONAL)
    assert refused.status_code == 429
    look_at_response(search, "JSON: too many", refused)
    look_at_response(search, "page: too many", visitor.start(NATIONAL))

    stranger = Visitor()
    stranger.get("/accounts/login/")
    token = stranger.cookies["csrftoken"].value
    look_at_response(
        search,
        "JSON: not signed in",
        stranger.post(
            "/phone/", {"phone_number": NATIONAL}, headers={"X-CSRFToken": token, **JSON}
        ),
    )
    search.look_at_log(log.records)


@pytest.mark.django_db
def test_a_visitor_who_is_not_signed_in_leaves_no_more_than_others(
    passer_by: Visitor, user: User, provider: Provider, search: Search, log: Log
) -> None:
    passer_by.verify(NATIONAL)
    look_at_sessions(search, passer_by)

    page = passer_by.get("/accounts/login/")
    passer_by.submit(page, username="teak", password="a password")

    assert attempt().user == user
    look_at_sessions(search, passer_by)
    look_at_columns(search)
    search.look_at_log(log.records)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [
        {"error": "access_denied", "error_description": "the SIM is barred"},
        {"error": "access_denied", "error_description": _TELLING},
        {"private_key": "another"},
        {"code": ["one", "two"]},
        {"code": None},
    ],
    ids=str,
)
def test_a_callback_that_is_refused_leaves_none(
    visitor: Visitor, search: Search, log: Log, changes: dict[str, Any]
) -> None:
    visitor.start(NATIONAL)
    back = visitor.come_back(**changes)

    look_at_response(search, "callback", back)
    look_at_response(search, "page", visitor.get(back["Location"]))
    look_at_columns(search)
    search.look_at_log(log.records)


@pytest.mark.django_db
def test_a_callback_of_nobodys_leaves_none(visitor: Visitor, search: Search, log: Log) -> None:
    visitor.start(NATIONAL)
    stranger = Visitor()
    stranger.authorize_url = visitor.authorize_url

    response = stranger.come_back()

    assert response.status_code == 400
    look_at_response(search, "invalid callback", response)
    search.look_at_log(log.records)


@pytest.mark.django_db
def test_a_page_that_goes_on_shows_nothing_but_the_way(
    visitor: Visitor, search: Search, settings: Any
) -> None:
    settings.PLASGATE_IP_CONTINUE_PAGE = True
    response = visitor.start(NATIONAL)

    way = response["Refresh"].removeprefix("0; url=")
    page = response.content.decode().replace(way.replace("&", "&amp;"), "")
    search.look("page: continue", page)
    search.look("page: continue: repr", repr(response))


def test_a_receiver_that_breaks_is_logged_without_any(
    db: None, visitor: Visitor, provider: Provider, search: Search, log: Log
) -> None:
    def receiver(verification: PhoneVerification, **kwargs: Any) -> None:
        canaries.break_down(verification, **kwargs)

    signals.phone_verified.connect(receiver)
    try:
        visitor.verify(NATIONAL)
    finally:
        signals.phone_verified.disconnect(receiver)

    assert outcome() == ("verified", "")
    assert any(record.exc_info for record in log.records)
    search.look_at_log(log.records)


@pytest.mark.django_db
def test_a_changed_sim_is_told_without_any(
    visitor: Visitor, start_provider: Start, staff: Visitor, search: Search, log: Log
) -> None:
    start_provider(replies(canaries.VERIFIED | {"mobile_id": "another"}))
    visitor.verify(NATIONAL)
    start_provider(replies(canaries.VERIFIED))
    back = visitor.verify(NATIONAL)

    assert attempt().mobile_id_changed
    look_at_response(search, "page", visitor.get(back["Location"]))
    look_at_admin(search, staff, attempt())
    search.look_at_log(log.records)


@pytest.mark.django_db
def test_the_commands_say_none_but_the_one_that_is_asked_to(
    visitor: Visitor, provider: Provider, search: Search, log: Log, settings: Any
) -> None:
    visitor.verify(NATIONAL)
    visitor.start(NATIONAL)
    settings.PLASGATE_IP_CLAIMS_RETENTION = timedelta(hours=1)
    PhoneVerification.objects.update(created_at=timezone.now() - timedelta(hours=2))
    out = io.StringIO()
    for name, *arguments in (
        ["dumpdata", "django_plasgate_ip", "sessions", "auth", "admin"],
        ["plasgate_ip_reencrypt", "--verbosity=2"],
        ["plasgate_ip_purge", "--dry-run"],
        ["plasgate_ip_purge"],
        ["plasgate_ip_erase", "--number", NATIONAL, "--no-input"],
    ):
        call_command(name, *arguments, stdout=out, stderr=out)

    said = out.getvalue()
    assert f'"phone_number": "{canaries.E164}"' in said
    for column in ("phone_number", "sub", "mobile_id"):
        said = re.sub(rf'"{column}": "[^"]*"', "", said)
    search.look("commands and dumpdata", said)
    search.look_at_log(log.records)


@pytest.mark.django_db
def test_checks_say_none(search: Search, settings: Any) -> None:
    from django.core.checks import run_checks

    search.look("checks", str(run_checks(include_deployment_checks=True)))
    settings.PLASGATE_IP_SECRET_KEY += " "
    settings.PLASGATE_IP_PRIVATE_KEY += "\n"
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [canaries.ENCRYPTION_KEY, canaries.ENCRYPTION_KEY[:-2]]

    search.look("checks", str(run_checks(include_deployment_checks=True)))


@pytest.mark.django_db(transaction=True)
def test_the_database_holds_none_at_rest(
    visitor: Visitor, start_provider: Start, search: Search
) -> None:
    for data in (canaries.FAILED, canaries.VERIFIED):
        start_provider(replies(data))
        visitor.verify(NATIONAL)
    failed, verified = PhoneVerification.objects.order_by("created_at")
    assert (failed.claims, verified.claims) == (canaries.FAILED, canaries.VERIFIED)
    look_at_columns(search)

    failed.delete()
    PhoneVerification.objects.filter(pk=verified.pk).update(claims={})
    # In their own columns, and those columns' indexes.
    own = {"number", f"claim {canaries.SUB}", f"claim {canaries.MOBILE_ID}"}
    for path in _files():
        search.look("database file", path.read_bytes().decode("latin-1"), own)
        text = path.read_bytes().decode("utf-8", "replace")
        search.look("database file", text, own)


def _files() -> list[Path]:
    """Return SQLite's file and its write-ahead log; other databases have none of ours to read."""
    if connection.vendor != "sqlite":
        return []
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA database_list")
        path = Path(cursor.fetchone()[2])
    found = list(path.parent.glob(path.name + "*"))
    assert any(canaries.E164.encode() in each.read_bytes() for each in found)
    return found
