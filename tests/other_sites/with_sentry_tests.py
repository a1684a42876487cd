"""What Sentry gets of errors and traces, with the filter of the documentation and without."""

import json
import logging
from typing import Any
from unittest import mock
from urllib.parse import unquote

import pytest
import sentry_sdk
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test.client import ClientHandler
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
from sentry_sdk.transport import Transport

from django_plasgate_ip import signals
from tests.contrib.rest.conftest import Site, app_of
from tests.docs.pages import blocks
from tests.handoff.devices import Phone, code_on, offered, tap
from tests.privacy import canaries
from tests.privacy.canaries import broken
from tests.privacy.conftest import replies
from tests.visitor import CODE, SESSION_STATE, STATE, Page, Visitor, outcome

pytestmark = pytest.mark.django_db(transaction=True)


class Kept(Transport):  # type: ignore[misc]
    """Keeps what the SDK would send."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Any) -> None:
        sent = (json.loads(item.payload.get_bytes()) for item in envelope.items)
        self.events += [envelope.headers, *sent]


class Traced(ClientHandler):
    """Handles a test client's request as Sentry's SDK lets WSGI servers handle it."""

    def __call__(self, environ: dict[str, Any]) -> Any:
        answered: list[Any] = []

        def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            answered.append(super(Traced, self).__call__(environ))
            start_response(f"{answered[0].status_code} Answered", [])
            return []

        SentryWsgiMiddleware(application)(environ, lambda *args: None).close()
        return answered[0]


def traced(client: Any) -> Any:
    """Let a client get the 500 page, with its requests traced."""
    client.raise_request_exception = False
    client.handler = Traced()
    return client


def log_and_break(request: HttpRequest, **kwargs: Any) -> None:
    logging.getLogger(__name__).warning("returned: %s", request.GET)
    raise RuntimeError


def starts(visitor: Visitor) -> None:
    """Type the number in the form and in JSON, and let each start crash."""
    page = visitor.get("/phone/")
    typed, header = {"phone_number": canaries.TYPED[2]}, visitor.cookies["csrftoken"].value
    with broken("verification.limits._limits"):
        visitor.submit(page, phone_number=canaries.NATIONAL)
        visitor.post("/phone/", typed, "application/json", headers={"X-CSRFToken": header})
    with canaries.broken_database("INSERT"):
        visitor.submit(page, phone_number=canaries.E164)


def comes_back(visitor: Visitor) -> str:
    """Start, and come back from PlasGate, with its address as Referer. Return the nonce."""
    visitor.start(canaries.NATIONAL)
    visitor.get(visitor.callback_url(), headers={"Referer": visitor.authorize_url})
    return visitor.sent["redirect_uri"].partition("=")[2]


def hands_over(visitor: Visitor) -> dict[str, str]:
    """Scan a code, and let it crash twice. Return the token, and how the drawing begins."""
    page, phone = visitor.get("/phone/?again=1"), traced(Phone())
    link, drawn = offered(page), Page(page).all("path")[1]["d"]
    with broken("handoff.claim_and_confirm.claim"):
        phone.get(link)
    choices = phone.get(link)
    phone.defaults = {"HTTP_REFERER": f"http://testserver{link}"}
    with broken("verification.limits._limits"):
        tap(phone, choices, code_on(visitor, link), canaries.NATIONAL)
    # Without its slash, the path is no route, so it is the name of the trace.
    phone.get(link.removesuffix("/"))
    return {"token": link.split("/")[-2], "QR code": drawn[:200]}


def verifies_in_an_app(user: User) -> str:
    """Start, complete and read without a cookie, and let each crash. Return the handle."""
    app = traced(app_of(user))

    def post(path: str, **fields: str) -> Any:
        return app.post(f"/api/phone/{path}", fields, content_type="application/json")

    with broken("verification.limits._limits"):
        post("", phone_number=canaries.TYPED[2])
    started = post("", phone_number=canaries.NATIONAL).json()
    handle, path = started["handle"], f"{started['id']}/"
    with broken("verification.app_handle.find_readable"):
        app.get(f"/api/phone/{path}", headers={"X-Verification-Handle": handle})
    with broken("client.api.PlasGateClient.exchange"):
        post(f"{path}complete/", handle=handle, code=CODE, state=STATE)
    return handle


@pytest.mark.parametrize("with_filter", [False, True])
def test_only_the_documented_filter_hides_secrets(visitor, user, start, settings, with_filter):
    settings.PLASGATE_IP_SECRET_KEY = canaries.SECRET_KEY
    settings.PLASGATE_IP_PRIVATE_KEY = canaries.PRIVATE_KEY
    settings.PLASGATE_IP_CALLBACK_NONCE = True
    settings.ROOT_URLCONF = Site
    (code,) = (text for _file, language, text in blocks("Error trackers") if language == "python")
    with mock.patch.object(sentry_sdk, "init") as init:
        exec(compile(code, "docs/privacy.rst", "exec"), {"__name__": "docs"})  # noqa: S102
    options = init.call_args.kwargs if with_filter else {"dsn": init.call_args.kwargs["dsn"]}
    sentry_sdk.init(**options, transport=(kept := Kept()), traces_sample_rate=1)
    traced(visitor)
    signals.phone_verified.connect(log_and_break)

    start(replies(canaries.VERIFIED))
    starts(visitor)
    with broken("client.api.PlasGateClient.exchange"):
        secrets = {"nonce": comes_back(visitor)}
    secrets["second nonce"] = comes_back(visitor)
    assert outcome() == ("verified", "")
    secrets |= hands_over(visitor)
    secrets["handle"] = verifies_in_an_app(user)
    signals.phone_verified.disconnect(log_and_break)
    sentry_sdk.init()

    secrets |= {"code": CODE, "state": STATE, "part of the code": SESSION_STATE}
    text = unquote(unquote(json.dumps(kept.events, ensure_ascii=False)))
    found = {name for name, value in secrets.items() if value in text}
    search = canaries.Search()
    search.look("Sentry", text)
    found |= {line.partition(" in Sentry")[0] for line in search.found}
    by_default = {*secrets, "number", "private key"} - {"QR code"}
    assert found == (set() if with_filter else by_default)
    # The rest of an event is as useful as before.
    assert sum("exception" in event for event in kept.events) == 10
    assert {"/phone/", "/phone/callback/"} <= {each.get("transaction") for each in kept.events}
    assert "django_plasgate_ip.flow" in text
