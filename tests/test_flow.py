"""The life of an attempt: every way in, every way out, and what is stored of it."""

import dataclasses
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import combinations
from threading import Barrier
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
import requests
from django.conf import settings as site
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.db import connection, connections, transaction
from django.db.models import F
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone
from django.views.debug import ExceptionReporter

from django_plasgate_ip import flow, redirects
from django_plasgate_ip.exceptions import (
    ClaimsUnreadable,
    InvalidCallback,
    InvalidPhoneNumber,
    InvalidScopes,
)
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import browser_session, verdict
from tests.conftest import Answers, Receivers
from tests.visitor import (
    CODE,
    DIGITS,
    FAILED,
    MOBILE_ID,
    NUMBER,
    PROFILE,
    STATE,
    SUB,
    TYPED,
    Visitor,
    attempt,
    outcome,
)

CUSTOM = ("phone_verify", "mobile_id", "phone", "profile")
SETS = [names for size in range(1, 5) for names in combinations(CUSTOM, size)]
EXTRAS: dict[str, Callable[[tuple[str, ...]], tuple[str, ...]]] = {
    "alone": lambda names: names,
    "openid": lambda names: ("openid", *names),
    "ip": lambda names: (*(f"ip:{name}" for name in names), *names),
    "openid and ip": lambda names: ("openid", *names, *(f"ip:{name}" for name in names)),
}
CLAIMS: dict[str, dict[str, Any]] = {
    "phone_verify": {"login_hint": DIGITS, "phone_number_verified": "true"},
    "mobile_id": {"mobile_id": MOBILE_ID},
    "phone": {"phone_number": DIGITS},
    "profile": PROFILE,
}
HOSTILE_NEXTS = [
    "//evil.example/",
    "///evil.example/",
    "https:evil.example",
    "https:///evil.example",
    "https://evil.example/",
    "http://testserver@evil.example/",
    "http://testserver.evil.example/",
    "\\\\evil.example",
    "/\\evil.example",
    " //evil.example",
    "\x08//evil.example",
    "javascript:alert(1)",
    "ftp://testserver/",
    # On this host, but one reader's "//" is another's dead link.
    "//testserver/",
    "//",
    "/\\",
    "\\/",
    "/\\testserver/",
    "/\x00",
    "/a\r\nSet-Cookie: a=b",
    "/" + "a" * 2000,
]


def success(*scopes: str) -> dict[str, Any]:
    """Return what the operator says yes with, for these custom scopes."""
    answer = {"status": "success", "error_description": " ", "sub": SUB}
    for name in scopes:
        answer |= CLAIMS[name]
    return answer


def pass_time(row: PhoneVerification, **much: float) -> None:
    """Let the attempt have begun, and its exchange with it, that much earlier."""
    ago = timedelta(**much)
    PhoneVerification.objects.filter(pk=row.pk).update(
        created_at=F("created_at") - ago, exchanging_at=F("exchanging_at") - ago
    )


def cut_off(row: PhoneVerification, seconds: float = 0) -> None:
    """Leave the attempt as a worker does that dies in the exchange, so many seconds ago."""
    began = timezone.now() - timedelta(seconds=seconds)
    PhoneVerification.objects.filter(pk=row.pk).update(status="exchanging", exchanging_at=began)


