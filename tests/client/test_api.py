"""The wire: what is asked, what is sent, and what every kind of answer is taken for.

The transport is faked here; that it keeps its promises over real sockets is in `test_transport`.
"""

import gzip
import json
import re
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import responses
import urllib3
from django.core.exceptions import ImproperlyConfigured
from django.views.debug import ExceptionReporter
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumber_field.phonenumber import PhoneNumber

from django_plasgate_ip.client import transport
from django_plasgate_ip.client.api import MAX_BODY, MAX_DEPTH, Answer, PlasGateClient, clean_text
from django_plasgate_ip.exceptions import (
    CredentialsRejected,
    ExchangeError,
    InvalidPhoneNumber,
    InvalidResponse,
    InvalidScopes,
    ProviderError,
    ProviderTimeout,
    ProviderUnreachable,
    RateLimited,
)
from tests.settings import PLASGATE_IP_PRIVATE_KEY as PRIVATE_KEY
from tests.settings import PLASGATE_IP_SECRET_KEY as SECRET_KEY
from tests.visitor import (
    CODE,
    DIGITS,
    FAILED,
    MOBILE_ID,
    NUMBER,
    PROFILE,
    STATE,
    SUB,
    VERIFIED,
    changed,
)

BASE_URL = "https://cloudapi.plasgate.com/ip/"
CALLBACK = "https://shop.example/phone/callback/"


class PlasGate:
    """PlasGate's exchange endpoint, which answers every call with what it was told to."""

    def __init__(self, transport: responses.RequestsMock) -> None:
        self._transport = transport
        self.url = BASE_URL + "ip-auth"

    def says(
        self,
        answer: Any = VERIFIED,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        url: str = BASE_URL + "ip-auth",
    ) -> None:
        """Answer with these bytes, this exception, or the JSON of this value."""
        raw = isinstance(answer, (bytes, BaseException))
        body = answer if raw else json.dumps(answer).encode()
        self._transport.add(responses.POST, url, body=body, status=status, headers=headers)

    def says_what_it_was_sent(self) -> None:
        """Answer with the request, as a debug page does."""

        def echo(request: Any) -> tuple[int, dict[str, str], str]:
            return 200, {}, f"<pre>{request.url} {dict(request.headers)}</pre>"

        self._transport.add_callback(responses.POST, self.url, callback=echo)

    @property
    def calls(self) -> list[Any]:
        return [call.request for call in self._transport.calls]


@pytest.fixture
def plasgate() -> Iterator[PlasGate]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield PlasGate(mock)


def exchange(client: PlasGateClient | None = None) -> Answer:
    return (client or PlasGateClient()).exchange(CODE, STATE, CALLBACK)


def answer_to(plasgate: PlasGate, answer: Any = VERIFIED, **changes: Any) -> Answer:
    """Return what the client makes of an answer; `changes` as for `changed`."""
    plasgate.says(changed(answer, changes) if isinstance(answer, dict) else answer)
    return exchange()


def authorize_query(*args: Any, **kwargs: Any) -> dict[str, str]:
    """Return the query of the start URL, each of whose parameters comes once."""
    pairs = parse_qsl(
        urlsplit(PlasGateClient().authorize_url(*args, **kwargs)).query,
        keep_blank_values=True,
        strict_parsing=True,
    )
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


# The start URL


def test_the_start_url_is_the_api_pages() -> None:
    url = PlasGateClient().authorize_url(CALLBACK, "mobile_id phone_verify", "077 696 118")

    assert url == (
        "https://cloudapi.plasgate.com/ip/authenticate"
        f"?private_key={PRIVATE_KEY}"
        "&redirect_uri=https%3A%2F%2Fshop.example%2Fphone%2Fcallback%2F"
        "&scope=mobile_id%20phone_verify"
        f"&phone_number={DIGITS}&login_hint={DIGITS}"
    )


