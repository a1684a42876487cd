"""The pages over HTTP: who may start, what spends the code, and what a verification shows."""

import json
from datetime import datetime, timedelta
from typing import Any
from unittest import mock
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.db import connection
from django.http import Http404
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.testing import make_verification
from tests.verification.test_claim_at_login import log_in
from tests.visitor import (
    CODE,
    DIGITS,
    FAILED,
    MASKED,
    MOBILE_ID,
    NUMBER,
    STATE,
    SUB,
    TYPED,
    Page,
    Visitor,
    newest,
    outcome,
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


def code_of(response: Any) -> str:
    return str(response.json()["errors"]["__all__"][0]["code"])


def statements(captured: CaptureQueriesContext) -> int:
    """Return how many queries do work; a transaction's begin and end do not."""
    work = ("SELECT", "INSERT", "UPDATE", "DELETE")
    return sum(query["sql"].startswith(work) for query in captured)


def test_a_login_leads_back_to_the_form_with_its_next(visitor, stranger):
    login = "/accounts/login/?next=/phone/%3Fnext%3D%252Fhere%252F"
    form = visitor.get("/phone/?next=/here/")
    visitor.session.flush()

    assert stranger.get("/phone/?next=/here/")["Location"] == login
    assert stranger.get("/phone/?again=1&next=/here/")["Location"] == f"{login}%26again%3D1"
    # The session ended while the form was open.
    assert visitor.submit(form, phone_number=TYPED)["Location"] == login
    script = post(stranger, phone_number=TYPED)
    assert (script.status_code, code_of(script)) == (401, "login_required")
    assert not PhoneVerification.objects.exists()


def test_only_a_post_starts(visitor):
    for read in (visitor.get, visitor.head):
        assert read("/phone/", {"phone_number": TYPED}).status_code == 200
    token = {"X-CSRFToken": visitor.cookies["csrftoken"].value}

    refused = visitor.put("/phone/", headers=token)
    assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD, POST")
    assert Page(refused).links == {"Start again": "/phone/?again=1", "Go to the home page": "/"}
    script = visitor.put("/phone/", headers=token | JSON)
    assert (script.status_code, code_of(script)) == (405, "method_not_allowed")
    assert not PhoneVerification.objects.exists()


def test_a_bad_number_is_reported_beside_its_field_and_can_be_corrected(visitor):
    response = visitor.start("077 69", next="/here/")

    assert response.status_code == 400
    assert "This is not a phone number" in response.content.decode()
    page = Page(response)
    (field,) = [attrs for attrs in page.all("input") if attrs["name"] == "phone_number"]
    assert (field["value"], field["aria-invalid"]) == ("077 69", "true")
    assert [label["for"] for label in page.all("label")] == [field["id"]]
    described = field["aria-describedby"].split()
    assert [attrs for _, attrs in page.tags if attrs.get("id") in described]
    assert visitor.submit(response, phone_number=TYPED).status_code == 302
    assert newest().next_url == "/here/"


def test_a_retry_gets_no_next_that_leaves_the_site(visitor, settings):
    settings.PLASGATE_IP_MAX_STARTS_PER_USER = 0

    response = visitor.start(next="//evil.example/")

    assert response.status_code == 429
    assert Page(response).links["Try again"] == "/phone/?again=1"


def test_a_start_and_a_callback_take_few_queries(visitor, answers):
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


def test_a_json_start_returns_where_to_go_and_where_to_look(visitor, answers, settings):
    answers()
    for settings.PLASGATE_IP_CONTINUE_PAGE in (False, True):
        response = post(visitor, json.dumps({"phone_number": TYPED, "next": "/here/"}))

        visitor.authorize_url = response.json()["authorize_url"]
        assert response.json() == {
            "id": str(newest().pk),
            "authorize_url": visitor.authorize_url,
            "detail_url": f"/phone/{newest().pk}/",
        }
        assert visitor.sent["phone_number"] == DIGITS
        assert "Accept" in response["Vary"].split(", ")
        assert visitor.come_back()["Location"] == "/here/"


def test_a_script_gets_the_errors_of_its_form_or_json(visitor):
    for body, code in (
        (None, "invalid"),  # a form
        (b'{"phone_number": 85577696118}', "not_text"),
        (b'{"phone_number": null}', "required"),
        (b'["077 696 118"]', "required"),
        (b"077 696 118", "required"),
        (b"\xff", "required"),
    ):
        response = post(visitor, body, phone_number="077")

        (error,) = response.json()["errors"]["phone_number"]
        assert (response.status_code, error["code"]) == (400, code)
        assert error["message"]
    assert not PhoneVerification.objects.exists()


def test_a_visitor_of_another_host_is_led_to_the_public_one_once_and_keeps_next(stranger, settings):
    settings.PLASGATE_IP_PUBLIC_URL = "https://localhost"

    # Before the login, whose session would belong to the wrong host.
    response = stranger.get("/phone/?next=http://testserver/here/")

    assert (response.status_code, "no-store" in response["Cache-Control"]) == (302, True)
    assert response["Location"] == "https://localhost/phone/?next=%2Fhere%2F&moved=1"

    # Behind a proxy that hides the host, the next request has the first host again.
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    form = stranger.get(response["Location"].removeprefix("https://localhost"))
    assert stranger.submit(form, phone_number=TYPED).status_code == 302
    assert newest().next_url == "/here/"


def test_a_verified_visitor_is_told_so_instead_of_an_empty_form(visitor, answers):
    answers()
    visitor.verify()

    for query, continues in (("", "/"), ("?next=/here/", "/here/"), ("?next=//evil.example", "/")):
        page = visitor.get(f"/phone/{query}")
        assert all(shown in page.content.decode() for shown in ("Already verified</h1>", MASKED))
        assert Page(page).links["Continue"] == continues
        assert "phone_number" not in Page(page).fields
    other = visitor.get(Page(visitor.get("/phone/?next=/here/")).links["Use another number"])
    visitor.submit(other, phone_number="012 345 678")
    assert newest().next_url == "/here/"
    # A failure later takes nothing away.
    assert "Already verified" in visitor.get("/phone/").content.decode()


def test_only_the_session_that_verified_anonymously_is_told_so(
    passer_by, visitor, answers, settings
):
    answers()
    passer_by.verify()

    assert "Already verified" in passer_by.get("/phone/").content.decode()
    for browser in (visitor, Visitor()):
        assert "phone_number" in Page(browser.get("/phone/")).fields
    # With login by phone, an anonymous visitor comes to log in.
    backend = "django_plasgate_ip.backends.VerifiedPhoneBackend"
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", backend]
    assert "phone_number" in Page(passer_by.get("/phone/")).fields
    visitor.verify()
    assert "Already verified" in visitor.get("/phone/").content.decode()


def test_neither_a_prefetch_nor_another_method_than_get_spends_the_code(
    visitor, stranger, answers, settings
):
    login_required = "django.contrib.auth.middleware.LoginRequiredMiddleware"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, login_required]
    settings.PLASGATE_IP_CALLBACK_NONCE = True
    answers()
    visitor.start(next="/here/")
    url = visitor.callback_url()

    for browser in (visitor, stranger):
        assert browser.get(url, headers={"Sec-Purpose": "prefetch"}).status_code == 503
        for send in (browser.head, browser.options, browser.put):
            assert (send(url).status_code, send(url)["Allow"]) == (405, "GET")
        page = browser.post(url, headers={"Referrer": "https://plasgate.example"})
        assert (page.status_code, page["Referrer-Policy"]) == (405, "same-origin")
        start = "/phone/?next=%2Fhere%2F&again=1" if browser is visitor else "/phone/?again=1"
        assert Page(page).links["Start again"] == start
    assert code_of(visitor.post(url, headers=JSON)) == "method_not_allowed"
    assert answers.calls == []
    assert outcome() == ("pending", "")

    assert visitor.come_back().status_code == 303
    assert outcome() == ("verified", "")