def sign_in_silently(browser: Visitor, user: User | None) -> None:
    """Change who is signed in, as code does that writes the session and sends no signal."""
    session = browser.session
    if user is None:
        del session[auth.SESSION_KEY]
    else:
        session[auth.SESSION_KEY] = str(user.pk)
        session[auth.BACKEND_SESSION_KEY] = site.AUTHENTICATION_BACKENDS[0]
        session[auth.HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()


def request_of(user: Any, session: Any = None, **query: str) -> HttpRequest:
    """Return a request as a site's own view gets it."""
    request = RequestFactory().get("/sites-own/", query)
    request.session = SessionStore() if session is None else session
    request.user = user
    return request


def came_back(request: HttpRequest) -> HttpRequest:
    """Return the same browser's request for the callback."""
    return request_of(request.user, request.session, code=CODE, state=STATE)


# What is asked for, and what is learnt


@pytest.mark.parametrize("extras", EXTRAS.values(), ids=EXTRAS)
@pytest.mark.parametrize("names", SETS, ids=" ".join)
def test_every_set_of_scopes_is_sent_and_its_claims_are_stored(
    visitor: Visitor, answers: Answers, settings: Any, names: tuple[str, ...], extras: Any
) -> None:
    settings.PLASGATE_IP_SCOPES = extras(names)
    brought_along = ("phone_verify",) if "profile" in names and "phone_verify" not in names else ()
    confirmed = bool({"phone_verify", "profile"} & set(names))
    answer = success(*names, *brought_along)
    answers(answer)

    visitor.verify()

    sent = visitor.sent
    assert sent["scope"].split(" ") == [*extras(names), *brought_along]
    assert {sent.get("phone_number"), sent.get("login_hint")} == {DIGITS if confirmed else None}
    row = attempt()
    assert outcome() == ("verified", "")
    assert row.scopes == sent["scope"]
    assert str(row.phone_number) == (NUMBER if confirmed or "phone" in names else "")
    assert row.mobile_id == (MOBILE_ID if "mobile_id" in names else "")
    assert row.sub == SUB
    assert row.claims == answer


@pytest.mark.parametrize(
    ("scopes", "missing"),
    [
        ("phone_verify", ["phone_number_verified"]),
        ("phone_verify", ["login_hint"]),
        ("mobile_id", ["mobile_id"]),
        ("phone", ["phone_number"]),
        ("profile", [*PROFILE]),
        ("profile", ["phone_number_verified"]),
        ("phone_verify mobile_id phone profile", ["mobile_id"]),
        ("mobile_id", ["sub"]),
        ("phone_verify", ["status"]),
    ],
)
def test_a_success_without_what_its_scopes_promise_is_an_invalid_response(
    visitor: Visitor, answers: Answers, settings: Any, scopes: str, missing: list[str]
) -> None:
    settings.PLASGATE_IP_SCOPES = scopes.split()
    answer = success("phone_verify", *scopes.split())
    answers({name: value for name, value in answer.items() if name not in missing})

    visitor.verify()

    assert outcome() == ("error", "invalid_response")
    assert (attempt().sub, attempt().mobile_id) == ("", "")


@pytest.mark.parametrize("scopes", [("mobile_id",), ("phone",), ("phone", "mobile_id")])
def test_a_number_that_nobody_would_confirm_is_neither_sent_nor_stored(
    user: User, settings: Any, scopes: tuple[str, ...]
) -> None:
    begun = flow.begin(request_of(user), TYPED, scopes=scopes)

    assert DIGITS not in begun.authorize_url
    assert str(attempt().phone_number) == ""


def test_the_phone_scope_learns_the_number_without_being_told_one(
    visitor: Visitor, answers: Answers, settings: Any
) -> None:
    settings.PLASGATE_IP_SCOPES = ["phone"]
    answers(success("phone"), phone_number="85512345678")

    visitor.verify()

    assert outcome() == ("verified", "")
    assert str(attempt().phone_number) == "+85512345678"


def test_a_learnt_number_other_than_the_one_asked_for_is_a_mismatch(
    visitor: Visitor, answers: Answers, settings: Any
) -> None:
    settings.PLASGATE_IP_SCOPES = ["phone", "phone_verify"]
    answers(success("phone", "phone_verify"), phone_number="85512345678")

    visitor.verify()

    assert outcome() == ("failed", "number_mismatch")


@pytest.mark.parametrize(
    "typed",
    ["077 696 118", "+855 77 696 118", "85577696118", "០៧៧ ៦៩៦ ១១៨", "+៨៥៥-៧៧-៦៩៦-១១៨"],
)
def test_a_number_reaches_the_wire_as_digits_however_it_was_typed(
    visitor: Visitor, typed: str
) -> None:
    visitor.start(typed)

    assert visitor.sent["phone_number"] == visitor.sent["login_hint"] == DIGITS
    assert str(attempt().phone_number) == NUMBER


def test_the_site_can_name_the_parameters_that_carry_the_number(
    visitor: Visitor, settings: Any
) -> None:
    settings.PLASGATE_IP_PHONE_PARAMETERS = ["msisdn"]

    visitor.start()

    assert visitor.sent["msisdn"] == DIGITS
    assert not {"phone_number", "login_hint"} & set(visitor.sent)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"phone_number": "077 696 118 abc"}, InvalidPhoneNumber),
        ({"phone_number": ""}, InvalidPhoneNumber),
        ({"phone_number": None}, InvalidPhoneNumber),
        ({"scopes": "mobile_id sms"}, InvalidScopes),
        ({"scopes": ["openid"]}, InvalidScopes),
        ({"scopes": ""}, InvalidScopes),
    ],
)
def test_what_cannot_be_asked_is_refused_and_ends_nothing(
    user: User, changes: dict[str, Any], error: type[Exception]
) -> None:
    request = request_of(user)
    earlier = flow.begin(request, TYPED).verification

    with pytest.raises(error):
        flow.begin(request, **({"phone_number": TYPED} | changes))

    assert attempt() == earlier
    assert outcome() == ("pending", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PLASGATE_IP_PRIVATE_KEY", ""),
        ("PLASGATE_IP_SECRET_KEY", ""),
        ("PLASGATE_IP_ENCRYPTION_KEYS", ["not a Fernet key"]),
        ("PLASGATE_IP_ENCRYPTION_KEYS", []),
    ],
)
def test_a_bad_key_is_found_before_a_row_is_made_or_a_code_is_spent(
    user: User, answers: Answers, settings: Any, name: str, value: Any
) -> None:
    request = request_of(user)
    flow.begin(request, TYPED)
    setattr(settings, name, value)

    with pytest.raises(ImproperlyConfigured, match=name):
        flow.begin(request, TYPED)
    with pytest.raises(ImproperlyConfigured, match=name):
        flow.complete(came_back(request))

    assert PhoneVerification.objects.count() == 1
    assert outcome() == ("pending", "")
    assert answers.calls == []


# What an answer proves


@pytest.mark.parametrize("said", ["true", "TRUE", "True", " true ", True])
def test_the_number_is_verified_by_true_in_any_writing(
    visitor: Visitor, answers: Answers, said: Any
) -> None:
    answers(phone_number_verified=said)

    visitor.verify()

    row = attempt()
    assert outcome() == ("verified", "")
    assert (row.sub, row.mobile_id, str(row.phone_number)) == (SUB, MOBILE_ID, NUMBER)
    assert row.claims["phone_number_verified"] == said
    assert row.completed_at is not None
    assert row.created_at < row.completed_at <= timezone.now()