@pytest.mark.parametrize(
    "number",
    [DIGITS, NUMBER, "077 696 118", "០៧៧ ៦៩៦ ១១៨", PhoneNumber.from_string(NUMBER)],
)
def test_the_wire_gets_digits_without_the_plus_sign(number: Any) -> None:
    query = authorize_query(CALLBACK, "phone_verify", number)

    assert (query["phone_number"], query["login_hint"]) == (DIGITS, DIGITS)


@pytest.mark.parametrize(
    "names", [("phone_number",), ["login_hint"], ("msisdn", "login_hint", "phone_number")]
)
def test_the_numbers_parameters_are_a_setting(names: Any, settings: Any) -> None:
    settings.PLASGATE_IP_PHONE_PARAMETERS = names

    query = authorize_query(CALLBACK, "phone_verify", NUMBER)
    assert set(query) == {"private_key", "redirect_uri", "scope", *names}
    assert {query[name] for name in names} == {DIGITS}


@pytest.mark.parametrize("number", [None, "", NUMBER, "not even a number"])
@pytest.mark.parametrize("scopes", ["mobile_id", "phone", "openid ip:phone phone mobile_id"])
def test_a_number_that_nobody_would_confirm_is_not_sent(scopes: str, number: str | None) -> None:
    assert authorize_query(CALLBACK, scopes, number) == {
        "private_key": PRIVATE_KEY,
        "redirect_uri": CALLBACK,
        "scope": scopes,
    }


@pytest.mark.parametrize(
    "scopes", ["phone_verify", "profile", "ip:phone_verify mobile_id", "ip:profile phone"]
)
@pytest.mark.parametrize("number", [None, "", "077", "hello"])
def test_scopes_that_need_a_number_do_not_start_without_one(
    scopes: str, number: str | None
) -> None:
    with pytest.raises(InvalidPhoneNumber):
        PlasGateClient().authorize_url(CALLBACK, scopes, number)


@pytest.mark.parametrize("scopes", ["profile mobile_id", ["profile", "mobile_id"]])
def test_profile_asks_for_phone_verify_too(scopes: Any) -> None:
    query = authorize_query(CALLBACK, scopes, NUMBER)

    assert query["scope"] == "profile mobile_id phone_verify"


@pytest.mark.parametrize("scopes", ["", "openid", "email phone"])
def test_scopes_that_plasgate_would_refuse_are_not_sent(scopes: str) -> None:
    with pytest.raises(InvalidScopes):
        PlasGateClient().authorize_url(CALLBACK, scopes, NUMBER)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:8000/phone/callback/",
        "https://shop.example/callback?nonce=a%20b&c=d+e#f",
        "https://shop.example/ភាសា?x=%e1",
    ],
)
def test_the_redirect_uri_arrives_byte_for_byte(uri: str) -> None:
    assert authorize_query(uri, "phone")["redirect_uri"] == uri


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("given_as", ["setting", "argument"])
def test_the_base_url_may_end_with_a_slash(
    slash: str, given_as: str, settings: Any, plasgate: PlasGate
) -> None:
    base_url: str | None = "https://stageapi.plasgate.com/ip" + slash
    if given_as == "setting":
        settings.PLASGATE_IP_BASE_URL, base_url = base_url, None
    client = PlasGateClient(base_url=base_url)
    plasgate.says(url="https://stageapi.plasgate.com/ip/ip-auth")

    start = client.authorize_url(CALLBACK, "phone")
    assert start.startswith("https://stageapi.plasgate.com/ip/authenticate?private_key=")
    assert exchange(client).succeeded


# The keys


@pytest.mark.parametrize("name", ["PLASGATE_IP_PRIVATE_KEY", "PLASGATE_IP_SECRET_KEY"])
def test_a_missing_key_is_named(name: str, settings: Any) -> None:
    setattr(settings, name, "")

    with pytest.raises(ImproperlyConfigured, match=f"Set {name}"):
        PlasGateClient()