def test_the_code_leaves_the_address_at_once_and_is_in_no_referer_cache_or_log(
    visitor, stranger, answers, settings, caplog
):
    # What the site says of its own pages does not hold for these addresses.
    settings.SECURE_REFERRER_POLICY = "unsafe-url"
    caplog.set_level("DEBUG")
    answers(FAILED)
    visitor.start()
    stranger.authorize_url = visitor.authorize_url
    twice, too_many = {"code": [CODE, CODE]}, {"code": [CODE] * 1001}

    for browser, changes, where in (
        (stranger, {}, "/phone/callback/"),
        (stranger, twice, "/phone/callback/"),
        (stranger, too_many, "/phone/callback/"),
        (visitor, twice, f"/phone/{newest().pk}/"),
        (visitor, too_many, f"/phone/{newest().pk}/"),
        (visitor, {}, f"/phone/{newest().pk}/"),
        (visitor, {}, f"/phone/{newest().pk}/"),
    ):
        response = browser.come_back(**changes)
        assert (response.status_code, response["Location"]) == (303, where)
        assert (response["Referrer-Policy"], response.content) == ("no-referrer", b"")
        assert {"no-store", "private"} <= set(response["Cache-Control"].split(", "))
    ours = [record for record in caplog.records if not record.name.startswith("django.db")]
    assert CODE not in str([record.getMessage() for record in ours])