@pytest.mark.parametrize("said", ["false", "", "truee", "yes", "1", 1, 1.0, False, [], ["true"]])
def test_anything_else_in_its_place_is_a_plain_no(
    visitor: Visitor, answers: Answers, said: Any
) -> None:
    answers(phone_number_verified=said)

    visitor.verify()

    assert outcome() == ("failed", "not_verified")
    assert (attempt().sub, attempt().mobile_id) == ("", "")


@pytest.mark.parametrize("hint", ["85577696118", "+85577696118", "077696118", "៨៥៥៧៧៦៩៦១១៨"])
def test_the_echoed_number_is_compared_as_a_number(
    visitor: Visitor, answers: Answers, hint: str
) -> None:
    answers(login_hint=hint)

    visitor.verify()

    assert outcome() == ("verified", "")


def test_an_answer_about_another_number_is_a_mismatch(visitor: Visitor, answers: Answers) -> None:
    answers(login_hint="85577696119")

    visitor.verify()

    row = attempt()
    assert outcome() == ("failed", "number_mismatch")
    assert (row.sub, row.mobile_id, str(row.phone_number)) == ("", "", NUMBER)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Please turn off Wi-Fi or use Mobile data network", "not_on_mobile_data"),
        ("WIFI IS ON", "not_on_mobile_data"),
        ("use mobile DATA", "not_on_mobile_data"),
        ("The phone number is not verified", "not_verified"),
        (" ", "not_verified"),
    ],
)
def test_a_failed_answer_says_why_and_enrols_nobody(
    visitor: Visitor, answers: Answers, text: str, reason: str
) -> None:
    # It carries a mobile_id, and even a phone_number_verified, that must not be trusted.
    answers(FAILED, error_description=text, phone_number_verified="true", sub=SUB)

    visitor.verify()

    row = attempt()
    assert outcome() == ("failed", reason)
    assert row.error_description == text.strip()
    assert (row.sub, row.mobile_id) == ("", "")
    assert row.claims["mobile_id"] == MOBILE_ID
    assert row.completed_at is not None


def test_the_wires_anonymous_is_nobodys_sub(visitor: Visitor, answers: Answers) -> None:
    answers(sub="anonymous")

    visitor.verify()

    assert outcome() == ("verified", "")
    assert attempt().sub == ""


@pytest.mark.parametrize(
    ("http", "body", "reason"),
    [
        (401, "", "credentials_rejected"),
        (403, "<h1>Forbidden</h1>", "credentials_rejected"),
        (429, "{}", "rate_limited"),
        (400, "{}", "provider_error"),
        (404, "", "provider_error"),
        (500, "<h1>Oops</h1>", "provider_error"),
        (503, "", "provider_error"),
        (302, "", "invalid_response"),
        (204, "", "invalid_response"),
        (200, "<h1>Welcome</h1>", "invalid_response"),
        (200, "", "invalid_response"),
        (200, '["status", "success"]', "invalid_response"),
        (200, "[" * 50_000, "invalid_response"),
        (200, '{"status": "success", "sub": "\\u0000"}', "invalid_response"),
        (200, requests.ConnectionError("https://secret"), "provider_unreachable"),
        (200, requests.ReadTimeout("https://secret"), "provider_timeout"),
    ],
)
def test_a_broken_exchange_is_an_error_and_says_nothing_about_the_number(
    visitor: Visitor, answers: Answers, http: int, body: Any, reason: str
) -> None:
    answers(http=http, body=body)

    visitor.verify()

    row = attempt()
    assert outcome() == ("error", reason)
    assert (row.sub, row.mobile_id, row.claims, row.error_description) == ("", "", {}, "")
    assert row.completed_at is not None
    assert len(answers.calls) == 1


