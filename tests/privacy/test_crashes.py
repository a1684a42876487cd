"""Crashes at each step: what Django's pages, its mails and error trackers show of them."""

import logging
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.core.signals import got_request_exception
from django.db import OperationalError, connections
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter
from django.views.decorators.debug import sensitive_post_parameters

from django_plasgate_ip import flow, phones, views
from django_plasgate_ip.client import api
from django_plasgate_ip.client.api import PlasGateClient
from django_plasgate_ip.client.credentials import Credentials
from django_plasgate_ip.encryption import Sealed
from django_plasgate_ip.exceptions import ClaimsUnreadable
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import callback, limits, sim_change, transitions, verdict
from tests import urls
from tests.privacy import canaries
from tests.privacy.canaries import (
    IN_THE_ADDRESS,
    NATIONAL,
    NUMBERS,
    TYPED,
    Search,
    break_down,
)
from tests.privacy.conftest import Log, replies
from tests.provider import Provider
from tests.visitor import Visitor, newest

pytestmark = [pytest.mark.worlds, pytest.mark.django_db]

Break = Callable[[pytest.MonkeyPatch], Any]
Look = Callable[[Break, Callable[[], Any]], None]


@sensitive_post_parameters("phone")
def own_form(request: HttpRequest) -> HttpResponse:
    """Be a site's own view, which passes the typed text on."""
    return redirect(flow.begin(request, request.POST["phone"]).authorize_url)


class Site:
    urlpatterns = [path("own-form/", own_form), *urls.urlpatterns]


class Mails(AdminEmailHandler):
    """Keeps the error mails."""

    def __init__(self) -> None:
        super().__init__(include_html=True)
        self.texts: list[str] = []

    def send_mail(self, subject: Any, message: Any, *args: Any, **kwargs: Any) -> None:
        self.texts.append(f"{subject}\n{message}\n{kwargs['html_message']}")


@pytest.fixture
def mails() -> Iterator[Mails]:
    handler, logger = Mails(), logging.getLogger("django.request")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def broken(owner: Any, name: str, times: int = 0) -> Break:
    """Return a function that breaks another one, from its call after `times` on."""

    def break_it(monkeypatch: pytest.MonkeyPatch) -> None:
        works = iter([getattr(owner, name)] * times)

        def sometimes(*args: Any, **kwargs: Any) -> Any:
            return next(works, break_down)(*args, **kwargs)

        monkeypatch.setattr(owner, name, sometimes if times else break_down)

    return break_it


def broken_database(statement: str, column: str = "") -> Break:
    """Return a function that makes the database fail at such a statement on our table."""

    def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        ours = sql.startswith(statement) and PhoneVerification._meta.db_table in sql
        if ours and column in sql:
            raise OperationalError("the disk is full")
        return execute(sql, params, many, context)

    def break_it(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connections["default"], "execute_wrappers", [fail])

    return break_it


# Each step has other values in its frames.
START: dict[str, Break] = {
    "limits": broken(limits, "_exceeded_at"),
    "row": broken(PhoneVerification, "save"),
    "encryption": broken(flow, "cipher"),
    "authorize_url": broken(api, "urlencode"),
    "response": broken(views, "_redirect_or_json"),
    "session": broken(SessionStore, "save"),
    "INSERT": broken_database("INSERT"),
}
CALLBACK: dict[str, Break] = {
    "callback": broken(callback, "validate"),
    "exchange": broken(PlasGateClient, "exchange"),
    "verdict": broken(verdict, "rejection_reason"),
    "SIM": broken(sim_change, "find_previous"),
    "result": broken(QuerySet, "update", times=1),
    "signal": broken(transitions, "send_signals"),
    "response": broken(views, "_result_url"),
    "UPDATE": broken_database("UPDATE", "claims"),
}


