"""The three pages over HTTP: methods, headers, JSON, redirects, and sites of every make."""

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as site
from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth.models import User
from django.core.signals import got_request_exception
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template import TemplateDoesNotExist
from django.test.utils import CaptureQueriesContext
from django.urls import include, path, set_script_prefix
from django.utils import timezone, translation
from django.views.debug import ExceptionReporter

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.verification import limits, verdict
from tests.conftest import Answers
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
    attempt,
    outcome,
)

AXIOS = "application/json, text/plain, */*"
CHROME = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;"
    "q=0.8,application/signed-exchange;v=b3;q=0.7"
)
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
OLD_FIREFOX = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/png,"
    "image/svg+xml,*/*;q=0.8"
)
WANTS_JSON = [
    AXIOS,
    "application/json",
    "application/json; charset=utf-8",
    "application/json;charset=UTF-8",
    "application/json; indent=4",
    "application/json, text/html",
    "text/html;q=0.5, application/json",
    "application/json;q=0.9, text/html;q=0.8, */*;q=0.7",
    "application/json, text/javascript, */*; q=0.01",
]
WANTS_HTML = [
    CHROME,
    FIREFOX,  # and Safari
    OLD_FIREFOX,
    "*/*",
    "",
    None,
    "text/html",
    "text/html, application/json",
    "application/json;q=0.5, text/html",
    "application/json;q=0.9, */*",
    "text/*, application/json;q=0.9",
    "application/json;q=0, */*",
    "application/vnd.api+json",
    "image/webp",
]
LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"


def page_of_a_shop(request: HttpRequest) -> HttpResponse:
    return HttpResponse("the shop's profile page")


class EveryLanguage:
    """URLs of a site that has its pages once for each language."""

    urlpatterns = i18n_patterns(path("phone/", include("django_plasgate_ip.urls")))


class DefaultLanguageBare:
    """The same, its default language without a prefix."""

    urlpatterns = i18n_patterns(
        path("phone/", include("django_plasgate_ip.urls")), prefix_default_language=False
    )


class Shop:
    """URLs of a site that has a view named ``profile``."""

    urlpatterns = [
        path("phone/", include("django_plasgate_ip.urls")),
        path("accounts/profile/", page_of_a_shop, name="profile"),
    ]


@pytest.fixture
def script_prefix(settings: Any) -> Iterator[str]:
    """Serve the site below a path."""
    settings.FORCE_SCRIPT_NAME = "/shop"
    set_script_prefix("/shop/")  # as a real server's handler does
    yield "/shop"
    set_script_prefix("/")


def accepting(accept: str | None) -> dict[str, str]:
    return {} if accept is None else {"Accept": accept}


def post(browser: Visitor, accept: str | None = AXIOS, **fields: str) -> Any:
    """Post to ``start`` as a script does, which reads the token from its cookie."""
    if "csrftoken" not in browser.cookies:
        browser.get("/phone/")
    token = browser.cookies["csrftoken"].value if "csrftoken" in browser.cookies else ""
    return browser.post("/phone/", fields, headers={"X-CSRFToken": token, **accepting(accept)})


def is_json(response: Any) -> bool:
    return str(response["Content-Type"]).startswith("application/json")


def verified_row(user: User | None, **changes: Any) -> PhoneVerification:
    """Store an attempt that was verified."""
    values = {
        "user": user,
        "phone_number": NUMBER,
        "scopes": "mobile_id phone_verify",
        "status": "verified",
        "sub": SUB,
        "mobile_id": MOBILE_ID,
        "claims": {"sub": SUB, "given_name": "Teak"},
        "completed_at": timezone.now(),
        "session_id": "somewhere",
    }
    return PhoneVerification.objects.create(**(values | changes))


def failed_row(user: User | None, reason: Reason, **changes: Any) -> PhoneVerification:
    """Store an attempt that ended for `reason`."""
    values = {"status": reason.status, "reason": reason, "sub": "", "mobile_id": ""}
    return verified_row(user, **(values | changes))


def statements(captured: CaptureQueriesContext) -> list[str]:
    """Return the queries that do work; a transaction's begin and end are round trips of SQLite."""
    work = ("SELECT", "INSERT", "UPDATE", "DELETE")
    return [query["sql"] for query in captured if query["sql"].startswith(work)]


