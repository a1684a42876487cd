"""Whole flows with canaries: no page, log, row, session or command shows one."""

import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from django_plasgate_ip import signals
from django_plasgate_ip.models import PhoneVerification
from tests.privacy import canaries
from tests.privacy.canaries import MASKED, NATIONAL, NUMBERS, Search
from tests.privacy.conftest import Log, replies
from tests.provider import Play, Provider, answer, closed_port, says, silent
from tests.visitor import Visitor, newest, outcome

pytestmark = [pytest.mark.worlds, pytest.mark.django_db]

Start = Callable[..., Provider]
LIST = "/admin/django_plasgate_ip/phoneverification/"
JSON = {"Accept": "application/json"}


# What the provider does, and how the verification ends


def _unreachable(start_provider: Start, settings: Any) -> None:
    settings.PLASGATE_IP_BASE_URL = f"http://127.0.0.1:{closed_port()}/ip/"


def _too_slow(start_provider: Start, settings: Any) -> None:
    settings.PLASGATE_IP_TIMEOUT = 0.05
    start_provider(silent)


def _plays(play: Play) -> Callable[[Start, Any], Any]:
    return lambda start_provider, settings: start_provider(play)


def _failed(text: str) -> Callable[[Start, Any], Any]:
    return _plays(replies(canaries.FAILED | {"error_description": text}))


_ALL = json.dumps(canaries.VERIFIED).encode()
# A provider's text may quote the number and the id.
_QUOTING = f"No SIM of {NATIONAL} ({canaries.E164}) with {canaries.MOBILE_ID}"
ENDS: dict[str, tuple[Callable[[Start, Any], Any], str]] = {
    "verified": (_plays(replies(canaries.VERIFIED)), ""),
    "failed": (_plays(replies(canaries.FAILED)), "not_on_mobile_data"),
    "quoting text": (_failed(_QUOTING), "not_verified"),
    "another number": (
        _plays(replies(canaries.VERIFIED | {"login_hint": "85512345678"})),
        "number_mismatch",
    ),
    "keys rejected": (_plays(replies(canaries.VERIFIED, "403 Forbidden")), "credentials_rejected"),
    "provider error": (_plays(replies(canaries.VERIFIED, "500 Oops")), "provider_error"),
    "unreachable": (_unreachable, "provider_unreachable"),
    "too slow": (_too_slow, "provider_timeout"),
    "broken off": (_plays(says(answer(_ALL)[:-9])), "invalid_response"),
    "no JSON": (_plays(says(answer(_ALL + b"}"))), "invalid_response"),
    "no HTTP": (_plays(says(_ALL)), "invalid_response"),
    "invalid id": (_plays(replies(canaries.VERIFIED | {"sub": 7})), "invalid_response"),
}


@pytest.fixture(params=ENDS)
def end(request: Any, start_provider: Start, settings: Any) -> str:
    """Set the provider up, and return the reason with which the verification ends."""
    play, reason = ENDS[request.param]
    play(start_provider, settings)
    return reason


def post_json(browser: Visitor, number: str) -> Any:
    browser.get("/accounts/login/")
    headers = {"X-CSRFToken": browser.cookies["csrftoken"].value, **JSON}
    return browser.post("/phone/", {"phone_number": number}, headers=headers)


def look_at_response(search: Search, place: str, response: Any) -> None:
    """Look at a response to the visitor, except for its URL of the provider."""
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
    """Look at each column of each table. The number and both ids have columns of their own."""
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
    """Look at the admin as staff without the permission for claims."""
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


def test_no_end_of_a_verification_leaves_a_canary_anywhere(
    visitor: Visitor, staff: Visitor, search: Search, log: Log, end: str
) -> None:
    start = visitor.start(NATIONAL)
    assert start.status_code == 302
    look_at_response(search, "start", start)

    back = visitor.come_back()

    assert outcome() == ("verified" if not end else newest().status, end)
    look_at_response(search, "callback", back)
    look_at_response(search, "page", visitor.get(back["Location"]))
    said = visitor.get(f"/phone/{newest().pk}/", headers=JSON)
    assert said.json()["phone_number"] == MASKED
    look_at_response(search, "JSON", said)
    look_at_response(search, "callback again", visitor.come_back())
    look_at_sessions(search, visitor)
    look_at_columns(search)
    look_at_admin(search, staff, newest())
    search.look_at_objects_of_ours()
    search.look_at_log(log.records)
    assert not [record for record in log.records if "code=" in record.getMessage()]


