"""What Sentry gets of errors and traces, with the filter of the documentation and without."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock
from urllib.parse import unquote

import pytest
import sentry_sdk
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.test.client import ClientHandler
from django.urls import path
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
from sentry_sdk.transport import Transport

from django_plasgate_ip import flow, signals
from django_plasgate_ip.client.api import PlasGateClient
from django_plasgate_ip.handoff import claim_and_confirm
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import limits
from tests import urls
from tests.docs.pages import blocks
from tests.handoff.devices import Phone, code_on, offered, tap
from tests.privacy import canaries
from tests.privacy.conftest import replies
from tests.provider import own_connections, providers
from tests.visitor import CODE, SESSION_STATE, STATE, Page, Visitor, outcome

pytestmark = pytest.mark.django_db(transaction=True)

KHMER = str.maketrans("០១២៣៤៥៦៧៨៩", "0123456789")
JSON = "application/json"


class Kept(Transport):
    """Keeps what the SDK would send."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Any) -> None:
        sent = [json.loads(item.payload.get_bytes()) for item in envelope.items]
        self.events += [envelope.headers, *sent]


class Traced(ClientHandler):
    """Handles a test client's request as Sentry's SDK lets WSGI servers handle it."""

    def __call__(self, environ: dict[str, Any]) -> Any:
        answered: list[Any] = []

        def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            answered.append(super(Traced, self).__call__(environ))
            start_response(f"{answered[0].status_code} Answered", [])
            return []

        body = SentryWsgiMiddleware(application)(environ, lambda *args: None)
        list(body)
        body.close()
        return answered[0]


def browser(kind: type[Visitor] = Visitor) -> Visitor:
    """Return a browser that gets the 500 page, with its requests traced."""
    opened = kind(raise_request_exception=False)
    opened.handler = Traced()
    return opened


def own_form(request: HttpRequest) -> HttpResponse:
    posted = request.POST
    logging.getLogger(__name__).warning("posted: %s", posted)
    return redirect(flow.begin(request, posted["phone_number"]).authorize_url)


class Site:
    urlpatterns = [path("own-form/", own_form), *urls.urlpatterns]


def breaks(verification: PhoneVerification, request: HttpRequest, **kwargs: Any) -> None:
    raise RuntimeError


def full_disk(execute: Any, sql: str, *rest: Any) -> Any:
    if sql.startswith("INSERT") and PhoneVerification._meta.db_table in sql:
        raise OperationalError("the disk is full")
    return execute(sql, *rest)


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], list[Any]]]:
    """Return a function that runs the page's code, and returns the events from then on."""
    (code,) = (text for _file, language, text in blocks("Error trackers") if language == "python")
    init = sentry_sdk.init

    def begin(with_filter: bool) -> list[Any]:
        kept = Kept()

        def init_here(**options: Any) -> None:
            if not with_filter:
                options = {"dsn": options["dsn"]}
            init(**options, transport=kept, traces_sample_rate=1)

        monkeypatch.setattr(sentry_sdk, "init", init_here)
        exec(compile(code, "docs/privacy.rst", "exec"), {"__name__": "docs"})  # noqa: S102
        return kept.events

    signals.phone_verified.connect(breaks)
    yield begin
    signals.phone_verified.disconnect(breaks)
    init()


def broken(owner: Any, name: str) -> Any:
    return mock.patch.object(owner, name, canaries.break_down)


def starts(visitor: Visitor) -> None:
    """Type the number in forms and in JSON, and let each start crash."""
    page = visitor.get("/phone/")
    token = visitor.cookies["csrftoken"].value
    typed = {"phone_number": canaries.TYPED[2], "csrfmiddlewaretoken": token}
    with broken(limits, "_exceeded_at"):
        visitor.submit(page, phone_number=canaries.NATIONAL)
        visitor.post("/own-form/", typed)
        visitor.post("/phone/", typed, JSON, headers={"X-CSRFToken": token})
    with connection.execute_wrapper(full_disk):
        visitor.submit(page, phone_number=canaries.E164)


def callbacks(visitor: Visitor) -> list[str]:
    """Come back from PlasGate, with its Referer, to a crash and to a receiver's exception."""
    nonces = []
    for fails in (True, False):
        visitor.start(canaries.NATIONAL)
        nonces.append(visitor.sent["redirect_uri"].partition("=")[2])
        visitor.defaults = {"HTTP_REFERER": visitor.authorize_url}
        if fails:
            with broken(PlasGateClient, "exchange"):
                assert visitor.come_back().status_code == 500
        else:
            visitor.come_back()
    visitor.defaults = {}
    assert outcome() == ("verified", "")
    return nonces


def handoff(visitor: Visitor) -> tuple[str, str]:
    """Scan a code, and let it crash twice. Return the token, and how the drawing begins."""
    page, phone = visitor.get("/phone/"), browser(Phone)
    link, drawn = offered(page), Page(page).all("path")[1]["d"]
    with broken(claim_and_confirm, "claim"):
        assert phone.get(link).status_code == 500
    page = phone.get(link)
    phone.defaults = {"HTTP_REFERER": f"http://testserver{link}"}
    with broken(limits, "_exceeded_at"):
        assert tap(phone, page, code_on(visitor, link), canaries.NATIONAL).status_code == 500
    # Without its slash, the path is no route, so it is the name of the trace.
    phone.get(link.removesuffix("/"))
    return link.split("/")[-2], drawn[:200]


def secrets(events: list[Any], extra: dict[str, str]) -> set[str]:
    """Return the names of the secrets in the events, in any encoding."""
    values = extra | {"code": CODE, "state": STATE, "part of the code": SESSION_STATE}
    values |= {"private key": canaries.PRIVATE_KEY, "secret key": canaries.SECRET_KEY}
    text = unquote(unquote(json.dumps(events, ensure_ascii=False)))
    found = {name for name, value in values.items() if value in text}
    return found | (
        {"number"} if canaries.CANARIES["number"].search(text.translate(KHMER)) else set()
    )


@pytest.mark.parametrize("with_filter", [False, True])
def test_only_with_the_filter_of_the_documentation_sentry_gets_no_secret(
    user: User, settings: Any, tracker: Callable[[bool], list[Any]], with_filter: bool
) -> None:
    settings.PLASGATE_IP_SECRET_KEY = canaries.SECRET_KEY
    settings.PLASGATE_IP_PRIVATE_KEY = canaries.PRIVATE_KEY
    settings.PLASGATE_IP_CALLBACK_NONCE = True
    settings.ROOT_URLCONF = Site
    events = tracker(with_filter)

    with own_connections(), providers(settings) as provide:
        provide(replies(canaries.VERIFIED))
        visitor = browser()
        visitor.force_login(user)
        starts(visitor)
        nonces = callbacks(visitor)
        token, qr_code = handoff(visitor)

    errors = [event for event in events if "exception" in event]
    traces = [event for event in events if event.get("type") == "transaction"]
    assert (len(errors), len(traces) >= len(errors)) == (8, True)
    asked = {"nonce": nonces[0], "second nonce": nonces[1], "token": token}
    known = {"code", "state", "part of the code", "private key", "number", *asked}
    assert secrets(events, asked | {"QR code": qr_code}) == (set() if with_filter else known)
    # The rest of an event is as useful as before.
    assert {"/phone/", "/phone/callback/"} <= {trace["transaction"] for trace in traces}
    assert "django_plasgate_ip.flow" in str(errors)