def test_a_broken_exchange_is_logged_without_a_secret(
    visitor: Visitor, answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    answers(http=403)

    visitor.verify()

    assert (
        f"Verification {attempt().pk}: PlasGate answered 403. (credentials_rejected)" in caplog.text
    )
    for secret in (
        site.PLASGATE_IP_PRIVATE_KEY,
        site.PLASGATE_IP_SECRET_KEY,
        CODE,
        DIGITS,
    ):
        assert secret not in caplog.text


# The redirect URI


def test_the_redirect_uri_is_sent_twice_and_stored_byte_for_byte(
    visitor: Visitor, answers: Answers, settings: Any
) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = "https://Shop.Example:8443/"
    settings.PLASGATE_IP_CALLBACK_NONCE = True
    answers()

    visitor.start()
    # A deployment meanwhile: what was said to PlasGate counts.
    settings.PLASGATE_IP_PUBLIC_URL = "https://www.shop.example"
    visitor.come_back()

    row = attempt()
    assert row.redirect_uri == f"https://Shop.Example:8443/phone/callback/?nonce={row.nonce}"
    assert visitor.sent["redirect_uri"] == row.redirect_uri
    assert [call.sent["redirect_uri"] for call in answers.calls] == [row.redirect_uri]
    assert outcome() == ("verified", "")


def test_without_a_public_url_the_redirect_uri_is_the_requests(visitor: Visitor) -> None:
    page = visitor.get("/phone/", secure=True)
    csrf = {"csrfmiddlewaretoken": page.context["csrf_token"], "phone_number": TYPED}
    visitor.post("/phone/", csrf, secure=True, headers={"referer": "https://testserver/"})

    assert attempt().redirect_uri == "https://testserver/phone/callback/"


@pytest.mark.parametrize(
    "headers", [{"host": "evil.example"}, {"x-forwarded-host": "evil.example"}]
)
def test_the_public_url_wins_over_a_spoofed_host(
    visitor: Visitor, settings: Any, headers: dict[str, str]
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.USE_X_FORWARDED_HOST = True
    settings.PLASGATE_IP_PUBLIC_URL = "https://shop.example"
    page = visitor.get("/phone/", headers=headers)
    csrf = {"csrfmiddlewaretoken": page.context["csrf_token"], "phone_number": TYPED}

    response = visitor.post("/phone/", csrf, headers=headers)

    assert attempt().redirect_uri == "https://shop.example/phone/callback/"
    assert "evil" not in response["Location"]


def test_the_state_goes_back_as_it_came(visitor: Visitor, answers: Answers) -> None:
    answers()
    visitor.start()

    visitor.come_back(state="a b+c/ü=", code="d%20e&f")

    (call,) = answers.calls
    assert (call.sent["state"], call.sent["code"]) == ("a b+c/ü=", "d%20e&f")
    assert "state" not in visitor.sent


# The callback that is not trusted


@pytest.mark.parametrize(
    "changes",
    [
        {"private_key": "somebody-elses"},
        {"private_key": ""},
        {"redirect_uri": "http://testserver/phone/callback/?x=1"},
        {"redirect_uri": "http://testserver/phone/callback"},
        {"redirect_uri": ""},
        {"code": [CODE, CODE]},
        {"code": [CODE, "other"]},
        {"state": [STATE, STATE]},
        {"private_key": [site.PLASGATE_IP_PRIVATE_KEY] * 2},
        {"redirect_uri": ["http://testserver/phone/callback/"] * 2},
        {"error": ["", ""]},
        {"unknown": ["1", "1"]},
        {"code": None},
        {"code": ""},
        {"state": None},
        {"state": ""},
        {"code": None, "state": None, "session_state": None, "private_key": None},
        # It is checked to be ours before its error is believed.
        {"error": "access_denied", "private_key": "somebody-elses"},
        {"error": ["access_denied", "x"]},
    ],
    ids=str,
)
def test_a_callback_that_is_not_ours_ends_the_attempt_without_a_call(
    visitor: Visitor, answers: Answers, changes: dict[str, Any]
) -> None:
    answers()
    visitor.start()

    visitor.come_back(**changes)

    assert outcome() == ("error", "invalid_callback")
    assert attempt().error_description == ""
    assert answers.calls == []

    visitor.come_back()

    assert outcome() == ("error", "invalid_callback")
    assert answers.calls == []


def test_code_and_state_are_enough(visitor: Visitor, answers: Answers) -> None:
    answers()
    visitor.start()

    visitor.come_back(private_key=None, redirect_uri=None, session_state=None)

    assert outcome() == ("verified", "")


@pytest.mark.parametrize("nonce", [None, "", "wrong", "ü", ["same", "same"]])
def test_a_callback_with_another_nonce_ends_the_attempt_without_a_call(
    visitor: Visitor, answers: Answers, settings: Any, nonce: Any
) -> None:
    settings.PLASGATE_IP_CALLBACK_NONCE = True
    answers()
    visitor.start()

    visitor.come_back(nonce=nonce)

    assert outcome() == ("error", "invalid_callback")
    assert answers.calls == []


def test_each_attempt_has_a_nonce_of_its_own_and_one_without_asks_for_none(
    visitor: Visitor, answers: Answers, settings: Any
) -> None:
    answers()
    settings.PLASGATE_IP_CALLBACK_NONCE = True
    visitor.start()
    first = attempt().nonce
    visitor.verify()
    second = attempt().nonce

    assert outcome() == ("verified", "")
    assert len(first) >= 16
    assert first != second

    settings.PLASGATE_IP_CALLBACK_NONCE = False
    visitor.verify()

    assert outcome() == ("verified", "")
    assert "nonce" not in attempt().redirect_uri


# The callback's error


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"error": "access_denied", "code": None}, "access_denied"),
        ({"error": "access_denied"}, "access_denied"),
        ({"error": "access_denied", "error_description": " The user said no "}, "The user said no"),
        ({"error_description": "The user said no", "code": None}, "The user said no"),
        ({"error": "access_denied", "error_description": " "}, "access_denied"),
        # Text from an address is data: one line, printable, cut; and never a reason.
        ({"error": "a\r\nb\x00c\u202e\ud7ff" + "d" * 600}, "a b c " + "d" * 494),
        ({"error_description": "a\r\nb\x00c\u202e" + "d" * 600}, "a b c " + "d" * 494),
        ({"error": "not_on_mobile_data"}, "not_on_mobile_data"),
        ({"error": "Please turn off Wi-Fi"}, "Please turn off Wi-Fi"),
    ],
)
def test_an_error_in_the_callback_is_a_denial_and_no_call_is_made(
    visitor: Visitor, answers: Answers, changes: dict[str, Any], text: str
) -> None:
    answers()
    visitor.start()

    visitor.come_back(**changes)

    assert outcome() == ("failed", "provider_denied")
    assert attempt().error_description == text
    assert answers.calls == []


