"""Something breaks in the middle: what Django, its mails and error trackers show of it."""

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

from django_plasgate_ip import flow, phones, redirects, views
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.client import api
from django_plasgate_ip.client.api import PlasGateClient
from django_plasgate_ip.client.credentials import Credentials
from django_plasgate_ip.encryption import Sealed
from django_plasgate_ip.models import PhoneVerification, PhoneVerificationQuerySet
from django_plasgate_ip.verification import callback, limits, sim_change, transitions, verdict
from tests import urls
from tests.privacy import canaries
from tests.privacy.canaries import (
    IN_THE_ADDRESS,
    NATIONAL,
    NUMBERS,
    TYPED,
    Broken,
    Search,
    break_down,
)
from tests.privacy.conftest import Log, replies
from tests.provider import Provider
from tests.visitor import Visitor, attempt

pytestmark = [pytest.mark.worlds, pytest.mark.django_db]

Break = Callable[[pytest.MonkeyPatch], Any]
Look = Callable[[Callable[[], Any]], None]


@sensitive_post_parameters("phone")
def own_form(request: HttpRequest) -> HttpResponse:
    """Be a site's own view, which hands over what was typed."""
    return redirect(flow.begin(request, request.POST["phone"]).authorize_url)


class Site:
    urlpatterns = [path("own-form/", own_form), *urls.urlpatterns]


class Mails(AdminEmailHandler):
    """Writes the error mails, and keeps them."""

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
    """Return what breaks a function: after it has worked so many times."""

    def break_it(monkeypatch: pytest.MonkeyPatch) -> None:
        works = iter([getattr(owner, name)] * times)

        def sometimes(*args: Any, **kwargs: Any) -> Any:
            return next(works, break_down)(*args, **kwargs)

        monkeypatch.setattr(owner, name, sometimes if times else break_down)

    return break_it


def broken_database(statement: str, column: str = "") -> Break:
    """Return what makes the database fail at the first such statement on our table."""

    def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        ours = sql.startswith(statement) and PhoneVerification._meta.db_table in sql
        if ours and column in sql:
            raise OperationalError("the disk is full")
        return execute(sql, params, many, context)

    def break_it(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connections["default"], "execute_wrappers", [fail])

    return break_it


START: dict[str, Break] = {
    "scopes": broken(scope_sets, "normalise"),
    "limits: address": broken(limits, "address_of"),
    "limits: check": broken(limits, "check"),
    "limits: conditions": broken(limits, "_limits"),
    "limits: query": broken(limits, "_exceeded_at"),
    "next": broken(redirects, "safe_next"),
    "row": broken(PhoneVerification, "save"),
    "encryption": broken(flow, "cipher"),
    "authorize_url": broken(PlasGateClient, "authorize_url"),
    "authorize_url: digits": broken(phones, "digits"),
    "authorize_url: urlencode": broken(api, "urlencode"),
    "response": broken(views, "_redirect_or_json"),
    "session": broken(SessionStore, "save"),
    "database: INSERT": broken_database("INSERT"),
    "database: SELECT": broken_database("SELECT"),
}
CALLBACK: dict[str, Break] = {
    "attempt": broken(PhoneVerificationQuerySet, "for_callback"),
    "callback": broken(callback, "validate"),
    "encryption": broken(flow, "cipher"),
    "claim on the code": broken(PhoneVerification, "transition"),
    "exchange": broken(PlasGateClient, "exchange"),
    "judge": broken(verdict, "judge"),
    "judge: no": broken(verdict, "rejection_reason"),
    "judge: promises": broken(verdict, "_keeps_promises"),
    "SIM": broken(sim_change, "find_previous"),
    "result": broken(PhoneVerification, "transition", times=1),
    "result: rows": broken(QuerySet, "update", times=1),
    "signal": broken(transitions, "send_signals"),
    "response": broken(views, "_result_url"),
    "database: UPDATE": broken_database("UPDATE"),
    "database: UPDATE of the claims": broken_database("UPDATE", "claims"),
}