# Who may start, and how


def test_only_who_is_signed_in_may_start_and_comes_back_to_the_form(stranger: Visitor) -> None:
    response = stranger.get("/phone/?next=/here/")

    assert response.status_code == 302
    assert response["Location"] == "/accounts/login/?next=/phone/%3Fnext%3D%252Fhere%252F"


def test_next_survives_the_login(stranger: Visitor, user: User, answers: Answers) -> None:
    answers()
    login = stranger.get("/phone/?next=/here/", follow=True)

    response = stranger.submit(login, username="teak", password="a password")
    stranger.submit(stranger.get(response["Location"]), phone_number=TYPED)

    assert stranger.come_back()["Location"] == "/here/"


def test_next_survives_a_session_that_ended_while_the_form_was_open(
    visitor: Visitor, user: User
) -> None:
    form = visitor.get("/phone/?next=/here/")
    visitor.session.flush()

    response = visitor.submit(form, phone_number=TYPED)

    assert response["Location"] == "/accounts/login/?next=/phone/%3Fnext%3D%252Fhere%252F"
    assert not PhoneVerification.objects.exists()


def test_a_script_that_is_not_signed_in_gets_a_401_and_no_redirect(stranger: Visitor) -> None:
    stranger.get("/accounts/login/")

    response = post(stranger, phone_number=TYPED)

    assert response.status_code == 401
    assert response.json() == {
        "errors": {"__all__": [{"message": "Sign in first.", "code": "login_required"}]}
    }
    assert not PhoneVerification.objects.exists()


def test_anybody_may_start_where_the_site_says_so(passer_by: Visitor, answers: Answers) -> None:
    answers()

    passer_by.verify(next="/here/")

    assert outcome() == ("verified", "")
    assert attempt().user is None


def test_a_form_from_another_site_starts_nothing(visitor: Visitor) -> None:
    response = visitor.post("/phone/", {"phone_number": TYPED})

    assert response.status_code == 403
    assert not PhoneVerification.objects.exists()