@pytest.mark.parametrize(
    "changes",
    [{"error": "", "error_description": ""}, {"error": " ", "error_description": " "}],
)
def test_a_blank_error_is_no_error(
    visitor: Visitor, answers: Answers, changes: dict[str, str]
) -> None:
    answers()
    visitor.start()

    visitor.come_back(**changes)

    assert outcome() == ("verified", "")


# Time


@pytest.mark.parametrize(
    ("lifetime", "seconds", "expected"),
    [
        (None, 295, ("verified", "")),
        (None, 305, ("error", "expired")),
        (timedelta(seconds=30), 25, ("verified", "")),
        (timedelta(seconds=30), 35, ("error", "expired")),
    ],
)
def test_an_attempt_comes_back_within_its_lifetime_or_not_at_all(
    visitor: Visitor,
    answers: Answers,
    settings: Any,
    lifetime: timedelta | None,
    seconds: int,
    expected: tuple[str, str],
) -> None:
    if lifetime:
        settings.PLASGATE_IP_ATTEMPT_LIFETIME = lifetime
    answers()
    visitor.start()
    pass_time(attempt(), seconds=seconds)

    visitor.come_back()

    assert outcome() == expected
    assert len(answers.calls) == (expected[0] == "verified")


def test_an_exchange_that_was_cut_off_is_not_repeated_and_found_interrupted(
    visitor: Visitor, answers: Answers
) -> None:
    answers()
    visitor.start()
    cut_off(attempt(), seconds=60)

    response = visitor.come_back()
    page = visitor.get(response["Location"])

    assert answers.calls == []
    assert outcome() == ("error", "interrupted")
    assert "Please start again" in page.content.decode()


def test_an_exchange_may_take_its_timeout_and_some_grace(visitor: Visitor, settings: Any) -> None:
    settings.PLASGATE_IP_TIMEOUT = 20
    visitor.start()
    cut_off(attempt(), seconds=45)
    visitor.get(f"/phone/{attempt().pk}/")

    assert outcome() == ("exchanging", "")

    cut_off(attempt(), seconds=51)
    visitor.get(f"/phone/{attempt().pk}/")

    assert outcome() == ("error", "interrupted")


# One attempt at a time, and each ends once


def test_a_new_start_supersedes_this_sessions_live_attempt_and_no_other(
    visitor: Visitor, other_user: User, answers: Answers
) -> None:
    answers()
    elsewhere = Visitor()
    elsewhere.force_login(other_user)
    elsewhere.start()
    theirs = attempt()
    same_user_elsewhere = Visitor()
    same_user_elsewhere.force_login(User.objects.get(username="teak"))
    same_user_elsewhere.start()
    phones = attempt()
    visitor.start()
    first = attempt()

    visitor.other_tab().start("077 696 119")

    first.refresh_from_db()
    assert (first.status, first.reason) == ("error", "superseded")
    assert first.completed_at is not None
    for other in (theirs, phones, attempt()):
        other.refresh_from_db()
        assert other.status == "pending"


def test_a_code_of_the_superseded_attempt_does_not_verify_the_new_ones_number(
    visitor: Visitor, answers: Answers
) -> None:
    answers(login_hint=DIGITS)
    visitor.start()
    first_tab = visitor.other_tab()
    visitor.start("077 696 119")

    first_tab.come_back()

    assert [row.reason for row in PhoneVerification.objects.order_by("created_at")] == [
        "superseded",
        "number_mismatch",
    ]


def test_a_new_start_interrupts_an_exchange_and_can_go_on_at_once(
    visitor: Visitor, answers: Answers
) -> None:
    answers()
    visitor.start()
    first = attempt()
    cut_off(first)

    visitor.verify()

    first.refresh_from_db()
    assert (first.status, first.reason) == ("error", "interrupted")
    assert outcome() == ("verified", "")


def test_a_start_ends_all_that_two_starts_at_once_left_behind(visitor: Visitor) -> None:
    visitor.start()
    twin = attempt()
    twin.pk, twin.created_at = uuid4(), timezone.now()
    twin.save(force_insert=True)

    visitor.start()

    statuses = PhoneVerification.objects.order_by("created_at").values_list("reason", flat=True)
    assert list(statuses) == ["superseded", "superseded", ""]


def test_an_ended_attempt_is_left_as_it_is_by_a_new_start(
    visitor: Visitor, answers: Answers
) -> None:
    answers(FAILED)
    visitor.verify()
    before = PhoneVerification.objects.values().get()

    visitor.start()

    assert PhoneVerification.objects.values().get(pk=before["id"]) == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("answer", [{}, FAILED, {"http": 500}], ids=["yes", "no", "broken"])
@pytest.mark.parametrize("reason", ["interrupted", "expired"])
def test_a_late_answer_to_an_attempt_that_has_ended_is_dropped(
    visitor: Visitor,
    answers: Answers,
    receivers: Receivers,
    answer: dict[str, Any],
    reason: str,
) -> None:
    def end_meanwhile() -> None:
        if reason == "interrupted":
            visitor.other_tab().start()
        else:
            now = timezone.now()
            PhoneVerification.objects.update(status="error", reason="expired", completed_at=now)

    answers(**answer, meanwhile=end_meanwhile)
    visitor.start()
    late = attempt()

    response = visitor.come_back()

    late.refresh_from_db()
    assert len(answers.calls) == 1
    assert (late.status, late.reason) == ("error", reason)
    assert (late.sub, late.mobile_id, late.claims, late.error_description) == ("", "", {}, "")
    assert response["Location"] == f"/phone/{late.pk}/"
    assert receivers.heard == ([("failed", late)] if reason == "interrupted" else [])


