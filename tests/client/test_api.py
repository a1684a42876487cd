"""`PlasGateClient`: what it asks, what it sends, and which error each failure becomes.

`responses` stands in for the network here; `test_transport` has real sockets.
"""

import gzip
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import responses
import urllib3
from django.core.exceptions import ImproperlyConfigured
from django.views.debug import ExceptionReporter
from phonenumber_field.phonenumber import PhoneNumber

from django_plasgate_ip.client import Answer, PlasGateClient, transport
from django_plasgate_ip.client.api import MAX_BODY
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
from tests.provider import closed_port
from tests.settings import PLASGATE_IP_PRIVATE_KEY as PRIVATE_KEY
from tests.settings import PLASGATE_IP_SECRET_KEY as SECRET_KEY
from tests.visitor import CODE, DIGITS, NUMBER, STATE, VERIFIED

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


@pytest.mark.parametrize("number", [None, NUMBER, "not even a number"])
@pytest.mark.parametrize("scopes", ["mobile_id", "openid ip:phone phone mobile_id"])
def test_a_number_that_the_scopes_do_not_need_is_not_sent(scopes: str, number: str | None) -> None:
    assert authorize_query(CALLBACK, scopes, number) == {
        "private_key": PRIVATE_KEY,
        "redirect_uri": CALLBACK,
        "scope": scopes,
    }


@pytest.mark.parametrize("scopes", ["phone_verify", "ip:profile phone"])
@pytest.mark.parametrize("number", [None, "", "077"])
def test_scopes_that_need_a_number_do_not_start_without_one(
    scopes: str, number: str | None
) -> None:
    with pytest.raises(InvalidPhoneNumber):
        PlasGateClient().authorize_url(CALLBACK, scopes, number)


@pytest.mark.parametrize("scopes", ["profile mobile_id", ["profile", "mobile_id"]])
def test_profile_asks_for_phone_verify_too(scopes: Any) -> None:
    query = authorize_query(CALLBACK, scopes, NUMBER)

    assert query["scope"] == "profile mobile_id phone_verify"


@pytest.mark.parametrize("scopes", ["openid", "email phone"])
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
        (401, CredentialsRejected),
        (403, CredentialsRejected),
        (429, RateLimited),
        (400, ProviderError),
        (404, ProviderError),
        (500, ProviderError),
        (599, ProviderError),
        (201, InvalidResponse),
        (204, InvalidResponse),
        (302, InvalidResponse),
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


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_is_not_followed(status: int, plasgate: PlasGate) -> None:
    plasgate.says(b"", status=status, headers={"Location": plasgate.url + "?again"})
    plasgate.says(VERIFIED)

    with pytest.raises(InvalidResponse):
        exchange()
    assert len(plasgate.calls) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_nothing_is_tried_again_because_of_an_answer(status: int, plasgate: PlasGate) -> None:
    plasgate.says(b"", status=status, headers={"Retry-After": "0"})

    with pytest.raises(ExchangeError):
        exchange()
    assert len(plasgate.calls) == 1


# Bodies


def test_a_body_may_be_64_kib_and_not_a_byte_more(plasgate: PlasGate) -> None:
    body = json.dumps(VERIFIED).encode()
    plasgate.says(body + b" " * (64 * 1024 - len(body)))
    assert exchange().succeeded

    plasgate.says(body + b" " * (64 * 1024 + 1 - len(body)))
    with pytest.raises(InvalidResponse, match=str(MAX_BODY)):
        exchange()


@pytest.mark.parametrize("encoding", ["gzip", "GZip", "identity, gzip"])
def test_a_compressed_answer_is_refused(encoding: str, plasgate: PlasGate) -> None:
    # Small enough as it comes: it is the encoding that is refused.
    plasgate.says(
        gzip.compress(json.dumps(VERIFIED).encode()), headers={"Content-Encoding": encoding}
    )

    with pytest.raises(InvalidResponse, match="compressed"):
        exchange()


@pytest.mark.parametrize("encoding", ["identity", "Identity"])
def test_an_answer_that_says_it_is_not_compressed_is_read(
    encoding: str, plasgate: PlasGate
) -> None:
    plasgate.says(headers={"Content-Encoding": encoding})

    assert exchange().succeeded


@pytest.mark.parametrize("content_type", ["text/html", "", "application/json; charset=latin-1"])
def test_the_content_type_does_not_matter(content_type: str, plasgate: PlasGate) -> None:
    plasgate.says(headers={"Content-Type": content_type})

    assert exchange().succeeded


def test_an_answer_whose_length_is_not_a_number_is_invalid(plasgate: PlasGate) -> None:
    plasgate.says(VERIFIED, headers={"Content-Length": "many"})

    with pytest.raises(InvalidResponse, match="length"):
        exchange()


def test_a_body_that_is_not_the_apis_is_invalid(plasgate: PlasGate) -> None:
    plasgate.says(b"<!doctype html><title>Login</title>")

    with pytest.raises(InvalidResponse, match="not JSON") as caught:
        exchange()
    assert caught.value.http_status is None


# Library errors


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
    assert caught.value.causes == (type(raised).__name__,)
    assert type(raised).__name__ in str(caught.value)
    assert "…" not in str(caught.value)


def test_an_error_names_what_the_library_wrapped_and_nothing_of_the_caller(
    settings: Any,
) -> None:
    settings.PLASGATE_IP_BASE_URL = f"http://127.0.0.1:{closed_port()}/ip/"
    try:
        raise KeyError("the caller's")
    except KeyError:
        with pytest.raises(ProviderUnreachable) as caught:
            exchange()

    assert (caught.value.causes[0], caught.value.causes[-1]) == (
        "ConnectionError",
        "ConnectionRefusedError",
    )
    assert str(caught.value) == (
        "The connection to PlasGate failed (ConnectionError, ConnectionRefusedError)."
    )


def test_a_ca_bundle_that_cannot_be_read_is_named(settings: Any, plasgate: PlasGate) -> None:
    settings.PLASGATE_IP_CA_BUNDLE = "/nowhere/ca.pem"

    with pytest.raises(ProviderUnreachable, match=r"PLASGATE_IP_CA_BUNDLE .*FileNotFoundError"):
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
        transport.session(None, None).post(
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


def test_the_client_does_not_show_its_keys() -> None:
    client = PlasGateClient()

    assert f"{client!r} {client}" == f"<PlasGateClient {BASE_URL}> <PlasGateClient {BASE_URL}>"
    assert PRIVATE_KEY not in repr(vars(client))
    assert SECRET_KEY not in repr(vars(client))
