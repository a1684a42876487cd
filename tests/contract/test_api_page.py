"""What the app sends and reads, and what the sandbox says, beside the examples of the API page."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.test import Client

from django_plasgate_ip import phones
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.client import Answer, PlasGateClient
from django_plasgate_ip.client.parsing import parse_answer
from django_plasgate_ip.verification import verdict
from tests.contract import api_page
from tests.visitor import newest


def table(text: str) -> dict[str, str]:
    """Return the examples of one of the page's tables by their names."""
    _head, *rows = text.splitlines()
    return {name: example for name, _kind, example in (row.split("\t") for row in rows)}


# The page writes the callback's names without quotation marks, so it is not JSON.
CALLBACK = dict(re.findall(r'(\w+)\s*: "(.*)"', api_page.CALLBACK))
START = table(api_page.START_PARAMETERS)
BODY = table(api_page.EXCHANGE_BODY)
(PRIVATE_KEY,) = table(api_page.EXCHANGE_PARAMETERS).values()
(SECRET_KEY,) = table(api_page.EXCHANGE_HEADERS).values()
SUCCESS = json.loads(api_page.SUCCESS)
FAILURE = json.loads(api_page.FAILURE)
CLAIMS = {
    scope: json.loads(getattr(api_page, scope.upper()))
    for scope in ("phone_verify", "mobile_id", "phone", "profile")
}
# The page's claims have a UUID as ``sub``, and its answers 64 hex digits.
AROUND_CLAIMS = {name: SUCCESS[name] for name in ("error_description", "sid", "status", "sub")}
VERIFIED_NUMBER = {"login_hint": "381123456789", "phone_number_verified": True}
CLAIMED_ID = {"mobile_id": CLAIMS["mobile_id"]["mobile_id"]}
CLAIMED_NUMBER = {"phone_number": "381123456789"}
# The site has the host of the page's `redirect_uri`.
SITE = START["redirect_uri"].removesuffix("/callback")
SITES_URI = f"{SITE}/phone/callback/"


@pytest.fixture(autouse=True)
def keys(settings: Any) -> None:
    """Use the keys of the page's callback and exchange. Its table of the start has another one."""
    settings.PLASGATE_IP_PRIVATE_KEY = PRIVATE_KEY
    settings.PLASGATE_IP_SECRET_KEY = SECRET_KEY
    settings.PLASGATE_IP_PUBLIC_URL = SITE


def test_the_scopes_are_the_pages():
    supported, custom = (
        re.findall(r"[\w:]+", names) for names in re.findall(r": ([^.]+)\.", api_page.SCOPES)
    )

    assert set(scope_sets.KNOWN) == {*supported, *custom}
    assert set(scope_sets.CUSTOM) == set(custom)


def test_the_start_has_the_pages_parameters_and_the_number_twice():
    """The page's table says ``phone_number`` and its text ``login_hint``: the app sends both."""
    client = PlasGateClient(START["private_key"])

    url = client.authorize_url(START["redirect_uri"], START["scope"], START["phone_number"])

    address, _mark, query = url.partition("?")
    assert (address, query.count("+")) == (api_page.AUTHENTICATE_URL, 0)
    assert dict(parse_qsl(query)) == START | {"login_hint": START["phone_number"]}


def test_the_exchanges_body_is_the_pages(answers):
    answers(body=api_page.SUCCESS)
    PlasGateClient().exchange(BODY["code"], BODY["state"], BODY["redirect_uri"])

    assert [call.sent for call in answers.calls] == [BODY]


def test_the_pages_answers_are_read_and_the_failure_without_its_number_and_ids():
    """The page's failure has a ``mobile_id``. The operator did not confirm it."""
    success, failure = (
        parse_answer(text.encode()) for text in (api_page.SUCCESS, api_page.FAILURE)
    )

    assert success == Answer(
        succeeded=True,
        phone_number_verified=True,
        login_hint="85577696118",
        sub=SUCCESS["sub"],
        mobile_id=SUCCESS["mobile_id"],
        claims=SUCCESS,
    )
    assert failure == Answer(
        succeeded=False,
        phone_number_verified=False,
        error_description="Please turn off Wi-Fi or use Mobile data network",
        claims=FAILURE,
    )
    end = verdict.judge(failure, START["scope"].split(), phones.parse("+85577696119"))
    assert end.reason == "not_on_mobile_data"