def test_an_attempt_deleted_during_its_exchange_has_no_result(
    visitor: Visitor, answers: Answers, receivers: Receivers
) -> None:
    answers(meanwhile=PhoneVerification.objects.all().delete)
    visitor.start()

    response = visitor.come_back()

    assert response.status_code == 400
    assert not PhoneVerification.objects.exists()
    assert receivers.heard == []


def test_an_attempt_deleted_just_before_it_is_claimed_is_not_exchanged(
    visitor: Visitor, answers: Answers
) -> None:
    answers()
    visitor.start()

    def delete_first(verification: PhoneVerification, **values: Any) -> bool:
        PhoneVerification.objects.all().delete()
        return False

    with mock.patch.object(PhoneVerification, "transition", autospec=True) as transition:
        transition.side_effect = delete_first
        response = visitor.come_back()

    assert response.status_code == 400
    assert answers.calls == []


@pytest.mark.parametrize("answer", [{}, FAILED, {"http": 500}], ids=["yes", "no", "broken"])
def test_a_repeated_callback_lands_on_the_stored_result_without_a_second_exchange(
    visitor: Visitor, answers: Answers, answer: dict[str, Any]
) -> None:
    answers(**answer)
    visitor.start(next="/here/")
    first = visitor.come_back()
    before = PhoneVerification.objects.values().get()
    answers(FAILED)

    for again in (visitor.come_back(), visitor.come_back(code="another"), visitor.come_back()):
        assert again["Location"] == first["Location"]

    assert len(answers.calls) == 1
    assert PhoneVerification.objects.values().get() == before


@pytest.mark.django_db(transaction=True)
def test_a_callback_during_the_exchange_waits_for_nothing_and_sees_it_in_progress(
    visitor: Visitor, answers: Answers, receivers: Receivers
) -> None:
    seen: list[Any] = []

    def reload() -> None:
        tab = visitor.other_tab()
        seen.append(tab.come_back())
        seen.append(tab.get(seen[0]["Location"]))

    answers(meanwhile=reload)
    visitor.start(next="/here/")

    response = visitor.come_back()

    redirect, page = seen
    assert redirect["Location"] == f"/phone/{attempt().pk}/"
    assert page["Refresh"] == "3"
    assert "In progress" in page.content.decode()
    assert response["Location"] == "/here/"
    assert len(answers.calls) == 1
    assert receivers.heard == [("verified", attempt())]


@pytest.mark.django_db(transaction=True)
def test_of_callbacks_at_once_exactly_one_exchanges_and_one_signal_is_sent(
    visitor: Visitor, answers: Answers, receivers: Receivers
) -> None:
    answers()
    visitor.start(next="/here/")
    tabs = [visitor.other_tab() for _ in range(4)]
    ready = Barrier(len(tabs))

    def come_back(tab: Visitor) -> str:
        ready.wait()
        try:
            return str(tab.come_back()["Location"])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(tabs)) as pool:
        locations = set(pool.map(come_back, tabs))

    assert len(answers.calls) == 1
    assert receivers.heard == [("verified", attempt())]
    assert outcome() == ("verified", "")
    assert "/here/" in locations <= {"/here/", f"/phone/{attempt().pk}/"}


# Whose attempt it is


@pytest.mark.parametrize("changes", [{}, {"error": "access_denied", "code": None}], ids=str)
def test_a_callback_in_another_browser_is_refused_and_spends_nothing(
    visitor: Visitor, stranger: Visitor, answers: Answers, changes: dict[str, Any]
) -> None:
    answers()
    visitor.start()
    stranger.authorize_url = visitor.authorize_url

    assert stranger.come_back(**changes).status_code == 400
    assert answers.calls == []
    assert outcome() == ("pending", "")

    visitor.come_back()

    assert outcome() == ("verified", "")


def test_another_users_login_takes_the_attempt_out_of_reach(
    visitor: Visitor, other_user: User, answers: Answers
) -> None:
    answers()
    visitor.start()
    visitor.force_login(other_user)

    response = visitor.come_back()

    assert response.status_code == 400
    assert answers.calls == []
    assert not PhoneVerification.objects.for_user(other_user).exists()
    assert not PhoneVerification.objects.verified().exists()


@pytest.mark.parametrize("signed_in", [True, False])
def test_a_callback_that_finds_another_user_in_the_session_ends_the_attempt(
    visitor: Visitor, user: User, other_user: User, answers: Answers, signed_in: bool
) -> None:
    answers()
    visitor.start()
    sign_in_silently(visitor, other_user if signed_in else None)

    response = visitor.come_back()

    assert outcome() == ("error", "user_changed")
    assert attempt().user == user
    assert answers.calls == []
    assert visitor.get(response["Location"]).status_code == 404


def test_a_login_that_sends_no_signal_still_ends_an_anonymous_attempt(
    passer_by: Visitor, user: User, answers: Answers
) -> None:
    answers()
    passer_by.start()
    sign_in_silently(passer_by, user)

    passer_by.come_back()

    assert outcome() == ("error", "user_changed")
    assert attempt().user is None
    assert answers.calls == []


