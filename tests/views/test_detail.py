"""A verification's own page, and its JSON: whose it is, and what it shows."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.testing import make_verification
from tests.conftest import Answers
from tests.visitor import (
    DIGITS,
    MASKED,
    MOBILE_ID,
    SUB,
    TYPED,
    Page,
    Visitor,
    newest,
    outcome,
)

JSON = {"Accept": "application/json, text/plain, */*"}


def test_a_verification_is_its_owners_in_any_browser_and_a_404_for_others(
    visitor: Visitor, stranger: Visitor, user: User, other_user: User
) -> None:
    visitor.start()
    mine = newest()
    theirs = make_verification(other_user, session_id=mine.session_id)
    sessions = make_verification(session_id=mine.session_id)
    elsewhere = Visitor()
    elsewhere.force_login(user)

    for browser, row, status in (
        (visitor, mine, 200),
        (visitor, sessions, 200),
        (elsewhere, mine, 200),
        (elsewhere, sessions, 404),
        (visitor, theirs, 404),
        (visitor, make_verification(), 404),
        (stranger, mine, 404),
    ):
        response = browser.get(f"/phone/{row.pk}/")
        assert response.status_code == status
        assert browser.get(f"/phone/{row.pk}/", headers=JSON).status_code == status
        assert (MASKED in response.content.decode()) is (status == 200)
    assert visitor.get(f"/phone/{uuid4()}/").status_code == 404


def test_a_stale_verification_ends_when_its_page_is_opened(visitor: Visitor, user: User) -> None:
    stale = make_verification(user, "pending", age=timedelta(minutes=6))

    shown = visitor.get(f"/phone/{stale.pk}/").content.decode()

    assert outcome() == ("error", "expired")
    assert "This took too long." in shown


def test_a_page_shows_how_another_request_ended_a_stale_verification(
    visitor: Visitor, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = make_verification(user, "pending", age=timedelta(minutes=6))
    transition = PhoneVerification.transition

    def lose(row: PhoneVerification, **values: Any) -> bool:
        assert transition(PhoneVerification.objects.get(), **values | {"reason": "interrupted"})
        return transition(row, **values)

    monkeypatch.setattr(PhoneVerification, "transition", lose)

    shown = visitor.get(f"/phone/{stale.pk}/").content.decode()

    assert outcome() == ("error", "interrupted")
    assert "The check stopped" in shown


@pytest.mark.parametrize(
    ("status", "columns", "refresh"),
    [
        ("pending", {}, None),
        ("pending", {"callback_session_id": "a phone's"}, "3"),
        ("exchanging", {}, "3"),
        ("verified", {"callback_session_id": "a phone's"}, None),
    ],
    ids=["this browser has to continue", "a phone continues", "the operator answers", "ended"],
)
def test_the_page_refreshes_while_the_visitor_can_only_wait(
    visitor: Visitor, user: User, status: str, columns: Any, refresh: str | None
) -> None:
    row = make_verification(user, status, **columns)
    before = PhoneVerification.objects.values().get()

    response = visitor.get(f"/phone/{row.pk}/")

    assert response.get("Refresh") == refresh
    assert ("In progress" in response.content.decode()) is row.is_live
    assert PhoneVerification.objects.values().get() == before


def test_the_phone_of_a_hand_off_gets_the_link_to_plasgate_while_it_has_to_continue(
    passer_by: Visitor,
) -> None:
    passer_by.start()
    row = newest()
    rows = PhoneVerification.objects.filter(pk=row.pk)
    rows.update(session_id="a computer's")
    url = f"/phone/{row.pk}/"
    assert Page(passer_by.get(url)).links == {"Continue": passer_by.authorize_url}

    rows.update(status="exchanging", exchanging_at=timezone.now())
    assert Page(passer_by.get(url)).links == {}

    rows.update(status="verified", completed_at=timezone.now())
    assert "It continues by itself" in passer_by.get(url).content.decode()


def test_no_page_may_be_cached_and_each_depends_on_accept(visitor: Visitor) -> None:
    start = visitor.get("/phone/")
    redirect = visitor.submit(start, phone_number=TYPED)
    detail = visitor.get(f"/phone/{newest().pk}/")

    for response in (start, redirect, detail):
        assert "no-store" in response["Cache-Control"]
        assert "Accept" in response["Vary"].split(", ")


def test_the_json_of_a_verification_has_these_fields_and_none_of_the_operators(
    visitor: Visitor, answers: Answers
) -> None:
    answers(given_name="Teak", error_description="Welcome")
    visitor.verify()
    row = newest()

    response = visitor.get(f"/phone/{row.pk}/", headers=JSON)

    said = response.json()
    assert said == {
        "id": str(row.pk),
        "status": "verified",
        "reason": "",
        "message": "Your mobile network has confirmed your number.",
        "phone_number": MASKED,
        "created_at": said["created_at"],
        "completed_at": said["completed_at"],
    }
    # Milliseconds, as JavaScript has them.
    for name in ("created_at", "completed_at"):
        moment = datetime.fromisoformat(said[name].replace("Z", "+00:00"))
        assert abs(moment - getattr(row, name)) < timedelta(milliseconds=1)
    for secret in (SUB, MOBILE_ID, "Teak", "Welcome", DIGITS, row.session_id):
        assert secret not in response.content.decode()