def _without_the_form(report: str) -> str:
    """Take out what was typed into the request's own form; Django shows it where DEBUG is on."""
    report = re.sub(r'<h3 id="post-info">.*?</table>', "", report, flags=re.DOTALL)
    return re.sub(r"^POST:\n.*?\n\n", "", report, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(params=[False, True], ids=["DEBUG off", "DEBUG on"])
def debug(request: Any, settings: Any) -> bool:
    settings.DEBUG = request.param
    settings.ROOT_URLCONF = Site
    return bool(request.param)


@pytest.fixture
def look_at_crash(search: Search, log: Log, mails: Mails, debug: bool) -> Iterator[Look]:
    """Return what lets a view crash, and looks at all that tells of it."""
    shown = set(IN_THE_ADDRESS)
    seen: list[BaseException] = []

    def look(place: str, report: str) -> None:
        search.look(f"{place}: DEBUG={debug}", _without_the_form(report), shown)

    def see(request: HttpRequest, **kwargs: Any) -> None:
        """Be an error tracker, at the moment that it happens."""
        kind, error, traceback = sys.exc_info()
        assert error is not None
        seen.append(error)
        if debug and isinstance(error, OperationalError):
            # Where DEBUG is on, Django shows what was stored in the frames of its database layer.
            shown.update(NUMBERS)
        search.look_at_error("frames", error)
        search.look_at_objects_of_ours()
        # As a site may call it, whatever Django's own handlers do.
        reporter = ExceptionReporter(request, kind, error, traceback)
        look("report", reporter.get_traceback_text())
        look("report", reporter.get_traceback_html())

    def look_at(act: Callable[[], Any]) -> None:
        response = act()
        assert response.status_code == 500
        assert seen
        page = response.content.decode()
        assert ("Traceback" in page) is debug
        look("500 page", page)
        assert mails.texts
        for text in mails.texts:
            look("error mail", text)
        # At DEBUG, Django's templates log the whole context of each variable that is missing; those
        # of its reports have the very report that was looked at.
        search.look_at_log(log.records, without=["django.template"])

    logging.getLogger("django.template").setLevel(logging.INFO)
    got_request_exception.connect(see)
    yield look_at
    got_request_exception.disconnect(see)


@pytest.fixture
def patient(visitor: Visitor) -> Visitor:
    """Return a browser that shows the 500 page."""
    visitor.raise_request_exception = False
    return visitor


@pytest.mark.parametrize("break_it", START.values(), ids=START)
def test_a_crash_at_the_start_shows_none(
    patient: Visitor,
    look_at_crash: Look,
    monkeypatch: pytest.MonkeyPatch,
    break_it: Break,
) -> None:
    page = patient.get("/phone/")
    with monkeypatch.context() as patch:
        break_it(patch)
        look_at_crash(lambda: patient.submit(page, phone_number=NATIONAL))


@pytest.mark.parametrize("break_it", CALLBACK.values(), ids=CALLBACK)
def test_a_crash_at_the_callback_shows_none(
    patient: Visitor,
    provider: Provider,
    look_at_crash: Look,
    monkeypatch: pytest.MonkeyPatch,
    break_it: Break,
) -> None:
    patient.start(NATIONAL)
    with monkeypatch.context() as patch:
        break_it(patch)
        look_at_crash(patient.come_back)


@pytest.mark.parametrize(
    "break_it",
    [
        broken(phones, "from_wire", times=2),
        broken(sim_change, "find_previous"),
        broken(transitions, "send_signals"),
    ],
    ids=["number", "SIM", "signal"],
)
def test_a_crash_over_a_learnt_number_shows_none(
    patient: Visitor,
    look_at_crash: Look,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    break_it: Break,
    start_provider: Callable[..., Provider],
) -> None:
    """The one that the ``phone`` scope brings."""
    settings.PLASGATE_IP_SCOPES = ["phone", "mobile_id"]
    start_provider(replies(canaries.VERIFIED | {"phone_number": canaries.DIGITS}))
    patient.start()
    with monkeypatch.context() as patch:
        break_it(patch)
        look_at_crash(patient.come_back)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        *((name, NATIONAL) for name in ("authorize_url", "limits: check", "database: INSERT")),
        *(("row", typed) for typed in TYPED),
    ],
)
def test_a_crash_behind_a_sites_own_form_shows_none(
    patient: Visitor,
    look_at_crash: Look,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    name: str,
) -> None:
    """Which hands over what was typed, as it was typed."""
    patient.get("/phone/")
    token = patient.cookies["csrftoken"].value
    with monkeypatch.context() as patch:
        START[name](patch)
        look_at_crash(
            lambda: patient.post("/own-form/", {"phone": typed, "csrfmiddlewaretoken": token})
        )