def test_keys_given_to_the_client_win_over_the_settings(settings: Any, plasgate: PlasGate) -> None:
    del settings.PLASGATE_IP_PRIVATE_KEY
    del settings.PLASGATE_IP_SECRET_KEY
    client = PlasGateClient("a tenant's & key", "$5$a-tenants-secret")
    plasgate.says()
    exchange(client)

    start = urlsplit(client.authorize_url(CALLBACK, "phone"))
    sent = plasgate.calls[0]
    assert dict(parse_qsl(start.query))["private_key"] == "a tenant's & key"
    assert parse_qsl(urlsplit(sent.url).query) == [("private_key", "a tenant's & key")]
    assert sent.headers["X-Secret"] == "$5$a-tenants-secret"


# The exchange's request


def test_the_exchange_is_the_api_pages(plasgate: PlasGate) -> None:
    plasgate.says()
    exchange()

    (sent,) = plasgate.calls
    assert sent.method == "POST"
    assert sent.url == f"https://cloudapi.plasgate.com/ip/ip-auth?private_key={PRIVATE_KEY}"
    assert json.loads(sent.body) == {
        "response_type": "code",
        "state": STATE,
        "redirect_uri": CALLBACK,
        "code": CODE,
    }
    assert dict(sent.headers) == {
        "X-Secret": SECRET_KEY,
        "Content-Type": "application/json",
        "Content-Length": str(len(sent.body)),
        "Accept": "application/json",
        # A compressed answer could grow a thousandfold.
        "Accept-Encoding": "identity",
        "User-Agent": "django-plasgate-ip",
    }


@pytest.mark.parametrize("endpoint", ["check-info", "/check-info"])
def test_the_endpoint_is_a_setting(endpoint: str, settings: Any, plasgate: PlasGate) -> None:
    settings.PLASGATE_IP_EXCHANGE_ENDPOINT = endpoint
    plasgate.says(url=BASE_URL + "check-info")

    assert exchange().succeeded


@pytest.mark.parametrize(
    "text", ["", "a b+c%20d&e=f", "\"\\'\n\x00", "ភាសា \U0001f600", "\udcff", "x" * 5000]
)
def test_what_the_callback_brought_goes_back_as_it_came(text: str, plasgate: PlasGate) -> None:
    plasgate.says()
    PlasGateClient().exchange(text, text, CALLBACK + text)

    sent = json.loads(plasgate.calls[0].body)
    assert (sent["code"], sent["state"], sent["redirect_uri"]) == (text, text, CALLBACK + text)


def test_the_timeouts_are_settings(
    settings: Any, plasgate: PlasGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PLASGATE_IP_CONNECT_TIMEOUT, settings.PLASGATE_IP_TIMEOUT = 1.5, 4
    plasgate.says()
    given_to_requests = []
    post = requests.Session.post

    def watched(*args: Any, **kwargs: Any) -> Any:
        given_to_requests.append(kwargs["timeout"])
        return post(*args, **kwargs)

    monkeypatch.setattr(requests.Session, "post", watched)
    exchange()
    assert given_to_requests == [(1.5, 4)]


# Statuses


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, CredentialsRejected) for status in (401, 403)),
        (429, RateLimited),
        *((s, ProviderError) for s in (400, 402, 404, 405, 408, 422, 499, 500, 502, 503, 504, 599)),
        *((s, InvalidResponse) for s in (201, 202, 204, 206, 300, 301, 302, 303, 304, 307, 308)),
    ],
)
@pytest.mark.parametrize("answer", [VERIFIED, b"<html>An error page</html>", b""])
def test_a_status_other_than_200_is_an_error_whatever_comes_with_it(
    status: int, error: type[ExchangeError], answer: Any, plasgate: PlasGate
) -> None:
    plasgate.says(answer, status=status)

    with pytest.raises(error, match=str(status)) as caught:
        exchange()
    assert type(caught.value) is error
    assert caught.value.http_status == status


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, plasgate: PlasGate) -> None:
    plasgate.says(b"", status=status, headers={"Location": plasgate.url + "?again"})
    plasgate.says(VERIFIED)

    with pytest.raises(InvalidResponse):
        exchange()
    assert len(plasgate.calls) == 1


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_nothing_is_tried_again_because_of_an_answer(status: int, plasgate: PlasGate) -> None:
    plasgate.says(b"", status=status, headers={"Retry-After": "0"})

    with pytest.raises(ExchangeError):
        exchange()
    assert len(plasgate.calls) == 1