def test_a_login_takes_over_what_was_anonymous_and_not_what_was_an_accounts(
    visitor: Visitor, user: User, other_user: User, answers: Answers
) -> None:
    answers()
    visitor.verify()
    sign_in_silently(visitor, None)

    visitor.force_login(other_user)

    assert attempt().user == user


def test_a_login_during_the_exchange_drops_the_answer(
    passer_by: Visitor, user: User, answers: Answers
) -> None:
    answers(meanwhile=lambda: passer_by.other_tab().force_login(user))
    passer_by.start()

    passer_by.come_back()

    assert outcome() == ("error", "user_changed")
    assert attempt().user is None
    assert not PhoneVerification.objects.is_verified(user)


def test_this_requests_visitor_is_verified_or_not(
    visitor: Visitor, user: User, other_user: User, answers: Answers
) -> None:
    answers()
    visitor.verify()
    session = visitor.session

    assert flow.is_verified(request_of(user, session))
    assert flow.is_verified(request_of(user))
    assert not flow.is_verified(request_of(other_user, session))
    assert not flow.is_verified(request_of(AnonymousUser(), session))


@pytest.mark.django_db
def test_a_user_object_that_is_not_signed_in_owns_nothing(user: User) -> None:
    """As an app for guests may have it: a row of its own, and yet nobody."""
    with mock.patch.object(User, "is_authenticated", False):
        begun = flow.begin(request_of(user), TYPED)

    assert begun.verification.user_id is None


def test_this_requests_session_is_verified_while_it_is_anonymous(
    passer_by: Visitor, other_user: User, answers: Answers
) -> None:
    answers()
    passer_by.verify()
    session = passer_by.session

    assert flow.is_verified(request_of(AnonymousUser(), session))
    assert flow.is_verified(request_of(AnonymousUser(), session), timedelta(minutes=1))
    assert not flow.is_verified(request_of(AnonymousUser()))
    assert not flow.is_verified(request_of(other_user, session))

    PhoneVerification.objects.update(completed_at=timezone.now() - timedelta(hours=1))

    assert flow.is_verified(request_of(AnonymousUser(), session))
    assert not flow.is_verified(request_of(AnonymousUser(), session), timedelta(minutes=59))


# The session's share


def test_the_session_holds_one_small_entry_that_does_not_grow(visitor: Visitor) -> None:
    before = dict(visitor.session)
    visitor.start()
    once = dict(visitor.session)

    for _ in range(5):
        visitor.start()

    assert dict(visitor.session) == once
    assert set(once) - set(before) == {browser_session.SESSION_KEY}
    assert len(once[browser_session.SESSION_KEY]) <= 32


def test_the_session_is_saved_by_the_first_start_and_not_again(visitor: Visitor) -> None:
    with mock.patch.object(SessionStore, "save", autospec=True, side_effect=SessionStore.save) as s:
        visitor.start()
        assert s.call_count == 1
        visitor.start()
        assert s.call_count == 1


# Where the visitor goes next


@pytest.mark.parametrize("url", HOSTILE_NEXTS)
def test_a_next_that_leaves_the_site_is_dropped_at_the_start(visitor: Visitor, url: str) -> None:
    visitor.start(next=url)

    assert outcome() == ("pending", "")
    assert attempt().next_url == ""


@pytest.mark.parametrize(
    "url", ["/", "/here/?a=1&b=%2F#c", "/ខ្មែរ/", "here", "http://testserver/here/"]
)
def test_a_next_on_the_site_is_kept(visitor: Visitor, url: str) -> None:
    visitor.start(next=url)

    assert attempt().next_url == url


def test_a_next_that_would_leave_https_is_dropped() -> None:
    request = RequestFactory().get("/", secure=True)

    assert redirects.is_safe_url(request, "https://testserver/here/")
    assert not redirects.is_safe_url(request, "http://testserver/here/")


# For a site with views of its own


def test_a_site_needs_no_view_of_ours(user: User, answers: Answers, settings: Any) -> None:
    answers(success("mobile_id", "profile", "phone_verify"))
    request = request_of(user)

    begun = flow.begin(request, TYPED, scopes="mobile_id profile", next_url="/here/")
    finished = flow.complete(came_back(request))

    assert begun.authorize_url.startswith("https://cloudapi.plasgate.com/ip/authenticate?")
    assert finished == begun.verification == attempt()
    assert (finished.status, finished.user, finished.next_url) == ("verified", user, "/here/")
    assert finished.scopes == "mobile_id profile phone_verify"
    assert finished.claims["address"] == PROFILE["address"]


def test_what_begin_returns_is_frozen_and_shows_neither_key_nor_number(user: User) -> None:
    begun = flow.begin(request_of(user), TYPED)

    with pytest.raises(dataclasses.FrozenInstanceError):
        begun.authorize_url = ""  # type: ignore[misc]
    assert site.PLASGATE_IP_PRIVATE_KEY not in repr(begun)
    assert DIGITS not in repr(begun)