def test_not_even_where_the_site_has_no_csrf_middleware(visitor: Visitor, settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Csrf" not in name]

    assert visitor.post("/phone/", {"phone_number": TYPED}).status_code == 403
    assert visitor.start().status_code == 302


def test_a_get_starts_nothing(visitor: Visitor) -> None:
    visitor.get("/phone/", {"phone_number": TYPED, "next": "/here/"})
    visitor.head("/phone/", {"phone_number": TYPED})
    token = {"X-CSRFToken": visitor.cookies["csrftoken"].value}

    assert visitor.put("/phone/", headers=token).status_code == 405
    assert not PhoneVerification.objects.exists()


def test_a_start_goes_to_plasgate_with_its_number(visitor: Visitor) -> None:
    response = visitor.start()

    assert response.status_code == 302
    assert visitor.sent["phone_number"] == DIGITS
    assert outcome() == ("pending", "")


def test_a_bad_number_is_told_on_the_form_and_nothing_is_sent_or_stored(visitor: Visitor) -> None:
    response = visitor.start("077 69", next="/here/")

    assert response.status_code == 400
    assert "This is not a phone number" in response.content.decode()
    assert Page(response).fields["phone_number"] == "077 69"
    assert not PhoneVerification.objects.exists()

    # The very form can be mended and sent, and has not forgotten where the visitor was going.
    assert visitor.submit(response, phone_number=TYPED).status_code == 302
    assert attempt().next_url == "/here/"


def test_where_no_scope_needs_a_number_none_is_asked_for_and_a_typed_one_is_dropped(
    visitor: Visitor, settings: Any
) -> None:
    settings.PLASGATE_IP_SCOPES = ["mobile_id"]
    page = visitor.get("/phone/")

    assert "phone_number" not in Page(page).fields

    visitor.submit(page, phone_number=TYPED)

    assert str(attempt().phone_number) == ""
    assert DIGITS not in visitor.authorize_url


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
    # new entry; the second time, instead of that, the end of the first one.
    assert len(statements(first)) == 7
    assert len(statements(again)) == 7
    # Session, user, the verification, the claim on its code, the last SIM, the result.
    assert len(statements(callback)) == 6
    assert len(statements(repeated)) <= 3


# When something of the site's own breaks


@pytest.mark.parametrize("step", ["start", "callback"])
def test_an_error_report_shows_neither_the_number_nor_the_secret(
    visitor: Visitor, answers: Answers, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    reports: list[str] = []

    def report(request: HttpRequest, **kwargs: Any) -> None:
        reporter = ExceptionReporter(request, *sys.exc_info())
        reports.extend((reporter.get_traceback_html(), reporter.get_traceback_text()))

    def break_down(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    answers()
    if step == "start":
        monkeypatch.setattr(PhoneVerification, "save", break_down)
    else:
        visitor.start()
        monkeypatch.setattr(verdict, "judge", break_down)
    got_request_exception.connect(report)
    with pytest.raises(ZeroDivisionError):
        visitor.start() if step == "start" else visitor.come_back()

    assert len(reports) == 2
    for secret in (TYPED, NUMBER[4:], MOBILE_ID, site.PLASGATE_IP_SECRET_KEY):
        assert secret not in "".join(reports)


# JSON


@pytest.mark.parametrize("accept", WANTS_JSON)
def test_a_request_that_names_json_first_gets_json(visitor: Visitor, accept: str) -> None:
    bad = post(visitor, accept, phone_number="077")
    good = post(visitor, accept, phone_number=TYPED)
    detail = visitor.get(f"/phone/{attempt().pk}/", headers=accepting(accept))

    assert [bad.status_code, good.status_code, detail.status_code] == [400, 200, 200]
    assert all(map(is_json, (bad, good, detail)))


@pytest.mark.parametrize("accept", WANTS_HTML)
def test_any_other_request_gets_pages(visitor: Visitor, accept: str | None) -> None:
    bad = post(visitor, accept, phone_number="077")
    good = post(visitor, accept, phone_number=TYPED)
    detail = visitor.get(f"/phone/{attempt().pk}/", headers=accepting(accept))

    assert [bad.status_code, good.status_code, detail.status_code] == [400, 302, 200]
    assert not any(map(is_json, (bad, good, detail)))


def test_a_json_start_says_where_to_go_and_where_to_look(
    visitor: Visitor, answers: Answers
) -> None:
    answers()
    response = post(visitor, phone_number=TYPED, next="/here/")

    said = response.json()
    visitor.authorize_url = said["authorize_url"]
    assert said == {
        "id": str(attempt().pk),
        "authorize_url": visitor.authorize_url,
        "detail_url": f"/phone/{attempt().pk}/",
    }
    assert visitor.sent["phone_number"] == DIGITS
    assert visitor.come_back()["Location"] == "/here/"


def test_a_json_start_with_a_bad_number_says_what_is_wrong(visitor: Visitor) -> None:
    response = post(visitor, phone_number="077")

    assert response.status_code == 400
    assert response.json() == {
        "errors": {
            "phone_number": [
                {
                    "message": "This is not a phone number. Type it like this: 077 696 118",
                    "code": "invalid",
                }
            ]
        }
    }
    assert not PhoneVerification.objects.exists()


def test_the_json_of_an_attempt_has_these_fields_and_nothing_of_the_operators(
    visitor: Visitor, answers: Answers
) -> None:
    answers(given_name="Teak", error_description="Welcome")
    visitor.verify()
    row = attempt()

    response = visitor.get(f"/phone/{row.pk}/", headers={"Accept": AXIOS})

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


def test_the_json_of_a_failure_has_its_reason_and_of_a_live_attempt_no_end(
    visitor: Visitor, answers: Answers
) -> None:
    visitor.start()
    url = f"/phone/{attempt().pk}/"
    pending = visitor.get(url, headers={"Accept": AXIOS}).json()
    answers(FAILED)
    visitor.come_back()
    failed = visitor.get(url, headers={"Accept": AXIOS}).json()

    assert (pending["status"], pending["reason"], pending["completed_at"]) == ("pending", "", None)
    assert (failed["status"], failed["reason"]) == ("failed", "not_on_mobile_data")
    assert "mobile data" in failed["message"]
    assert MOBILE_ID not in json.dumps(failed)


def test_caches_are_told_that_the_answer_depends_on_accept(visitor: Visitor) -> None:
    responses = [
        post(visitor, phone_number="077"),
        post(visitor, phone_number=TYPED),
        visitor.get(f"/phone/{attempt().pk}/"),
    ]

    assert all("Accept" in response["Vary"].split(", ") for response in responses)


# The callback


@pytest.mark.parametrize(
    "purpose",
    [
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
    ],
    ids=str,
)
def test_a_prefetch_does_not_spend_the_code(
    visitor: Visitor, answers: Answers, purpose: dict[str, str]
) -> None:
    answers()
    visitor.start()

    response = visitor.get(visitor.callback_url(), headers=purpose)

    # A 2xx might be kept and shown to the visitor in place of the real answer.
    assert response.status_code == 503
    assert answers.calls == []
    assert outcome() == ("pending", "")

    visitor.come_back()

    assert outcome() == ("verified", "")


@pytest.mark.parametrize("method", ["head", "options", "post", "put", "delete"])
def test_only_a_get_touches_the_attempt(visitor: Visitor, answers: Answers, method: str) -> None:
    answers()
    visitor.start()

    response = getattr(visitor, method)(visitor.callback_url())

    assert response.status_code in (403, 405)
    assert answers.calls == []
    assert outcome() == ("pending", "")


def test_the_code_leaves_the_address_at_once_and_in_no_referer_cache_or_log(
    visitor: Visitor,
    stranger: Visitor,
    answers: Answers,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # What the site says of its own pages does not hold for these addresses.
    settings.SECURE_REFERRER_POLICY = "unsafe-url"
    caplog.set_level("DEBUG")
    answers(FAILED)
    visitor.start()
    stranger.authorize_url = visitor.authorize_url

    # The one page that is shown at this address: "no-referrer" would send its forms' POSTs with
    # "Origin: null", which the CSRF check refuses.
    policies = ["same-origin", "no-referrer", "no-referrer"]
    for policy, response in zip(
        policies, (stranger.come_back(), visitor.come_back(), visitor.come_back()), strict=True
    ):
        assert response["Referrer-Policy"] == policy
        assert "no-store" in response["Cache-Control"]
        assert "private" in response["Cache-Control"]
        assert CODE not in response.content.decode() + response.get("Location", "")
    visitor.get(visitor.callback_url(), headers={"Purpose": "prefetch"})
    visitor.head(visitor.callback_url())
    ours = [record for record in caplog.records if not record.name.startswith("django.db")]
    assert CODE not in str([record.getMessage() for record in ours])


def test_a_verified_visitor_without_next_sees_the_attempts_page(
    visitor: Visitor, answers: Answers
) -> None:
    answers()
    response = visitor.verify()

    assert response["Location"] == f"/phone/{attempt().pk}/"


def test_who_failed_does_not_go_on_but_may_try_again_and_then_does(
    visitor: Visitor, answers: Answers
) -> None:
    answers(FAILED)
    response = visitor.verify(next="/here/?a=1&b=2")

    assert response["Location"] == f"/phone/{attempt().pk}/"

    retry = Page(visitor.get(response["Location"])).links["Try again"]
    answers()
    visitor.submit(visitor.get(retry), phone_number=TYPED)

    assert visitor.come_back()["Location"] == "/here/?a=1&b=2"


@pytest.mark.parametrize("url", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_next_is_checked_again_when_it_is_used(
    visitor: Visitor, answers: Answers, url: str
) -> None:
    answers()
    visitor.start(next="/here/")
    PhoneVerification.objects.update(next_url=url)

    response = visitor.come_back()
    page = Page(visitor.get(response["Location"]))

    assert response["Location"] == f"/phone/{attempt().pk}/"
    assert page.links["Continue"] == "/"


def test_a_next_on_a_host_that_is_no_longer_this_one_is_not_used(
    visitor: Visitor, answers: Answers
) -> None:
    answers()
    visitor.start(next="http://testserver/here/")

    response = visitor.get(visitor.callback_url(), headers={"Host": "localhost"})

    assert response["Location"] == f"/phone/{attempt().pk}/"


@pytest.mark.parametrize("url", ["profile", "here", "./here", "?a=1"])
def test_next_is_an_address_and_never_a_views_name(
    visitor: Visitor, answers: Answers, settings: Any, url: str
) -> None:
    settings.ROOT_URLCONF = Shop
    answers()

    assert visitor.verify(next=url)["Location"] == url


def test_a_callback_without_an_attempt_is_a_400_with_a_way_on(stranger: Visitor) -> None:
    response = stranger.get("/phone/callback/", {"code": CODE, "state": STATE})

    assert response.status_code == 400
    assert "Start again in this browser" in response.content.decode()
    assert Page(response).links["Start again"] == "/phone/"


# An attempt's own page


@pytest.mark.parametrize("accept", [CHROME, AXIOS])
def test_anothers_attempt_is_a_404(
    visitor: Visitor, stranger: Visitor, other_user: User, accept: str
) -> None:
    theirs = verified_row(other_user)
    sessions = verified_row(None)
    visitor.start()
    mine = attempt()
    theirs.session_id = mine.session_id
    theirs.save()

    for browser, row in (
        (visitor, theirs),
        (visitor, sessions),
        (stranger, mine),
        (stranger, sessions),
    ):
        url = f"/phone/{row.pk}/"
        assert browser.get(url, headers=accepting(accept)).status_code == 404
    assert visitor.get(f"/phone/{uuid4()}/").status_code == 404
    assert visitor.get(f"/phone/{mine.pk}/", headers=accepting(accept)).status_code == 200


def test_an_attempt_is_its_users_in_any_browser_and_its_sessions_while_anonymous(
    visitor: Visitor, user: User, answers: Answers, settings: Any
) -> None:
    answers()
    visitor.verify()
    elsewhere = Visitor()
    elsewhere.force_login(user)

    assert elsewhere.get(f"/phone/{attempt().pk}/").status_code == 200

    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    anonymous = Visitor()
    anonymous.verify()

    assert anonymous.get(f"/phone/{attempt().pk}/").status_code == 200
    assert Visitor().get(f"/phone/{attempt().pk}/").status_code == 404


@pytest.mark.parametrize("accept", [CHROME, AXIOS])
def test_looking_at_a_stale_attempt_ends_it(visitor: Visitor, accept: str) -> None:
    visitor.start()
    row = attempt()
    url = f"/phone/{row.pk}/"
    PhoneVerification.objects.update(created_at=timezone.now() - timedelta(minutes=6))

    shown = visitor.get(url, headers=accepting(accept)).content.decode()

    assert outcome() == ("error", "expired")
    assert attempt().completed_at is not None
    assert "This took too long." in shown


def test_a_live_attempts_page_changes_nothing(visitor: Visitor) -> None:
    visitor.start()
    before = PhoneVerification.objects.values().get()

    response = visitor.get(f"/phone/{attempt().pk}/")

    assert PhoneVerification.objects.values().get() == before
    assert "In progress" in response.content.decode()
    assert "Refresh" not in response


def test_the_page_looks_again_by_itself_only_while_the_exchange_runs(visitor: Visitor) -> None:
    visitor.start()
    url = f"/phone/{attempt().pk}/"
    PhoneVerification.objects.update(status="exchanging", exchanging_at=timezone.now())

    assert visitor.get(url)["Refresh"] == "3"

    PhoneVerification.objects.update(status="verified", completed_at=timezone.now())

    assert "Refresh" not in visitor.get(url)


def test_two_looks_at_a_stale_attempt_end_it_once(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.start()
    url = f"/phone/{attempt().pk}/"
    PhoneVerification.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    transition = PhoneVerification.transition

    def lose(row: PhoneVerification, **values: Any) -> bool:
        changed = transition(PhoneVerification.objects.get(), **values | {"reason": "interrupted"})
        assert changed
        return transition(row, **values)

    monkeypatch.setattr(PhoneVerification, "transition", lose)

    shown = visitor.get(url).content.decode()

    assert outcome() == ("error", "interrupted")
    assert "This was cut off" in shown


def test_pages_are_for_no_cache(visitor: Visitor) -> None:
    start = visitor.get("/phone/")
    sent_off = visitor.submit(start, phone_number=TYPED)
    detail = visitor.get(f"/phone/{attempt().pk}/")

    for response in (start, sent_off, detail):
        assert "no-store" in response["Cache-Control"]


# The page that goes on instead of a redirect


def test_a_site_whose_csp_forbids_the_redirect_has_a_page_that_goes_on(
    visitor: Visitor, answers: Answers, settings: Any
) -> None:
    settings.PLASGATE_IP_CONTINUE_PAGE = True
    answers()

    response = visitor.start(next="/here/")

    assert response.status_code == 200
    assert "Location" not in response
    link = Page(response).links["Continue"]
    assert link.startswith("https://cloudapi.plasgate.com/ip/authenticate?")
    assert response["Refresh"] == f"0; url={link}"

    visitor.authorize_url = link
    assert visitor.come_back()["Location"] == "/here/"


def test_a_script_gets_its_json_with_or_without_that_page(visitor: Visitor, settings: Any) -> None:
    settings.PLASGATE_IP_CONTINUE_PAGE = True

    assert is_json(post(visitor, phone_number=TYPED))


# Sites of every make


def test_the_callback_is_the_same_in_every_language_and_the_page_in_the_visitors(
    visitor: Visitor, answers: Answers, settings: Any
) -> None:
    settings.ROOT_URLCONF = EveryLanguage
    answers(FAILED)

    visitor.start(path="/km/phone/")
    uri = visitor.sent["redirect_uri"]
    response = visitor.come_back()
    page = visitor.get(response["Location"])

    assert uri == "http://testserver/en/phone/callback/"
    assert response["Location"] == f"/km/phone/{attempt().pk}/"
    assert Page(page).all("html")[0]["lang"] == "km"
    assert outcome() == ("failed", "not_on_mobile_data")

    visitor.start(path="/en/phone/")
    response = visitor.come_back()

    assert visitor.sent["redirect_uri"] == uri
    assert response["Location"] == f"/en/phone/{attempt().pk}/"


def test_the_default_language_may_have_no_prefix(
    visitor: Visitor, answers: Answers, settings: Any
) -> None:
    settings.ROOT_URLCONF = DefaultLanguageBare
    answers()

    visitor.start(path="/km/phone/")
    response = visitor.come_back()

    assert visitor.sent["redirect_uri"] == "http://testserver/phone/callback/"
    assert response["Location"] == f"/km/phone/{attempt().pk}/"


def test_a_site_without_translations_works(
    visitor: Visitor, answers: Answers, settings: Any
) -> None:
    settings.USE_I18N = False
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Locale" not in name]
    answers()
    with translation.override(None):
        response = visitor.verify()

        assert visitor.get(response["Location"]).status_code == 200
    assert outcome() == ("verified", "")


@pytest.mark.parametrize("appends", [True, False])
def test_a_site_may_append_slashes_or_not(
    visitor: Visitor, answers: Answers, settings: Any, appends: bool
) -> None:
    settings.APPEND_SLASH = appends
    answers()
    visitor.start(next="/here/")
    came_without = visitor.callback_url().replace("/callback/?", "/callback?")

    # Where the provider drops the slash, the site's redirect must lose nothing of the query.
    dropped = visitor.get(came_without)

    assert dropped.status_code == (301 if appends else 404)
    assert dropped.get("Location", visitor.callback_url()) == visitor.callback_url()
    assert visitor.come_back()["Location"] == "/here/"
    assert outcome() == ("verified", "")


@pytest.mark.parametrize("public_url", [None, "https://shop.example"])
def test_a_site_below_a_path_works(
    visitor: Visitor,
    answers: Answers,
    settings: Any,
    script_prefix: str,
    public_url: str | None,
) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = public_url
    answers()

    visitor.start()
    response = visitor.come_back()

    base = public_url or "http://testserver"
    assert visitor.sent["redirect_uri"] == f"{base}/shop/phone/callback/"
    assert response["Location"] == f"/shop/phone/{attempt().pk}/"
    page = Page(visitor.get(response["Location"].removeprefix(script_prefix)))
    assert page.links["Continue"] == "/shop/"


def test_a_site_that_requires_a_login_everywhere_works(
    visitor: Visitor, stranger: Visitor, answers: Answers, settings: Any
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, LOGIN_REQUIRED]
    answers()
    visitor.start()
    stranger.authorize_url = visitor.authorize_url

    # A login page's next would carry the code along.
    assert stranger.come_back().status_code == 400
    assert stranger.get(f"/phone/{attempt().pk}/").status_code == 404
    assert visitor.come_back()["Location"] == f"/phone/{attempt().pk}/"
    assert stranger.get("/phone/")["Location"] == "/accounts/login/?next=/phone/"

    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    response = stranger.verify()

    assert stranger.get(response["Location"]).status_code == 200
    assert outcome() == ("verified", "")


@pytest.mark.parametrize("engine", ["db", "cached_db", "cache", "file", "signed_cookies"])
def test_a_site_may_keep_its_sessions_anywhere(
    user: User, answers: Answers, settings: Any, tmp_path: Path, engine: str
) -> None:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    settings.SESSION_FILE_PATH = tmp_path
    answers()
    browser = Visitor()
    browser.force_login(user)

    assert browser.verify(next="/here/")["Location"] == "/here/"
    assert outcome() == ("verified", "")


@pytest.mark.django_db(transaction=True)
def test_a_site_with_a_transaction_for_each_request_has_none_in_the_exchange(
    visitor: Visitor, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    open_: list[bool] = []
    answers(meanwhile=lambda: open_.append(connection.in_atomic_block))

    response = visitor.verify()

    assert open_ == [False]
    assert outcome() == ("verified", "")
    assert visitor.get(response["Location"]).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_site_with_a_transaction_for_each_request_counts_starts_that_all_others_see(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    check = limits.check
    seen: list[int] = []

    def look(verification: PhoneVerification) -> None:
        with ThreadPoolExecutor(1) as pool:
            seen.append(pool.submit(in_another_connection).result())
        check(verification)

    def in_another_connection() -> int:
        try:
            return PhoneVerification.objects.count()
        finally:
            connection.close()

    monkeypatch.setattr(limits, "check", look)

    visitor.start()

    assert seen == [1]


# Scripts that post JSON


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"phone_number": "077 696 118", "next": "/here/"}', 200),
        (b'{"phone_number": ["077 696 118"]}', 400),
        (b'{"phone_number": 85577696118}', 400),
        (b'["077 696 118"]', 400),
        (b"077 696 118", 400),
        (b"", 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
    ],
    ids=repr,
)
def test_a_script_may_post_json(visitor: Visitor, body: bytes, code: int) -> None:
    token = Page(visitor.get("/phone/")).fields["csrfmiddlewaretoken"]
    headers = {"Accept": "application/json, text/plain, */*", "X-CSRFToken": token}

    response = visitor.post("/phone/", body, content_type="application/json", headers=headers)

    assert response.status_code == code
    assert PhoneVerification.objects.count() == (1 if code == 200 else 0)
    if code == 200:
        assert "login_hint=85577696118" in response.json()["authorize_url"]
        assert attempt().next_url == "/here/"
    else:
        assert "phone_number" in response.json()["errors"]


def test_posted_json_needs_the_csrf_token_as_a_form_does(visitor: Visitor) -> None:
    body = b'{"phone_number": "077 696 118"}'
    response = visitor.post("/phone/", body, content_type="application/json")
    assert response.status_code == 403


# What a site may have otherwise


def test_a_fallback_that_is_no_page_is_told_to_the_operator_and_not_to_the_visitor(
    visitor: Visitor, answers: Answers, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PLASGATE_IP_FALLBACK_URL = "sms-cod"
    answers(FAILED)

    page = visitor.get(visitor.verify()["Location"])

    assert page.status_code == 200
    assert "Verify in another way" not in Page(page).links
    assert "neither a path, a URL nor a url name: Reverse for 'sms-cod' not found" in caplog.text


def test_a_base_template_of_another_engine_is_not_extended(
    visitor: Visitor, settings: Any, tmp_path: Path
) -> None:
    (tmp_path / "base.html").write_text("for another engine")
    other = {"BACKEND": "django.template.backends.dummy.TemplateStrings", "DIRS": [tmp_path]}
    ours = {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
    settings.TEMPLATES = [other | {"APP_DIRS": False, "OPTIONS": {}}, ours]

    page = visitor.get("/phone/")

    assert page.status_code == 200
    assert "phone_number" in Page(page).fields


def test_a_site_whose_templates_are_found_nowhere_is_told(visitor: Visitor, settings: Any) -> None:
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]

    with pytest.raises(TemplateDoesNotExist, match=r"default_base\.html"):
        visitor.get("/phone/")


def test_the_redirect_to_plasgate_does_not_show_the_number_in_an_error_tracker(
    visitor: Visitor,
) -> None:
    response = visitor.start()

    assert DIGITS in response["Location"]
    assert repr(response) == "<HttpResponseRedirect to PlasGate>"