# Answers that are none


def nested(levels: int, opening: str = "[", closing: str = "]") -> bytes:
    """Return a success that nests `levels` deep in all."""
    inside = opening * (levels - 1) + "1" + closing * (levels - 1)
    return b'{"status": "success", "deep": %s}' % inside.encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"<!doctype html><title>Login</title>",
        b"{",
        b'{"status": "success"',
        b'{"status": "success"} {}',
        b"{'status': 'success'}",
        b'{status: "success"}',
        b"null",
        b"true",
        b"1",
        b'"success"',
        b"[]",
        b'[{"status": "success"}]',
        b'{"status": "success", "login_hint": "\xff"}',
        b"\xff\xfe\x00",
        b"\x00" * 100,
        *(b'{"status": "success", "n": %s}' % n for n in (b"NaN", b"Infinity", b"-Infinity")),
        # Overflows to infinity, which no database and no other reader takes for JSON.
        b'{"status": "success", "n": 1e999}',
        b'{"status": "success", "n": %s}' % (b"9" * 5000),
        b'{"status": "success", "t": "\\ud800"}',
        b'{"status": "success", "\\udfff": 1}',
        b'{"status": "success", "t": "\\u0000"}',
        b'{"status": "success", "deep": [{"\\u0000": 1}]}',
        b"[" * 100_000,
        b"[" * 30_000 + b"]" * 30_000,
        nested(30_000),
        nested(10_000, '{"a":', "}"),
        nested(MAX_DEPTH + 1),
        nested(MAX_DEPTH + 1, '{"a":', "}"),
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_no_json_object_that_we_could_keep_is_invalid(
    body: bytes, plasgate: PlasGate
) -> None:
    plasgate.says(body)

    with pytest.raises(InvalidResponse) as caught:
        exchange()
    # It says what is wrong, and does not repeat the answer.
    assert re.fullmatch(r"The answer is [\w ,:]+\.", str(caught.value))
    assert "success" not in str(caught.value)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_as_deep_as_allowed_is_kept(opening: str, closing: str, plasgate: PlasGate) -> None:
    body = nested(MAX_DEPTH, opening, closing)

    assert answer_to(plasgate, body).claims == json.loads(body)


def test_a_body_may_be_64_kib_and_not_a_byte_more(plasgate: PlasGate) -> None:
    body = json.dumps(VERIFIED).encode()
    plasgate.says(body + b" " * (64 * 1024 - len(body)))
    assert exchange().succeeded

    plasgate.says(body + b" " * (64 * 1024 + 1 - len(body)))
    with pytest.raises(InvalidResponse, match=str(MAX_BODY)):
        exchange()


@pytest.mark.parametrize("encoding", ["gzip", "GZip", "deflate", "br", "zstd", "identity, gzip"])
def test_a_compressed_answer_is_refused(encoding: str, plasgate: PlasGate) -> None:
    # Small enough as it comes: it is the encoding that is refused.
    plasgate.says(
        gzip.compress(json.dumps(VERIFIED).encode()), headers={"Content-Encoding": encoding}
    )

    with pytest.raises(InvalidResponse, match="compressed"):
        exchange()


@pytest.mark.parametrize("encoding", ["identity", "Identity"])
def test_the_encoding_that_is_none_is_read(encoding: str, plasgate: PlasGate) -> None:
    plasgate.says(headers={"Content-Encoding": encoding})

    assert exchange().succeeded


@pytest.mark.parametrize("content_type", ["text/html", "", "application/json; charset=latin-1"])
def test_the_content_type_does_not_matter(content_type: str, plasgate: PlasGate) -> None:
    plasgate.says(headers={"Content-Type": content_type})

    assert exchange().succeeded