@pytest.mark.parametrize("step", ["begin", "complete"])
def test_an_error_report_of_the_sites_own_view_shows_no_number(
    user: User, answers: Answers, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def break_down(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    answers()
    request = request_of(user)
    flow.begin(request, TYPED)
    monkeypatch.setattr(PhoneVerification, "save", break_down)
    monkeypatch.setattr(verdict, "judge", break_down)

    with pytest.raises(ZeroDivisionError) as caught:
        flow.begin(request, TYPED) if step == "begin" else flow.complete(came_back(request))

    report = ExceptionReporter(None, caught.type, caught.value, caught.tb)
    shown = report.get_traceback_html() + report.get_traceback_text()
    for secret in (TYPED, NUMBER[4:], MOBILE_ID, site.PLASGATE_IP_SECRET_KEY):
        assert secret not in shown


def test_complete_refuses_a_browser_without_an_attempt(user: User, answers: Answers) -> None:
    flow.begin(request_of(user), TYPED)
    elsewhere = request_of(user)

    with pytest.raises(InvalidCallback) as caught:
        flow.complete(came_back(elsewhere))

    # So that Django answers 400 where nobody catches it.
    assert isinstance(caught.value, SuspiciousOperation)
    assert answers.calls == []


def test_complete_refuses_a_request_without_a_session(user: User) -> None:
    request = RequestFactory().get("/", {"code": CODE, "state": STATE})
    request.user = user

    with pytest.raises(InvalidCallback):
        flow.complete(request)


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_provider_is_called(user: User, answers: Answers) -> None:
    open_: list[bool] = []
    seen: list[str] = []

    def look() -> None:
        open_.append(connection.in_atomic_block)
        with ThreadPoolExecutor(1) as pool:
            seen.append(pool.submit(_status_from_elsewhere).result())

    answers(meanwhile=look)
    request = request_of(user)
    flow.begin(request, TYPED)

    flow.complete(came_back(request))

    # The claim on the code is committed, too: another process sees it.
    assert (open_, seen) == ([False], ["exchanging"])


def _status_from_elsewhere() -> str:
    try:
        return attempt().status
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("query", [{}, {"error": "access_denied"}], ids=["code", "error"])
def test_complete_refuses_to_run_in_a_transaction_and_leaves_the_attempt_alone(
    user: User, answers: Answers, query: dict[str, str]
) -> None:
    answers()
    request = request_of(user)
    flow.begin(request, TYPED)
    callback = request_of(user, request.session, code=CODE, state=STATE, **query)

    with transaction.atomic(), pytest.raises(RuntimeError):
        flow.complete(callback)

    assert outcome() == ("pending", "")
    assert answers.calls == []


def test_an_answer_that_was_encrypted_with_a_lost_key_breaks_only_its_own_reading(
    visitor: Visitor, answers: Answers, settings: Any
) -> None:
    answers()
    visitor.verify()
    settings.SECRET_KEY = "another"

    row = attempt()

    assert row.status == "verified"
    with pytest.raises(ClaimsUnreadable):
        _ = row.claims


def test_a_worker_that_is_stopped_in_the_exchange_leaves_it_to_be_found(
    visitor: Visitor, answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    def stop() -> None:
        raise SystemExit

    answers(meanwhile=stop)
    visitor.start()
    with caplog.at_level(logging.DEBUG), pytest.raises(SystemExit):
        visitor.come_back()

    assert outcome() == ("exchanging", "")

    answers()
    visitor.verify()

    assert [row.reason for row in PhoneVerification.objects.order_by("created_at")] == [
        "interrupted",
        "",
    ]


# Machines whose clocks differ


def test_a_retry_is_judged_although_the_failed_attempt_is_from_a_clock_ahead(
    visitor: Visitor, answers: Answers
) -> None:
    answers(FAILED)
    visitor.verify()
    PhoneVerification.objects.update(created_at=timezone.now() + timedelta(seconds=3))
    answers()

    visitor.verify()

    assert sorted(PhoneVerification.objects.values_list("status", flat=True)) == [
        "failed",
        "verified",
    ]


def test_a_new_start_ends_the_old_one_and_not_itself_although_another_clock_is_ahead(
    visitor: Visitor, answers: Answers
) -> None:
    answers()
    visitor.start()
    PhoneVerification.objects.update(created_at=timezone.now() + timedelta(seconds=3))

    visitor.verify()

    statuses = PhoneVerification.objects.order_by("created_at").values_list("status", "reason")
    assert list(statuses) == [("error", "superseded"), ("verified", "")]


# A callback that takes its code just while the attempt is being ended


@pytest.fixture
def callback_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the code be taken after an attempt was looked at, and before it is ended."""
    end = PhoneVerification.transition

    def transition(self: PhoneVerification, **values: Any) -> bool:
        if self.status == "pending" and values.get("reason") in ("superseded", "user_changed"):
            PhoneVerification.objects.filter(pk=self.pk, status="pending").update(
                status="exchanging", exchanging_at=timezone.now()
            )
        return end(self, **values)

    monkeypatch.setattr(PhoneVerification, "transition", transition)


@pytest.mark.usefixtures("callback_in_between")
def test_a_new_start_ends_an_attempt_whose_code_was_taken_that_moment(
    visitor: Visitor, receivers: Receivers
) -> None:
    visitor.start()
    first = attempt()

    visitor.start()

    first.refresh_from_db()
    assert (first.status, first.reason) == ("error", "interrupted")


@pytest.mark.usefixtures("callback_in_between")
def test_a_login_ends_an_attempt_whose_code_was_taken_that_moment(
    passer_by: Visitor, user: User
) -> None:
    passer_by.start()

    passer_by.force_login(user)

    assert outcome() == ("error", "user_changed")
    assert attempt().user is None