@pytest.mark.parametrize(
    "returned",
    [
        (canaries.PRIVATE_KEY, canaries.SECRET_KEY),
        Credentials(canaries.PRIVATE_KEY, canaries.SECRET_KEY + " "),
        Credentials(canaries.PRIVATE_KEY, canaries.SECRET_KEY),
    ],
    ids=["no credentials", "malformed", "what comes after is broken"],
)
def test_a_crash_over_a_tenants_keys_shows_none(
    patient: Visitor,
    look_at_crash: Look,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    returned: Any,
) -> None:
    settings.PLASGATE_IP_CREDENTIALS = lambda request: returned
    page = patient.get("/phone/")
    with monkeypatch.context() as patch:
        START["authorize_url"](patch)
        look_at_crash(lambda: patient.submit(page, phone_number=NATIONAL))


def raised(act: Callable[[], Any], kind: type[BaseException]) -> BaseException:
    with pytest.raises(kind) as caught:
        act()
    return caught.value


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("name", ["_read", "parse_answer", "_require_ok"])
def test_a_worker_that_is_told_to_stop_in_the_exchange_shows_none(
    visitor: Visitor,
    provider: Provider,
    search: Search,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[BaseException],
    name: str,
) -> None:
    def stop(*args: Any) -> None:
        raise kind

    visitor.start(NATIONAL)
    with monkeypatch.context() as patch:
        patch.setattr(api, name, stop)
        error = raised(visitor.come_back, kind)

    search.look_at_error("frames: stopped", error)


@pytest.mark.parametrize("owner", [api, verdict], ids=["client", "verdict"])
def test_a_client_of_its_own_shows_none_of_its_failures(
    provider: Provider, search: Search, monkeypatch: pytest.MonkeyPatch, owner: Any
) -> None:
    speaks = PlasGateClient()
    name = {api: "parse_answer", verdict: "rejection_reason"}[owner]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, break_down)
        if owner is api:
            error = raised(lambda: speaks.exchange("a code", "a state", "https://x"), Exception)
        else:
            said = speaks.exchange("a code", "a state", "https://x")
            number = phones.e164(phones.parse(NATIONAL))
            error = raised(lambda: verdict.judge(said, ["phone_verify"], number), Broken)

    search.look_at_error("frames: client", error)


def test_claims_of_a_lost_key_show_none(
    visitor: Visitor, provider: Provider, search: Search, settings: Any
) -> None:
    visitor.verify(NATIONAL)
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [canaries.ENCRYPTION_KEY[::-1].replace("=", "") + "="]
    row = attempt()

    search.look_at_error("frames: lost key", raised(lambda: row.claims, Exception))
    assert isinstance(row.__dict__["claims"], Sealed)


def test_a_login_that_crashes_over_what_it_claims_shows_none(
    passer_by: Visitor,
    user: User,
    provider: Provider,
    look_at_crash: Look,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passer_by.raise_request_exception = False
    passer_by.verify(NATIONAL)
    page = passer_by.get("/accounts/login/")
    with monkeypatch.context() as patch:
        patch.setattr(sim_change, "find_previous", break_down)
        look_at_crash(lambda: passer_by.submit(page, username="teak", password="a password"))