NO_TEXT: list[Any] = [1, 1.5, True, ["success"], {"a": "b"}]
NO_STATUS = [*NO_TEXT, None, "", "ok", "succes"]
NO_ID = [*NO_TEXT, "x" * 256, "x" * 5000, "a\nb", "a\x1fb", "a\u200bb", "a\x7fb"]
NO_NUMBER = [*NO_TEXT, "anonymous", "077", "85577696118;ext=5", "1" * 5000, "381"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *product(["status"], NO_STATUS),
        *product(["sub", "mobile_id"], NO_ID),
        *product(["login_hint", "phone_number"], NO_NUMBER),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_success_with_a_member_that_is_not_what_it_should_be_is_invalid(
    name: str, value: Any, plasgate: PlasGate
) -> None:
    with pytest.raises(InvalidResponse) as caught:
        answer_to(plasgate, **{name: value})

    # It names the member, and does not repeat what was in it.
    assert re.fullmatch(rf"The answer's {name} is [a-z ]+\.", str(caught.value))


# Answers, normalised


def test_a_success_is_what_the_api_page_shows(plasgate: PlasGate) -> None:
    assert answer_to(plasgate) == Answer(
        succeeded=True,
        phone_number_verified=True,
        login_hint=NUMBER,
        phone_number="",
        sub=SUB,
        mobile_id=MOBILE_ID,
        error_description="",
        claims=VERIFIED,
    )


def test_a_failure_is_what_the_api_page_shows_without_the_ids(plasgate: PlasGate) -> None:
    assert answer_to(plasgate, FAILED) == Answer(
        succeeded=False,
        phone_number_verified=False,
        error_description="Please turn off Wi-Fi or use Mobile data network",
        claims=FAILED,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": SUB},
        {"phone_number": DIGITS},
        {"phone_number_verified": "true"},
        # A no is a no, however odd the rest.
        {"mobile_id": 5, "login_hint": ["x"], "sub": "x" * 5000, "phone_number": "none"},
    ],
)
def test_a_failed_answer_never_brings_ids_or_numbers(
    changes: dict[str, Any], plasgate: PlasGate
) -> None:
    answer = answer_to(plasgate, FAILED, **changes)

    assert not answer.succeeded
    assert (answer.sub, answer.mobile_id, answer.login_hint, answer.phone_number) == ("",) * 4
    assert answer.claims == FAILED | changes


TRUE: list[Any] = [True, "true", "TRUE", "True", " true "]
NOT_TRUE: list[Any] = [False, "false", "", " ", "yes", "1", "truee", 1, 1.0, 0, [], [True], {}]


@pytest.mark.parametrize(("value", "flag"), [*product(TRUE, [True]), *product(NOT_TRUE, [False])])
@pytest.mark.parametrize("answer", [VERIFIED, FAILED])
def test_only_true_is_true(
    answer: dict[str, Any], value: Any, flag: bool, plasgate: PlasGate
) -> None:
    assert answer_to(plasgate, answer, phone_number_verified=value).phone_number_verified is flag


def test_a_missing_flag_is_no_flag_and_a_null_is_a_no(plasgate: PlasGate) -> None:
    assert answer_to(plasgate, phone_number_verified=None).phone_number_verified is None
    plasgate.says(VERIFIED | {"phone_number_verified": None})
    assert exchange().phone_number_verified is False


@pytest.mark.parametrize("status", ["success", "SUCCESS", " Success "])
def test_the_status_is_read_in_any_case(status: str, plasgate: PlasGate) -> None:
    assert answer_to(plasgate, status=status).succeeded


@pytest.mark.parametrize("name", ["sub", "mobile_id", "login_hint", "phone_number"])
@pytest.mark.parametrize("value", [None, "", " "])
def test_a_null_or_blank_member_is_an_empty_one(
    name: str, value: str | None, plasgate: PlasGate
) -> None:
    plasgate.says(VERIFIED | {name: value})

    assert getattr(exchange(), name) == ""


