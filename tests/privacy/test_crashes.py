"""Crashes at each step: what Django's pages, its mails and error trackers show of them."""

import logging
import re
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.signals import got_request_exception
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.views.debug import ExceptionReporter
from django.views.decorators.debug import sensitive_post_parameters

from django_plasgate_ip import flow
from django_plasgate_ip.client.credentials import Credentials
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.redaction import Hidden
from django_plasgate_ip.verification import app_handle
from tests.contrib.rest import conftest
from tests.privacy import canaries
from tests.privacy.canaries import IN_THE_ADDRESS, NATIONAL, NUMBERS, TYPED, Broken, Search, broken
from tests.visitor import Visitor, request_of

pytestmark = [pytest.mark.worlds, pytest.mark.django_db]

Look = Callable[[Any, Callable[[], Any]], None]


@sensitive_post_parameters("phone")
def own_form(request: HttpRequest) -> HttpResponse:
    """Be a site's own view, which passes the typed text on."""
    return redirect(flow.begin(request, request.POST["phone"]).authorize_url)


@sensitive_post_parameters("phone")
async def async_form(request: HttpRequest) -> HttpResponse:
    return redirect((await flow.abegin(request, request.POST["phone"])).authorize_url)


class Site:
    urlpatterns = [
        path("own-form/", own_form),
        path("async-form/", async_form),
        *conftest.Site.urlpatterns,
    ]


# Each step has other values in its frames.
START = {
    "limits": broken("verification.limits._limits"),
    "row": broken("models.PhoneVerification.save"),
    "encryption": broken("verification.exchange.cipher"),
    "authorize_url": broken("client.api.urlencode"),
    "INSERT": canaries.broken_database("INSERT"),
}
CALLBACK = {
    "callback": broken("verification.callback.refusal_cause"),
    "exchange": broken("client.api.PlasGateClient.exchange"),
    "verdict": broken("verification.verdict.rejection_reason"),
    "SIM": broken("verification.changes.find"),
    "signal": broken("verification.transitions.send_signals"),
    "UPDATE": canaries.broken_database("UPDATE", "claims"),
}


@pytest.fixture
def look_at(search: Search, log: Any, settings: Any) -> Iterator[Look]:
    """Return a function that breaks a step, and looks at every report of the crash."""
    seen: list[BaseException | None] = []

    def see(request: HttpRequest, **kwargs: Any) -> None:
        """Be an error tracker, then Django's error page and mail."""
        _kind, error, _traceback = found = sys.exc_info()
        seen.append(error)
        search.look_at_error("frames", error)
        search.look_at_objects_of_ours()
        # With DEBUG, Django masks nothing.
        for debug in (False, True):
            settings.DEBUG = debug
            reporter = ExceptionReporter(request, *found)
            # Django's database layer has the stored number in its frames.
            in_frames = debug and isinstance(error, OperationalError)
            allowed = IN_THE_ADDRESS | (NUMBERS if in_frames else set())
            for shown in (reporter.get_traceback_text(), reporter.get_traceback_html()):
                # With DEBUG, Django also shows the request's own form data.
                report = re.sub(r'(?s)<h3 id="post-info">.*?</table>', "", shown)
                report = re.sub(r"(?sm)^POST:\n.*?\n\n", "", report)
                search.look(f"report: DEBUG={debug}", report, allowed)

    def look(breaks: Any, act: Callable[[], Any]) -> None:
        with breaks:
            assert act().status_code == 500
        assert seen
        search.look_at_log(log.records)

    settings.ROOT_URLCONF, settings.DEBUG = Site, True
    # At DEBUG, Django logs the whole context of its error page. `see` searches that page.
    logging.getLogger("django.template").setLevel(logging.INFO)
    got_request_exception.connect(see)
    yield look
    got_request_exception.disconnect(see)


@pytest.fixture
def patient(visitor: Visitor) -> Visitor:
    """Return a browser that gets the 500 page instead of the exception."""
    visitor.raise_request_exception = False
    return visitor


