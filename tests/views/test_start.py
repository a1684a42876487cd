"""The start page over HTTP: who may start, and what forms and scripts get."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_plasgate_ip.models import PhoneVerification
from tests.conftest import Answers
from tests.visitor import (
    DIGITS,
    TYPED,
    Page,
    Visitor,
    newest,
)

JSON = {"Accept": "application/json, text/plain, */*"}


def post(browser: Visitor, body: Any = None, **fields: str) -> Any:
    """Post to ``start`` as a script does: a form, or `body` as JSON."""
    if "csrftoken" not in browser.cookies:
        browser.get("/phone/" if "sessionid" in browser.cookies else "/accounts/login/")
    headers = JSON | {"X-CSRFToken": browser.cookies["csrftoken"].value}
    if body is None:
        return browser.post("/phone/", fields, headers=headers)
    return browser.post("/phone/", body, content_type="application/json", headers=headers)


def statements(captured: CaptureQueriesContext) -> int:
    """Return how many queries do work; a transaction's begin and end do not."""
    work = ("SELECT", "INSERT", "UPDATE", "DELETE")
    return sum(query["sql"].startswith(work) for query in captured)


def test_the_login_leads_back_to_the_form_and_next_survives_it(
    stranger: Visitor, user: User, answers: Answers
) -> None:
    answers()
    detour = stranger.get("/phone/?next=/here/")
    assert detour["Location"] == "/accounts/login/?next=/phone/%3Fnext%3D%252Fhere%252F"

    login = stranger.get(detour["Location"])
    response = stranger.submit(login, username="teak", password="a password")
    stranger.submit(stranger.get(response["Location"]), phone_number=TYPED)

    assert stranger.come_back()["Location"] == "/here/"


def test_next_survives_a_session_that_ended_while_the_form_was_open(visitor: Visitor) -> None:
    form = visitor.get("/phone/?next=/here/")
    visitor.session.flush()

    response = visitor.submit(form, phone_number=TYPED)

    assert response["Location"] == "/accounts/login/?next=/phone/%3Fnext%3D%252Fhere%252F"
    assert not PhoneVerification.objects.exists()


def test_a_login_gets_no_next_that_leaves_the_site(stranger: Visitor) -> None:
    response = stranger.get("/phone/?next=//evil.example/")

    assert response["Location"] == "/accounts/login/?next=/phone/"


def test_a_script_that_is_not_signed_in_gets_a_401_and_no_redirect(stranger: Visitor) -> None:
    response = post(stranger, phone_number=TYPED)

    assert response.status_code == 401
    assert response.json() == {
        "errors": {"__all__": [{"message": "Sign in first.", "code": "login_required"}]}
    }
    assert not PhoneVerification.objects.exists()


def test_a_form_from_another_site_starts_nothing(visitor: Visitor, settings: Any) -> None:
    forged = {"phone_number": TYPED}
    assert visitor.post("/phone/", forged).status_code == 403
    assert visitor.post("/phone/", forged, content_type="application/json").status_code == 403

    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Csrf" not in name]
    assert visitor.post("/phone/", forged).status_code == 403
    assert not PhoneVerification.objects.exists()

    assert visitor.start().status_code == 302


def test_only_a_post_starts(visitor: Visitor) -> None:
    assert visitor.get("/phone/", {"phone_number": TYPED}).status_code == 200
    assert visitor.head("/phone/", {"phone_number": TYPED}).status_code == 200
    token = {"X-CSRFToken": visitor.cookies["csrftoken"].value}

    assert visitor.put("/phone/", headers=token).status_code == 405
    assert not PhoneVerification.objects.exists()


def test_a_bad_number_is_reported_on_the_form_which_can_be_corrected(visitor: Visitor) -> None:
    response = visitor.start("077 69", next="/here/")

    assert response.status_code == 400
    assert "This is not a phone number" in response.content.decode()
    assert Page(response).fields["phone_number"] == "077 69"
    assert not PhoneVerification.objects.exists()

    assert visitor.submit(response, phone_number=TYPED).status_code == 302
    assert newest().next_url == "/here/"


def test_a_retry_gets_no_next_that_leaves_the_site(visitor: Visitor, settings: Any) -> None:
    settings.PLASGATE_IP_MAX_STARTS_PER_USER = 1
    visitor.start()

    response = visitor.start(next="//evil.example/")

    assert response.status_code == 429
    assert Page(response).links["Try again"] == "/phone/"


def test_a_number_that_no_scope_needs_is_not_stored(visitor: Visitor, settings: Any) -> None:
    settings.PLASGATE_IP_SCOPES = ["mobile_id"]
    page = visitor.get("/phone/")
    assert "phone_number" not in Page(page).fields

    visitor.submit(page, phone_number=TYPED)

    assert str(newest().phone_number) == ""
    assert DIGITS not in visitor.authorize_url


def test_no_content_type_changes_the_charset_of_the_query(visitor: Visitor) -> None:
    page = visitor.get("/phone/?next=%2B-", headers={"Content-Type": "text/plain; charset=utf-7"})

    assert Page(page).fields["next"] == "+-"


def test_a_start_and_a_callback_take_few_queries(visitor: Visitor, answers: Answers) -> None:
    answers()
    page = visitor.get("/phone/")

    with CaptureQueriesContext(connection) as first:
        visitor.submit(page, phone_number=TYPED)
    with CaptureQueriesContext(connection) as again:
        visitor.submit(page, phone_number=TYPED)
    with CaptureQueriesContext(connection) as callback:
        visitor.come_back()
    with CaptureQueriesContext(connection) as repeated:
        visitor.come_back()

    # Session, user, the session's earlier verifications, the new row, two limits, and the session's
    # new entry; the second time, instead of that, the end of the first verification.
    assert statements(first) == statements(again) == 7
    # Session, user, the verification, the claim on its code, the last SIM, the result.
    assert statements(callback) == 6
    assert statements(repeated) <= 3


# JSON


@pytest.mark.parametrize("has_page", [False, True], ids=["redirect", "continue page"])
def test_a_json_start_returns_where_to_go_and_where_to_look(
    visitor: Visitor, answers: Answers, settings: Any, has_page: bool
) -> None:
    settings.PLASGATE_IP_CONTINUE_PAGE = has_page
    answers()

    response = post(visitor, json.dumps({"phone_number": TYPED, "next": "/here/"}))

    visitor.authorize_url = response.json()["authorize_url"]
    assert response.json() == {
        "id": str(newest().pk),
        "authorize_url": visitor.authorize_url,
        "detail_url": f"/phone/{newest().pk}/",
    }
    assert visitor.sent["phone_number"] == DIGITS
    assert "Accept" in response["Vary"]
    assert visitor.come_back()["Location"] == "/here/"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (None, "invalid"),
        (b'{"phone_number": ["077 696 118"]}', "required"),
        (b'{"phone_number": 85577696118}', "required"),
        (b'["077 696 118"]', "required"),
        (b"077 696 118", "required"),
        (b"\xff", "required"),
        (b"[" * 100_000, "required"),
    ],
    ids=["form", "list", "integer", "no object", "no JSON", "no text", "too deep"],
)
def test_a_script_gets_the_errors_of_its_form_or_json(
    visitor: Visitor, body: bytes | None, code: str
) -> None:
    response = post(visitor, body, phone_number="077")

    assert response.status_code == 400
    (error,) = response.json()["errors"]["phone_number"]
    assert error["code"] == code
    assert error["message"]
    assert not PhoneVerification.objects.exists()