@pytest.mark.parametrize("name", ["sub", "mobile_id", "login_hint", "phone_number"])
def test_a_missing_member_is_an_empty_one(name: str, plasgate: PlasGate) -> None:
    assert getattr(answer_to(plasgate, **{name: None}), name) == ""


def test_an_anonymous_sub_is_nobodys(plasgate: PlasGate) -> None:
    answer = answer_to(plasgate, sub="anonymous")

    assert (answer.sub, answer.claims["sub"]) == ("", "anonymous")


@pytest.mark.parametrize("name", ["sub", "mobile_id"])
@pytest.mark.parametrize("value", ["x" * 255, "99dd91d1-c949-433c-bd9e-0682eb6d6d26", "a b", "ក"])
def test_an_id_is_text_that_nobody_parses(name: str, value: str, plasgate: PlasGate) -> None:
    assert getattr(answer_to(plasgate, **{name: f" {value} "}), name) == value


@pytest.mark.parametrize("name", ["login_hint", "phone_number"])
@pytest.mark.parametrize("value", [DIGITS, NUMBER, "077696118", "+855 77 696 118"])
def test_a_number_in_any_form_is_e164(name: str, value: str, plasgate: PlasGate) -> None:
    assert getattr(answer_to(plasgate, **{name: value}), name) == NUMBER


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (" ", ""),
        (None, ""),
        (["Wi-Fi"], ""),
        (5, ""),
        ("  Turn off\n\n Wi-Fi \t now\r", "Turn off Wi-Fi now"),
        ("a\x1b[31mb\u202ec\u2028d", "a [31mb c d"),
        ("ភាសា", "ភាសា"),
        ("<b>bold</b>", "<b>bold</b>"),
        ("x" * 500, "x" * 500),
        ("x" * 100_000, "x" * 500),
        (" " * 500 + "x" * 500, "x" * 500),
        ("Error 50020 for +855 77 696-118.", "Error 50020 for ***."),
        ("០៧៧ ៦៩៦ ១១៨ is barred", "*** is barred"),
        (f"No device {MOBILE_ID}, {SUB}", "No device ***, ***"),
        (f"key {SECRET_KEY} is wrong", "key *** is wrong"),
    ],
    ids=lambda text: repr(text)[:30],
)
def test_foreign_text_is_one_clean_line(text: Any, cleaned: str) -> None:
    assert clean_text(text) == cleaned


def test_an_answers_description_is_cleaned(plasgate: PlasGate) -> None:
    answer = answer_to(plasgate, FAILED, error_description=" Use\nmobile data ")

    assert answer.error_description == "Use mobile data"
    plasgate.says(FAILED | {"error_description": None})
    assert exchange().error_description == ""


def test_the_claims_are_the_whole_answer_as_it_came(plasgate: PlasGate) -> None:
    claims = VERIFIED | PROFILE | {"new": {"a": [None, 0, False, "", 0.5, {}]}, "sid": 5}

    assert answer_to(plasgate, claims).claims == claims


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)
members = st.sampled_from(
    ["status", "sub", "mobile_id", "login_hint", "phone_number", "phone_number_verified"]
)


@settings(deadline=None)
@given(
    st.binary(max_size=200)
    | st.dictionaries(members, st.sampled_from([*VERIFIED.values(), "failed"]) | json_values)
)
def test_any_answer_at_all_is_read_or_refused(answer: Any) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        plasgate = PlasGate(mock)
        plasgate.says(answer)
        try:
            read = exchange()
        except InvalidResponse:
            return
    assert json.loads(json.dumps(read.claims)) == read.claims
    assert read.succeeded or not (read.sub or read.mobile_id or read.login_hint)