@pytest.mark.parametrize("step", START)
def test_a_crash_at_the_start_shows_no_canary(patient, look_at, step):
    page = patient.get("/phone/")
    look_at(START[step], lambda: patient.submit(page, phone_number=NATIONAL))


@pytest.mark.parametrize("step", CALLBACK)
def test_a_crash_at_the_callback_shows_no_canary(patient, provider, look_at, step):
    patient.start(NATIONAL)
    look_at(CALLBACK[step], patient.come_back)


@pytest.mark.parametrize("step", [*START, *CALLBACK, "stale"])
def test_a_crash_of_the_api_shows_no_canary(user, provider, look_at, monkeypatch, step):
    handle, code, state = (f"canary-{name}-0x77" for name in ("handle", "code", "state"))
    for name in (handle, code, state):
        monkeypatch.setitem(canaries.CANARIES, name, re.compile(name))
    monkeypatch.setattr(app_handle, "new", lambda: Hidden(handle))
    app = conftest.app_of(user, raise_request_exception=False)
    begin = partial(app.post, "/api/phone/", {"phone_number": NATIONAL}, "application/json")
    if step in START:
        look_at(START[step], begin)
        return
    url = f"/api/phone/{begin().json()['id']}/"
    if step == "stale":
        PhoneVerification.objects.update(created_at=timezone.now() - timedelta(hours=1))
        header = {"X-Verification-Handle": handle}
        look_at(broken("verification.transitions.finish"), partial(app.get, url, headers=header))
        return
    body = urlencode({"handle": handle, "code": code, "state": state})
    form = "application/x-www-form-urlencoded"
    look_at(CALLBACK[step], partial(app.post, f"{url}complete/", body, form))


def test_a_crash_of_a_page_that_fills_the_number_in_shows_no_canary(patient, look_at):
    patient.start(NATIONAL)
    failed = patient.come_back(error="access_denied", code=None)["Location"]
    breaks = broken("responses.render")
    look_at(breaks, lambda: patient.get(failed))
    here = {"Origin": "http://testserver"}
    look_at(breaks, lambda: patient.post("/phone/", {"phone_number": NATIONAL}, headers=here))


@pytest.mark.parametrize("typed", TYPED)
def test_a_crash_behind_a_sites_own_form_shows_no_canary(patient, look_at, typed):
    patient.get("/phone/")
    form = {"phone": typed, "csrfmiddlewaretoken": patient.cookies["csrftoken"].value}
    for url in ("/own-form/", "/async-form/"):
        look_at(START["row"], partial(patient.post, url, form))


@pytest.mark.parametrize(
    ("step", "call"),
    [
        ("start.launch", lambda request: flow.begin_for_app(request, NATIONAL)),
        ("app_handle.complete", lambda request: flow.complete_for_app(request, 1, *TYPED)),
        ("confirmed_by_site.store", lambda request: flow.confirm(request.user, NATIONAL)),
    ],
)
def test_a_crash_behind_a_sites_own_view_shows_no_canary(search, step, call):
    with broken(f"verification.{step}"), pytest.raises(Broken) as caught:
        call(request_of())
    search.look_at_error("frames", caught.value)


@pytest.mark.parametrize(
    "returned",
    [
        (canaries.PRIVATE_KEY, canaries.SECRET_KEY),  # no Credentials
        Credentials(canaries.PRIVATE_KEY, canaries.SECRET_KEY + " "),  # malformed
        Credentials(canaries.PRIVATE_KEY, canaries.SECRET_KEY),
    ],
)
def test_a_crash_with_a_tenants_keys_shows_no_canary(patient, look_at, settings, returned):
    settings.PLASGATE_IP_CREDENTIALS = lambda request: returned
    page = patient.get("/phone/")
    look_at(START["authorize_url"], lambda: patient.submit(page, phone_number=NATIONAL))