def _without_the_form(report: str) -> str:
    """Remove the request's own form data, which Django shows where DEBUG is on."""
    report = re.sub(r'<h3 id="post-info">.*?</table>', "", report, flags=re.DOTALL)
    return re.sub(r"^POST:\n.*?\n\n", "", report, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture
def debug(request: Any, settings: Any) -> bool:
    """Whether DEBUG is on, as it is by default: Django then masks nothing."""
    settings.DEBUG = getattr(request, "param", True)
    settings.ROOT_URLCONF = Site
    return bool(settings.DEBUG)


@pytest.fixture
def look_at_crash(
    search: Search, log: Log, mails: Mails, debug: bool, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Look]:
    """Return a function that breaks a step, and looks at every report of the crash."""
    shown = set(IN_THE_ADDRESS)
    seen: list[BaseException] = []

    def look(place: str, report: str) -> None:
        search.look(f"{place}: DEBUG={debug}", _without_the_form(report), shown)

    def see(request: HttpRequest, **kwargs: Any) -> None:
        """Be an error tracker."""
        kind, error, traceback = sys.exc_info()
        assert error is not None
        seen.append(error)
        if debug and isinstance(error, OperationalError):
            # Django's database layer has the stored number in its frames.
            shown.update(NUMBERS)
        search.look_at_error("frames", error)
        search.look_at_objects_of_ours()
        # A site may write a report of its own.
        reporter = ExceptionReporter(request, kind, error, traceback)
        look("report", reporter.get_traceback_text())
        look("report", reporter.get_traceback_html())

    def look_at(break_it: Break, act: Callable[[], Any]) -> None:
        with monkeypatch.context() as patch:
            break_it(patch)
            response = act()
        assert response.status_code == 500
        assert seen
        page = response.content.decode()
        assert ("Traceback" in page) is debug
        look("500 page", page)
        assert mails.texts
        for text in mails.texts:
            look("error mail", text)
        # At DEBUG, Django logs the whole context of a template with a missing variable. The
        # context of its error page is the report that was searched above.
        search.look_at_log(log.records, without=["django.template"])

    logging.getLogger("django.template").setLevel(logging.INFO)
    got_request_exception.connect(see)
    yield look_at
    got_request_exception.disconnect(see)


@pytest.fixture
def patient(visitor: Visitor) -> Visitor:
    """Return a browser that gets the 500 page instead of the exception."""
    visitor.raise_request_exception = False
    return visitor


def cases(steps: dict[str, Break], *without_debug: str) -> Any:
    """Return the mark for a test of all steps, and of some with DEBUG off."""
    parameters = [
        *(pytest.param(True, break_it, id=step) for step, break_it in steps.items()),
        *(pytest.param(False, steps[step], id=f"{step}, DEBUG off") for step in without_debug),
    ]
    return pytest.mark.parametrize(("debug", "break_it"), parameters, indirect=["debug"])


@cases(START, "authorize_url", "INSERT")
def test_a_crash_at_the_start_shows_no_canary(
    patient: Visitor, look_at_crash: Look, break_it: Break
) -> None:
    page = patient.get("/phone/")
    look_at_crash(break_it, lambda: patient.submit(page, phone_number=NATIONAL))


@cases(CALLBACK, "exchange", "UPDATE")
def test_a_crash_at_the_callback_shows_no_canary(
    patient: Visitor, provider: Provider, look_at_crash: Look, break_it: Break
) -> None:
    patient.start(NATIONAL)
    look_at_crash(break_it, patient.come_back)


@pytest.mark.parametrize(
    "break_it",
    [broken(phones, "from_wire", times=2), broken(transitions, "send_signals")],
    ids=["number", "signal"],
)
def test_a_crash_after_the_phone_scope_returned_a_number_shows_no_canary(
    patient: Visitor,
    look_at_crash: Look,
    settings: Any,
    break_it: Break,
    start_provider: Callable[..., Provider],
) -> None:
    settings.PLASGATE_IP_SCOPES = ["phone", "mobile_id"]
    start_provider(replies(canaries.VERIFIED | {"phone_number": canaries.DIGITS}))
    patient.start()
    look_at_crash(break_it, patient.come_back)


@pytest.mark.parametrize("typed", TYPED)
def test_a_crash_behind_a_sites_own_form_shows_no_canary(
    patient: Visitor, look_at_crash: Look, typed: str
) -> None:
    patient.get("/phone/")
    form = {"phone": typed, "csrfmiddlewaretoken": patient.cookies["csrftoken"].value}
    look_at_crash(START["row"], lambda: patient.post("/own-form/", form))


@pytest.mark.parametrize(
    "returned",
    [
        (canaries.PRIVATE_KEY, canaries.SECRET_KEY),
        Credentials(canaries.PRIVATE_KEY, canaries.SECRET_KEY + " "),
        Credentials(canaries.PRIVATE_KEY, canaries.SECRET_KEY),
    ],
    ids=["no credentials", "malformed", "a later step is broken"],
)
def test_a_crash_with_a_tenants_keys_shows_no_canary(
    patient: Visitor, look_at_crash: Look, settings: Any, returned: Any
) -> None:
    settings.PLASGATE_IP_CREDENTIALS = lambda request: returned
    page = patient.get("/phone/")
    look_at_crash(START["authorize_url"], lambda: patient.submit(page, phone_number=NATIONAL))


def test_a_crash_of_the_claim_at_login_shows_no_canary(
    passer_by: Visitor, user: User, provider: Provider, look_at_crash: Look
) -> None:
    passer_by.raise_request_exception = False
    passer_by.verify(NATIONAL)
    page = passer_by.get("/accounts/login/")
    login = {"username": "teak", "password": "a password"}
    look_at_crash(CALLBACK["SIM"], lambda: passer_by.submit(page, **login))


@pytest.mark.parametrize("name", ["_read", "parse_answer"])
def test_a_worker_that_stops_in_the_exchange_shows_no_canary(
    visitor: Visitor, provider: Provider, search: Search, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def stop(*args: Any) -> None:
        raise KeyboardInterrupt

    visitor.start(NATIONAL)
    monkeypatch.setattr(api, name, stop)

    with pytest.raises(KeyboardInterrupt) as stopped:
        visitor.come_back()

    search.look_at_error("frames: stopped", stopped.value)


def test_claims_of_a_lost_key_show_no_canary(
    visitor: Visitor, provider: Provider, search: Search, settings: Any
) -> None:
    visitor.verify(NATIONAL)
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [canaries.ENCRYPTION_KEY[::-1].replace("=", "") + "="]
    row = newest()

    with pytest.raises(ClaimsUnreadable) as error:
        _ = row.claims

    search.look_at_error("frames: lost key", error.value)
    assert isinstance(row.__dict__["claims"], Sealed)
