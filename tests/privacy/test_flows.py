"""Whole flows with canaries: no page, log, row, session or command shows one."""

import json
import re
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.db import connection

from django_plasgate_ip.models import PhoneVerification
from tests.privacy import canaries
from tests.privacy.canaries import CANARIES, MASKED, NATIONAL, NUMBERS, Broken, Search
from tests.privacy.conftest import replies
from tests.provider import Play, answer, says, silent
from tests.visitor import Visitor, newest, outcome

pytestmark = [pytest.mark.worlds, pytest.mark.django_db]

_ALL = json.dumps(canaries.VERIFIED).encode()
# A provider's text may quote the number and the id.
_QUOTING = f"No SIM of {NATIONAL} ({canaries.E164}) with {canaries.MOBILE_ID}"
_FAILED = {"status": "failed", "error_description": _QUOTING}
_FAILED |= {"sub": "anonymous", "phone_number_verified": "false"}
_ANOTHER = {"login_hint": "85512345678"}
#: What the provider does, and the reason with which the verification ends.
ENDS: dict[str, tuple[Play, str]] = {
    "verified": (replies(canaries.VERIFIED), ""),
    "failed": (replies(canaries.VERIFIED | _FAILED), "not_verified"),
    "another number": (replies(canaries.VERIFIED | _ANOTHER), "number_mismatch"),
    "keys rejected": (replies(canaries.VERIFIED, "403 Forbidden"), "credentials_rejected"),
    "provider error": (replies(canaries.VERIFIED, "500 Oops"), "provider_error"),
    "unreachable": (silent, "provider_unreachable"),
    "too slow": (silent, "provider_timeout"),
    "broken off": (says(answer(_ALL)[:-9]), "invalid_response"),
    "no JSON": (says(answer(_ALL + b"}")), "invalid_response"),
    "no HTTP": (says(_ALL), "invalid_response"),
}


def look_at_response(search: Search, place: str, response: Any) -> None:
    """Look at a response to the visitor, except for its URL of the provider."""
    headers = {name: value for name, value in response.headers.items() if name != "Location"}
    messages = [str(message) for message in get_messages(response.wsgi_request)]
    search.look(f"{place}: head", f"{headers} {response.cookies} {response!r} {messages}")
    # A failed page fills the number in for the visitor who has just typed it, in this field alone.
    own_field = r'(name="phone_number" value=")[^"]*'
    search.look(f"{place}: body", re.sub(own_field, r"\1", response.content.decode()))


def look_at_sessions(search: Search, browser: Visitor) -> None:
    search.look("cookies", str(browser.cookies))
    for session in Session.objects.all():
        search.look("session row", f"{session.get_decoded()!r} {session.session_data}")


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


@pytest.mark.parametrize("end", ENDS)
def test_no_end_leaves_a_canary_anywhere(visitor, start, search, log, settings, end):
    play, reason = ENDS[end]
    provider = start(play)
    if end == "unreachable":
        provider.close()
    settings.PLASGATE_IP_TIMEOUT = 0.05 if end == "too slow" else 10
    look_at_response(search, "start", visitor.start(NATIONAL))

    back = visitor.come_back()

    assert outcome() == ("verified" if not reason else newest().status, reason)
    look_at_response(search, "callback", back)
    look_at_response(search, "page", visitor.get(back["Location"]))
    said = visitor.get(f"/phone/{newest().pk}/", headers={"Accept": "application/json"})
    assert said.json()["phone_number"] == MASKED
    look_at_response(search, "JSON", said)
    look_at_response(search, "callback again", visitor.come_back())
    look_at_sessions(search, visitor)
    look_at_columns(search)
    search.look_at_objects_of_ours()
    search.look_at_log(log.records)
    assert not [record for record in log.records if "code=" in record.getMessage()]


def test_a_refused_callback_leaves_no_canary(visitor, stranger, search, log):
    denied: Any = {"error": "access_denied", "error_description": _QUOTING}
    for changes in (denied, {"private_key": "another"}, {"code": None}):
        visitor.start(NATIONAL)
        back = visitor.come_back(**changes)
        assert outcome() != ("verified", "")
        look_at_response(search, "callback", back)
        look_at_response(search, "page", visitor.get(back["Location"]))
    visitor.start(NATIONAL)
    elsewhere = stranger.get(visitor.callback_url())
    page = stranger.get(elsewhere["Location"])
    assert page.status_code == 400

    look_at_response(search, "callback in another browser", elsewhere)
    look_at_response(search, "its page", page)
    look_at_columns(search)
    search.look_at_log(log.records)


def test_a_receivers_exception_logs_no_canary(visitor, provider, receivers, search, log):
    receivers.verified.side_effect = canaries.break_down
    visitor.verify(NATIONAL)

    assert outcome() == ("verified", "")
    assert any(record.exc_info for record in log.records)
    search.look_at_log(log.records)


def test_the_search_finds_each_canary_in_a_text_and_in_a_frame():
    """Otherwise the other tests could not fail."""
    search = Search()
    keys = (canaries.SECRET_KEY, canaries.PRIVATE_KEY, canaries.ENCRYPTION_KEY)
    search.look("text", f"{canaries.VERIFIED} {keys}")
    assert {line.partition(" in text")[0] for line in search.found} == set(CANARIES)

    with pytest.raises(Broken) as caught:
        canaries.break_down([{"a": (NATIONAL,)}])
    search.look_at_error("frame", caught.value)
    assert "number in frame" in search.found[-1]