# What else can go wrong


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (requests.ConnectionError("…"), ProviderUnreachable),
        (requests.ConnectTimeout("…"), ProviderUnreachable),
        (requests.exceptions.SSLError("…"), ProviderUnreachable),
        (requests.exceptions.ProxyError("…"), ProviderUnreachable),
        (requests.exceptions.InvalidURL("…"), ProviderUnreachable),
        (requests.ConnectionError(), ProviderUnreachable),
        (FileNotFoundError(2, "No such file"), ProviderUnreachable),
        (requests.ReadTimeout("…"), ProviderTimeout),
        (urllib3.exceptions.ReadTimeoutError(None, "", "…"), ProviderTimeout),  # type: ignore[arg-type]
        (urllib3.exceptions.ProtocolError("…"), InvalidResponse),
        (RuntimeError("…"), InvalidResponse),
        (MemoryError(), InvalidResponse),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_every_exception_becomes_one_of_ours_and_names_the_type_alone(
    raised: Exception, error: type[ExchangeError], plasgate: PlasGate
) -> None:
    plasgate.says(raised)

    with pytest.raises(error) as caught:
        exchange()
    assert type(caught.value) is error
    assert type(raised).__name__ in str(caught.value)
    assert "…" not in str(caught.value)


def test_a_ca_bundle_that_cannot_be_read_is_no_connection(
    settings: Any, plasgate: PlasGate
) -> None:
    settings.PLASGATE_IP_CA_BUNDLE = "/nowhere/ca.pem"

    with pytest.raises(ProviderUnreachable, match="FileNotFoundError"):
        exchange()
    assert plasgate.calls == []