@pytest.mark.parametrize(
    ("scopes", "members"),
    [
        (["phone_verify"], VERIFIED_NUMBER),
        (["mobile_id"], CLAIMED_ID),
        (["phone"], CLAIMED_NUMBER),
        # The page: profile verifies the number first.
        (["profile", "phone_verify"], VERIFIED_NUMBER),
        # "Claims can be combined".
        (list(CLAIMS), VERIFIED_NUMBER | CLAIMED_ID | CLAIMED_NUMBER),
    ],
    ids=["phone_verify", "mobile_id", "phone", "profile", "all"],
)
def test_the_pages_claims_are_read_and_prove_what_their_scopes_promise(scopes, members):
    """The examples have no ``status``, unlike the page's answers of the exchange."""
    claims: dict[str, Any] = {}
    for scope in scopes:
        claims |= CLAIMS[scope]
    number = phones.Number.from_string("+381123456789") if "login_hint" in members else None

    for status, succeeded in ({}, None), ({"status": "success"}, True):
        answer = parse_answer(json.dumps(claims | status).encode())
        assert answer == Answer(succeeded, sub=claims["sub"], claims=claims | status, **members)
        assert verdict.judge(answer, scopes, number).reason is None


@pytest.mark.parametrize("redirect_uri", [SITES_URI, SITES_URI.replace("https", "http")])
def test_the_pages_callback_exchange_and_success_verify_the_number(visitor, answers, redirect_uri):
    """The page's start has ``https://ip-demo…``, and its callback ``http://ip-demo…``."""
    answers(body=api_page.SUCCESS)
    visitor.start("+85577696118", path="/phone/?moved=1")
    visitor.come_back(**CALLBACK | {"redirect_uri": redirect_uri})

    (call,) = answers.calls
    assert (call.method, call.url) == (
        "POST",
        f"{api_page.EXCHANGE_URL}?{urlencode({'private_key': PRIVATE_KEY})}",
    )
    assert call.headers["X-Secret"] == SECRET_KEY
    assert call.headers["Content-Type"] == "application/json"
    received = {name: CALLBACK[name] for name in ("code", "state")}
    assert call.sent == BODY | received | {"redirect_uri": SITES_URI}
    row = newest()
    assert (row.status, row.phone_number, row.claims) == ("verified", "+85577696118", SUCCESS)
    assert (row.sub, row.mobile_id) == (SUCCESS["sub"], SUCCESS["mobile_id"])


def shape(value: Any) -> Any:
    """Return `value` with each hex digit as 0, which leaves the form of ids and numbers."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    return re.sub("[0-9a-f]", "0", value)


@pytest.fixture
def sandbox(db: None, settings: Any) -> Client:
    """Return a client of a sandbox that accepts the page's keys."""
    settings.DEBUG = True
    settings.PLASGATE_IP_SANDBOX_PRIVATE_KEY = PRIVATE_KEY
    settings.PLASGATE_IP_SANDBOX_SECRET_KEY = SECRET_KEY
    return Client()


def walk(sandbox: Client, **changes: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Send the page's two requests, and return the sandbox's callback and its answer."""
    start = START | {"private_key": PRIVATE_KEY} | changes
    response = sandbox.get("/sandbox/authenticate", start)
    callback = dict(parse_qsl(urlsplit(response["Location"]).query))
    response = sandbox.post(
        f"/sandbox/ip-auth?private_key={PRIVATE_KEY}",
        BODY | {"code": callback["code"], "state": callback["state"]},
        content_type="application/json",
        headers={"X-Secret": SECRET_KEY},
    )
    return callback, response.json()


def test_the_sandboxs_callback_is_the_pages_on_29(sandbox):
    """It even has the page's other scheme; each other number has the scheme of the start."""
    callback, _answer = walk(sandbox, phone_number="85577696129")
    usual, _answer = walk(sandbox)

    assert shape(callback) == shape(CALLBACK)
    fixed = ("redirect_uri", "private_key")
    assert [callback[name] for name in fixed] == [CALLBACK[name] for name in fixed]
    assert callback["session_state"] == callback["code"].split(".")[1]
    assert usual["redirect_uri"] == START["redirect_uri"]
    assert shape(usual) == shape(CALLBACK | {"redirect_uri": START["redirect_uri"]})


@pytest.mark.parametrize(
    ("scope", "example"),
    [
        *((START["scope"], example) for example in (SUCCESS, FAILURE)),
        *((scope, claims | AROUND_CLAIMS) for scope, claims in CLAIMS.items()),
    ],
)
def test_the_sandboxs_answer_is_the_pages(sandbox, scope, example):
    number = example.get("login_hint", "381123456789")
    _callback, answer = walk(sandbox, scope=scope, phone_number=number)

    assert shape(answer) == shape(example)
    fixed = ("error_description", "login_hint", "phone_number_verified", "status")
    assert [answer.get(name) for name in fixed] == [example.get(name) for name in fixed]
