"""The id that ties a browser to its verifications, and what belongs to a browser."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.cache import SessionStore
from django.db.models import Q
from django.test import RequestFactory

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.testing import make_verification
from django_plasgate_ip.verification import browser_session
from django_plasgate_ip.verification.browser_session import SESSION_KEY
from tests.verification.rows import stop_clock, unsaved
from tests.visitor import request_of

KEY = "thekeyofadjangosession"


def test_a_request_without_a_session_or_an_id_has_an_empty_id():
    with_none = request_of()
    with_none.session = None  # type: ignore[assignment]
    for request in (RequestFactory().get("/"), with_none, request_of(session=SessionStore())):
        assert browser_session.get_session_id(request) == ""

    assert browser_session.get_session_id(request_of(session={SESSION_KEY: "id"})) == "id"


def test_an_account_may_be_none_or_have_its_key_as_text():
    of_a_token = SimpleNamespace(pk="7", is_authenticated=True)
    for user, account in ((None, None), (of_a_token, 7)):
        request = request_of()
        request.user = user  # type: ignore[assignment]
        assert browser_session.account_of(request) == account


def test_an_id_is_random_or_derived_from_the_sessions_key_which_it_hides():
    def new_ids(key: str | None) -> set[str]:
        """Return what three starts of one session get."""
        requests = [request_of(session=SessionStore(key)) for _ in range(3)]
        return {browser_session.new_session_id(request) for request in requests}

    assert [len(each) for each in new_ids(None)] == [22] * 3  # 16 random bytes, in base64
    (derived,) = new_ids(KEY)
    assert len(derived) == 32  # as the column
    assert KEY not in derived
    assert new_ids(KEY + "2") != {derived}


def test_the_id_is_stored_once_and_reused():
    session = SessionStore()
    session_id = browser_session.get_or_create_session_id(request_of(session=session))

    assert dict(session) == {SESSION_KEY: session_id}
    session.modified = False
    assert browser_session.get_or_create_session_id(request_of(session=session)) == session_id
    assert not session.modified


@pytest.mark.django_db
def test_a_session_without_an_id_moves_no_verification_of_an_app():
    row = make_verification(session_id="app:abc", callback_session_id="")

    browser_session.change_session_id(request_of(), "new", Q())

    row.refresh_from_db()
    assert (row.session_id, row.callback_session_id) == ("app:abc", "")


@pytest.mark.parametrize(
    ("owner", "started_in", "user", "session", "expected"),
    [
        # The user may come from any browser.
        (7, "browser", 7, "", True),
        (7, "browser", 8, "browser", False),
        # A sign-out leaves the session's id, and the verification is the user's.
        (7, "browser", None, "browser", False),
        (None, "browser", None, "browser", True),
        (None, "browser", 7, "browser", True),
        (None, "browser", None, "other", False),
        (None, "", None, "", False),
    ],
)
def test_a_verification_belongs_to_its_user_and_without_one_to_its_session(
    owner, started_in, user, session, expected
):
    verification = PhoneVerification(user_id=owner, session_id=started_in)
    request = request_of(user and User(pk=user), {SESSION_KEY: session})

    assert browser_session.is_own(request, verification) is expected


@pytest.mark.parametrize(
    ("callback_session", "user", "session", "expected"),
    [
        ("phone", None, "phone", True),
        ("phone", 8, "phone", True),
        ("phone", None, "other", False),
        # The owner's own phone sees it as the owner.
        ("phone", 7, "phone", False),
        # It was not handed over.
        ("browser", 8, "browser", False),
        ("", 8, "", False),
    ],
)
def test_a_carrier_is_the_browser_to_which_another_one_handed_over(
    callback_session, user, session, expected
):
    verification = unsaved(user_id=7, callback_session_id=callback_session)
    request = request_of(user and User(pk=user), {SESSION_KEY: session})

    assert browser_session.is_carrier(request, verification) is expected


@pytest.mark.parametrize(
    ("changes", "session", "expected"),
    [
        ({}, "browser", True),
        ({"session_id": "", "callback_session_id": ""}, "", False),
        ({}, "other", False),
        ({"user_id": None}, "browser", False),
        ({"callback_session_id": "phone"}, "browser", False),
        ({"age": timedelta(hours=1, microseconds=1)}, "browser", False),
    ],
)
def test_who_typed_a_number_sees_it_in_this_session_for_an_hour(
    monkeypatch, changes, session, expected
):
    columns = {"user_id": 7, "age": timedelta(hours=1)} | changes
    created_at = stop_clock(monkeypatch, browser_session) - columns.pop("age")
    request = request_of(User(pk=7), {SESSION_KEY: session})

    verification = unsaved(**columns, created_at=created_at)
    assert browser_session.may_see_number(request, verification) is expected