def test_next_is_an_address_and_kept_as_it_is(visitor, answers):
    answers()
    # The name of a view, and Khmer with invisible characters.
    for path in ("login", "/\u179f\u1784\u200b\u1794\u17d2\u179a\u17b6\u200d/\u00a0"):
        assert visitor.verify(next=path)["Location"] == quote(path)
        assert newest().next_url == path


def test_a_callback_without_a_verification_is_a_400_with_a_link_to_start(stranger, visitor):
    redirect = stranger.get("/phone/callback/", {"code": CODE, "state": STATE})
    response = stranger.get(redirect["Location"])

    assert response.status_code == 400
    assert "Start again in this browser" in response.content.decode()
    assert Page(response).links["Start again"] == "/phone/?again=1"
    # The address to open in another browser.
    (address,) = [each for each in Page(response).all("input") if "readonly" in each]
    assert address["value"] == "http://testserver/phone/?again=1"
    error = stranger.get("/phone/callback/", headers=JSON)
    assert (error.status_code, code_of(error)) == (400, "invalid_callback")

    # A phone continues this browser's verification, which brings its `next`.
    visitor.start(next="/here/")
    PhoneVerification.objects.update(callback_session_id="a phone's")
    response = visitor.get("/phone/callback/?")
    assert response.status_code == 400
    assert Page(response).links["Start again"] == "/phone/?next=%2Fhere%2F&again=1"


def test_a_callback_without_a_query_shows_what_this_session_has(visitor, answers):
    answers()
    visitor.start(next="/here/")
    row = newest()

    for query in ("", "?", "?x"):
        assert visitor.get(f"/phone/callback/{query}")["Location"] == f"/phone/{row.pk}/"
    assert outcome() == ("pending", "")

    visitor.come_back()
    assert visitor.get("/phone/callback/")["Location"] == f"/phone/{row.pk}/"
    assert len(answers.calls) == 1


def test_a_tenant_that_does_not_exist_is_a_404_without_the_code(visitor, settings):
    visitor.start()
    settings.PLASGATE_IP_CREDENTIALS = mock.Mock(side_effect=Http404)
    back = visitor.come_back()

    assert (back.status_code, back["Location"]) == (303, "/phone/callback/")
    assert back["Referrer-Policy"] == "no-referrer"
    for page in (visitor.get(back["Location"] + "?error=x", follow=True), visitor.start()):
        assert page.status_code == 404
        assert "no-store" in page["Cache-Control"]
    assert newest().status == "pending"