def test_the_json_shows_a_script_no_canary_but_the_providers_url(
    visitor: Visitor, stranger: Visitor, provider: Provider, search: Search, log: Log, settings: Any
) -> None:
    said = post_json(visitor, NATIONAL).json()
    visitor.authorize_url = said.pop("authorize_url")
    search.look("JSON: start", str(said))
    look_at_response(search, "callback", visitor.come_back())
    look_at_response(search, "JSON", visitor.get(said["detail_url"], headers=JSON))

    settings.PLASGATE_IP_MAX_STARTS_PER_NUMBER = 1
    for place, status, response in (
        ("bad number", 400, post_json(visitor, f"{NATIONAL} ext 5")),
        ("too many", 429, post_json(visitor, NATIONAL)),
        ("page: too many", 429, visitor.start(NATIONAL)),
        ("not signed in", 401, post_json(stranger, NATIONAL)),
    ):
        assert response.status_code == status
        look_at_response(search, place, response)
    search.look_at_log(log.records)


def test_an_anonymous_visitor_and_their_login_leave_no_canary(
    passer_by: Visitor, user: User, provider: Provider, search: Search, log: Log
) -> None:
    passer_by.verify(NATIONAL)
    look_at_sessions(search, passer_by)

    page = passer_by.get("/accounts/login/")
    passer_by.submit(page, username="teak", password="a password")

    assert newest().user == user
    look_at_sessions(search, passer_by)
    look_at_columns(search)
    search.look_at_log(log.records)


@pytest.mark.parametrize(
    "changes",
    [
        {"error": "access_denied", "error_description": _QUOTING},
        {"private_key": "another"},
        {"code": None},
    ],
    ids=str,
)
def test_a_refused_callback_leaves_no_canary(
    visitor: Visitor, search: Search, log: Log, changes: dict[str, Any]
) -> None:
    visitor.start(NATIONAL)
    back = visitor.come_back(**changes)

    look_at_response(search, "callback", back)
    look_at_response(search, "page", visitor.get(back["Location"]))
    look_at_columns(search)
    search.look_at_log(log.records)


def test_a_callback_in_another_browser_leaves_no_canary(
    visitor: Visitor, stranger: Visitor, search: Search, log: Log
) -> None:
    visitor.start(NATIONAL)
    stranger.authorize_url = visitor.authorize_url

    response = stranger.come_back()

    assert response.status_code == 400
    look_at_response(search, "invalid callback", response)
    search.look_at_log(log.records)


def test_the_continue_page_shows_no_canary_but_the_providers_url(
    visitor: Visitor, search: Search, settings: Any
) -> None:
    settings.PLASGATE_IP_CONTINUE_PAGE = True
    response = visitor.start(NATIONAL)

    url = response["Refresh"].removeprefix("0; url=")
    page = response.content.decode().replace(url.replace("&", "&amp;"), "")
    search.look("page: continue", page)
    search.look("page: continue: repr", repr(response))


def test_a_receivers_exception_is_logged_without_a_canary(
    visitor: Visitor, provider: Provider, search: Search, log: Log
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


def test_a_changed_sim_is_reported_without_a_canary(
    visitor: Visitor, start_provider: Start, staff: Visitor, search: Search, log: Log
) -> None:
    start_provider(replies(canaries.VERIFIED | {"mobile_id": "another"}))
    visitor.verify(NATIONAL)
    start_provider(replies(canaries.VERIFIED))
    back = visitor.verify(NATIONAL)

    assert newest().mobile_id_changed
    look_at_response(search, "page", visitor.get(back["Location"]))
    look_at_admin(search, staff, newest())
    search.look_at_log(log.records)


def test_the_commands_print_no_canary(
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


def test_the_checks_report_no_canary(search: Search, settings: Any) -> None:
    search.look("checks", str(run_checks(include_deployment_checks=True)))
    settings.PLASGATE_IP_SECRET_KEY += " "
    settings.PLASGATE_IP_PRIVATE_KEY += "\n"
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [canaries.ENCRYPTION_KEY, canaries.ENCRYPTION_KEY[:-2]]

    search.look("checks", str(run_checks(include_deployment_checks=True)))