# Secrets


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and everything behind it, each once, whether Python would show it or not."""
    known: set[int] = set()
    pending = [error]
    while pending:
        each = pending.pop()
        if each is not None and id(each) not in known:
            known.add(id(each))
            pending += [each.__cause__, each.__context__]
            yield each


def tracked(error: BaseException) -> str:
    """Return what an error tracker would send: all texts, and the locals of all frames."""
    seen = []
    for each in chain(error):
        seen += [str(each), repr(each), repr(vars(each))]
        seen += [repr(frame.f_locals) for frame, _line in traceback.walk_tb(each.__traceback__)]
    return "\n".join(seen)


def modules(error: BaseException) -> set[str]:
    """Return the top-level packages whose frames an error and its chain hold."""
    return {
        str(frame.f_globals["__name__"]).partition(".")[0]
        for each in chain(error)
        for frame, _line in traceback.walk_tb(each.__traceback__)
    }


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def breaks_inside(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Return what makes the next call raise from deep inside the library, secret in hand."""

    def prepare(error: BaseException) -> None:
        def request(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> None:
            held = (url, args, kwargs)
            try:
                raise OSError(f"{held}")
            except OSError as broken:
                raise error from broken

        monkeypatch.setattr(urllib3.connection.HTTPConnection, "request", request)

    return prepare


def test_the_tracker_would_see_the_secret_of_a_plain_call(
    breaks_inside: Callable[[BaseException], None],
) -> None:
    breaks_inside(RuntimeError("inside"))
    url = f"http://127.0.0.1:{closed_port()}/"
    with pytest.raises(RuntimeError) as caught:
        transport.session().post(
            url,
            params={"private_key": PRIVATE_KEY},
            headers={"X-Secret": SECRET_KEY},
        )

    assert SECRET_KEY in tracked(caught.value)
    assert PRIVATE_KEY in tracked(caught.value)
    assert "urllib3" in modules(caught.value)


@pytest.mark.parametrize(
    "inside",
    [
        RuntimeError("inside"),
        RecursionError("inside"),
        MemoryError(),
        requests.ReadTimeout("inside"),
        urllib3.exceptions.LocationParseError("inside"),
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
    ],
    ids=repr,
)
def test_an_exception_from_inside_brings_out_neither_secrets_nor_frames(
    inside: BaseException, breaks_inside: Callable[[BaseException], None], settings: Any
) -> None:
    settings.PLASGATE_IP_BASE_URL = f"http://127.0.0.1:{closed_port()}/ip/"
    breaks_inside(inside)
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - whichever it is
        exchange()

    assert isinstance(caught.value, ExchangeError) or caught.value is inside
    assert SECRET_KEY not in tracked(caught.value)
    assert PRIVATE_KEY not in tracked(caught.value)
    assert modules(caught.value) <= {"tests", "django", "django_plasgate_ip"}
    assert len(list(chain(caught.value))) == 1


def test_a_worker_that_is_told_to_stop_stops(
    breaks_inside: Callable[[BaseException], None], settings: Any
) -> None:
    settings.PLASGATE_IP_BASE_URL = f"http://127.0.0.1:{closed_port()}/ip/"
    breaks_inside(SystemExit(3))

    with pytest.raises(SystemExit) as caught:
        exchange()
    assert caught.value.code == 3


def test_a_refused_connection_brings_out_no_secrets(settings: Any) -> None:
    settings.PLASGATE_IP_BASE_URL = f"http://127.0.0.1:{closed_port()}/ip/"
    with pytest.raises(ProviderUnreachable) as caught:
        exchange()

    assert SECRET_KEY not in tracked(caught.value)
    assert PRIVATE_KEY not in tracked(caught.value)
    assert modules(caught.value) <= {"tests", "django", "django_plasgate_ip"}


def test_an_answer_that_repeats_the_secret_brings_it_nowhere(plasgate: PlasGate) -> None:
    plasgate.says_what_it_was_sent()
    with pytest.raises(InvalidResponse) as caught:
        exchange()

    assert SECRET_KEY not in tracked(caught.value)
    assert PRIVATE_KEY not in tracked(caught.value)


@pytest.mark.parametrize("status", [403, 500, 302])
def test_an_error_page_brings_out_no_secrets(status: int, plasgate: PlasGate) -> None:
    plasgate.says(b"<html>", status=status, headers={"Location": "/elsewhere"})
    with pytest.raises(ExchangeError) as caught:
        exchange()

    assert SECRET_KEY not in tracked(caught.value)
    assert PRIVATE_KEY not in tracked(caught.value)


def test_the_callers_own_error_stays_the_context(plasgate: PlasGate) -> None:
    plasgate.says(b"", status=500)
    theirs = KeyError("the caller's")
    try:
        raise theirs
    except KeyError:
        with pytest.raises(ProviderError) as caught:
            exchange()

    assert caught.value.__context__ is theirs


def test_an_error_mail_shows_neither_code_nor_secret(plasgate: PlasGate) -> None:
    plasgate.says(b"", status=500)
    try:
        exchange()
    except ProviderError:
        report = ExceptionReporter(None, *sys.exc_info())
        shown = report.get_traceback_html() + report.get_traceback_text()

    assert "PlasGate answered 500." in shown
    for secret in (CODE, STATE, SECRET_KEY, PRIVATE_KEY):
        assert secret not in shown


def test_neither_the_client_nor_an_answer_shows_what_it_holds(plasgate: PlasGate) -> None:
    client = PlasGateClient()
    answer = answer_to(plasgate, VERIFIED | PROFILE, phone_number=DIGITS)

    assert repr(client) == f"<PlasGateClient {BASE_URL}>"
    shown = f"{client!r} {client} {answer!r} {answer} {answer.claims.keys()}"
    for secret in (SECRET_KEY, PRIVATE_KEY, NUMBER, DIGITS, SUB, MOBILE_ID, "Omeng"):
        assert secret not in shown


def test_a_doubled_member_is_no_answer(plasgate: PlasGate) -> None:
    body = json.dumps(VERIFIED).replace("{", '{"phone_number_verified": "false", ', 1)
    plasgate.says(body.encode())

    with pytest.raises(InvalidResponse):
        exchange()


def test_an_answer_whose_length_is_no_number_is_none(plasgate: PlasGate) -> None:
    plasgate.says(VERIFIED, headers={"Content-Length": "many"})

    with pytest.raises(InvalidResponse):
        exchange()