@pytest.mark.parametrize("is_login_required", [True, False])
def test_a_verification_is_its_owners_in_any_browser_and_a_404_for_others(
    visitor, stranger, user, other_user, settings, is_login_required
):
    settings.PLASGATE_IP_LOGIN_REQUIRED = is_login_required
    visitor.start()
    mine = newest()
    theirs = make_verification(other_user, session_id=mine.session_id)
    elsewhere = Visitor()
    elsewhere.force_login(user)

    for browser, row, status in (
        (visitor, mine, 200),
        (elsewhere, mine, 200),
        (visitor, theirs, 404),
    ):
        response = browser.get(f"/phone/{row.pk}/")
        assert response.status_code == status
        assert "no-store" in response["Cache-Control"]
        assert "Accept" in response["Vary"].split(", ")
        assert browser.get(f"/phone/{row.pk}/", headers=JSON).status_code == status
        assert (MASKED in response.content.decode()) is (status == 200)
    # A logout leads to the login, and no address shows whether it exists.
    for pk in (mine.pk, uuid4()):
        missing = stranger.get(f"/phone/{pk}/")
        assert missing.status_code == (302 if is_login_required else 404)
        assert missing.get("Location") in (None, f"/accounts/login/?next=/phone/{pk}/")
        script = stranger.get(f"/phone/{pk}/", headers=JSON)
        assert (script.status_code, code_of(script)) == (404, "not_found")


def test_the_number_is_filled_in_again_and_one_tap_starts(visitor, answers):
    answers(FAILED)
    failed = visitor.get(visitor.verify(next="/here/")["Location"])

    assert visitor.submit(failed).status_code == 302
    assert (newest().phone_number, newest().next_url) == (NUMBER, "/here/")
    # The earlier page has no number any more.
    first = PhoneVerification.objects.earliest("created_at")
    older = Page(visitor.get(f"/phone/{first.pk}/"))
    assert older.links["Try again"] == "/phone/?next=%2Fhere%2F&again=1"
    assert "phone_number" not in older.fields


def test_a_number_is_filled_in_only_where_the_visitor_typed_one_that_is_needed(
    visitor, answers, settings
):
    answers(FAILED)
    url = visitor.verify()["Location"]
    settings.PLASGATE_IP_SCOPES = ["mobile_id"]
    assert Page(visitor.get(url)).links["Try again"] == "/phone/?again=1"

    settings.PLASGATE_IP_SCOPES = ["phone_verify"]
    PhoneVerification.objects.update(phone_number="")
    assert Page(visitor.get(url)).links["Try again"] == "/phone/?again=1"


def test_no_number_is_filled_in_after_a_login_or_a_logout(passer_by, user, answers):
    answers(FAILED)
    url = passer_by.verify()["Location"]
    log_in(passer_by)

    page = passer_by.get(url)
    assert (page.status_code, TYPED in page.content.decode()) == (200, False)
    own = passer_by.verify()["Location"]
    passer_by.logout()
    assert passer_by.get(own).status_code == 404


def test_the_page_refreshes_while_the_visitor_can_only_wait(visitor, user):
    for status, carrier, refresh in (
        ("pending", "ours", None),  # this browser has to continue
        ("pending", "a phone's", "3"),
        ("exchanging", "ours", "3"),
        ("verified", "a phone's", None),
    ):
        row = make_verification(user, status, session_id="ours", callback_session_id=carrier)
        before = list(PhoneVerification.objects.values())

        response = visitor.get(f"/phone/{row.pk}/")

        assert response.get("Refresh") == refresh
        assert ("In progress" in response.content.decode()) is row.is_live
        assert list(PhoneVerification.objects.values()) == before


def test_the_phone_of_a_hand_off_gets_the_link_to_plasgate_while_it_has_to_continue(passer_by):
    passer_by.start()
    rows, url = PhoneVerification.objects.filter(pk=newest().pk), f"/phone/{newest().pk}/"
    rows.update(session_id="a computer's")
    assert Page(passer_by.get(url)).links == {"Continue": passer_by.authorize_url}

    rows.update(status="exchanging", exchanging_at=timezone.now())
    assert Page(passer_by.get(url)).links == {}


def test_the_json_of_a_verification_has_these_fields_and_none_of_the_operators(visitor, answers):
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
