"""The wire: PlasGate's two endpoints, and nothing else.

Facts come from the provider's API page ("IP Authorization Code Flow"). Usable without a request, a
model or a database; imported only where a call is about to be made.
"""

import json
import re
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode

import requests
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables
from phonenumber_field.phonenumber import PhoneNumber
from urllib3.exceptions import InvalidHeader, ProtocolError, ReadTimeoutError

from django_plasgate_ip import phones
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.client import transport
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import (
    CredentialsRejected,
    ExchangeError,
    InvalidPhoneNumber,
    InvalidResponse,
    ProviderError,
    ProviderTimeout,
    ProviderUnreachable,
    RateLimited,
)
from django_plasgate_ip.redaction import Hidden

MAX_BODY = 64 * 1024
# The documented answer nests two deep; a deeper one is no answer, and recursion is not free.
MAX_DEPTH = 16
MAX_ID_LENGTH = 255
MAX_TEXT_LENGTH = 500
# In foreign text: what has the digits of a number, and words as long as an id or a key.
_TELLING = re.compile(r"\+?\d(?:[\s().-]{0,3}\d){6,}|(?=\S*\d)[\w$=/+.%-]{20,}")
_BY_STATUS: dict[int, type[ExchangeError]] = {
    401: CredentialsRejected,
    403: CredentialsRejected,
    429: RateLimited,
}


@dataclass(frozen=True)
class Answer:
    """What the exchange said, normalised. Whether that verifies anything is for `verdict`.

    A failed answer carries a ``mobile_id`` and a ``sub`` on the wire, too; here they are empty,
    because nobody confirmed them. ``sub`` is empty for the wire's ``anonymous``.
    """

    #: ``status`` was ``success``; False for ``failed``.
    succeeded: bool
    #: True for ``true`` or ``"true"`` in any case, False for anything else, None where missing.
    phone_number_verified: bool | None = None
    #: E.164, or empty where missing.
    login_hint: str = field(default="", repr=False)
    #: The number that the ``phone`` scope learnt: E.164, or empty where missing.
    phone_number: str = field(default="", repr=False)
    sub: str = field(default="", repr=False)
    mobile_id: str = field(default="", repr=False)
    error_description: str = field(default="", repr=False)
    #: The whole answer as it came.
    claims: dict[str, Any] = field(default_factory=dict, repr=False)


class PlasGateClient:
    """Speaks to PlasGate with one pair of keys.

    Whatever is not given comes from the settings. Raises ImproperlyConfigured for a missing key.
    """

    def __init__(
        self,
        private_key: str | None = None,
        secret_key: str | None = None,
        base_url: str | None = None,
    ) -> None:
        self.private_key = Hidden(private_key or _required("PLASGATE_IP_PRIVATE_KEY"))
        self._secret_key = Hidden(secret_key or _required("PLASGATE_IP_SECRET_KEY"))
        self.base_url = (base_url or conf.PLASGATE_IP_BASE_URL).rstrip("/") + "/"

    def __repr__(self) -> str:
        return f"<PlasGateClient {self.base_url}>"

    def authorize_url(
        self,
        redirect_uri: str,
        scopes: str | tuple[str, ...] | list[str],
        phone_number: str | PhoneNumber | None = None,
    ) -> str:
        """Return the URL to send the visitor's browser to, over mobile data.

        `redirect_uri` must be sent again, byte for byte, with the exchange. `phone_number` is sent
        as digits under each name in ``PLASGATE_IP_PHONE_PARAMETERS``, and only if the scopes ask
        for one. No ``state``: the provider mints it. Raises `InvalidScopes`, and
        `InvalidPhoneNumber` for a number that is missing or is none.
        """
        wanted = scope_sets.normalise(scopes)
        query = {
            "private_key": self.private_key,
            "redirect_uri": redirect_uri,
            "scope": " ".join(wanted),
        }
        if scope_sets.needs_number(wanted):
            number = phones.digits(phones.parse(phone_number or ""))
            query |= dict.fromkeys(conf.PLASGATE_IP_PHONE_PARAMETERS, number)
        # quote: a space as %20, which every reader takes for one.
        return Hidden(f"{self.base_url}authenticate?{urlencode(query, quote_via=quote)}")

    # SECURITY: a technical 500 page or an error mail would show the code and the frames' locals.
    @sensitive_variables()
    def exchange(self, code: str, state: str, redirect_uri: str) -> Answer:
        """Spend the one-time `code` and return the answer.

        `state` and `redirect_uri` go back as they came. Takes at most ``PLASGATE_IP_TIMEOUT``
        seconds. Raises an `ExchangeError` for every way that this can go wrong.
        """
        with transport.deadline(conf.PLASGATE_IP_TIMEOUT):
            failure: BaseException
            try:
                return _answer(self._post(code, state, redirect_uri))
            except ExchangeError as error:
                failure = error
            except Exception as error:
                failure = _translated(error)
            except BaseException as error:
                # A worker told to stop, an interrupt: let it go on, without the frames below.
                failure = error
        # SECURITY: raised out here, and bare: the library's exceptions, whose frames hold the
        # secret header and whose text holds the key's URL, are not even its context.
        failure.__cause__ = failure.__context__ = None
        raise failure.with_traceback(None)

    def _post(self, code: str, state: str, redirect_uri: str) -> Any:
        """Return the parsed JSON of a 200; raise an `ExchangeError` for any other status."""
        response = transport.session(conf.PLASGATE_IP_CA_BUNDLE, conf.PLASGATE_IP_PROXY).post(
            self.base_url + conf.PLASGATE_IP_EXCHANGE_ENDPOINT.lstrip("/"),
            params={"private_key": self.private_key},
            headers={"X-Secret": self._secret_key},
            json={
                "response_type": "code",
                "state": state,
                "redirect_uri": redirect_uri,
                "code": code,
            },
            timeout=(conf.PLASGATE_IP_CONNECT_TIMEOUT, conf.PLASGATE_IP_TIMEOUT),
            # SECURITY: the secret must not travel to where an answer points.
            allow_redirects=False,
            stream=True,
        )
        with response:
            _require_ok(response.status_code)
            return _parse(_read(response))


def _required(name: str) -> str:
    value: str = getattr(conf, name)
    if not value:
        raise ImproperlyConfigured(f"Set {name} (README, Settings).")
    return value


def _require_ok(status: int) -> None:
    if status == 200:
        return
    kind = _BY_STATUS.get(status, ProviderError if status >= 400 else InvalidResponse)
    error = kind(f"PlasGate answered {status}.")
    error.http_status = status
    raise error


def _read(response: requests.Response) -> bytes:
    """Return the body, at most `MAX_BODY` bytes of it. Raises `InvalidResponse`."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise InvalidResponse("The answer is compressed, which was not asked for.")
    # RFC 9112, 6.3: without a length that is one, where the answer ends is anybody's guess.
    lengths = response.headers.get("Content-Length", "0").split(",")
    if not all(length.strip().isdecimal() for length in lengths):
        raise InvalidResponse("The answer's length is no number.")
    body = bytearray()
    # read1 returns what one receive brought, so a slow body can't outlast the deadline in here.
    while chunk := response.raw.read1(MAX_BODY, decode_content=False):
        body += chunk
        if len(body) > MAX_BODY:
            raise InvalidResponse(f"The answer is longer than {MAX_BODY} bytes.")
    return bytes(body)


def _parse(body: bytes) -> Any:
    """Return the JSON, which any column can hold. Raises `InvalidResponse`."""
    try:
        data = json.loads(body, object_pairs_hook=_object)
        shallow = _depth_within(data, MAX_DEPTH)
        # Python reads more than JSON has: NaN, numbers that overflow to infinity, and lone
        # surrogates, which can't be encoded and would fail in the database or on a page.
        text = json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidResponse(f"The answer is no JSON: {type(error).__name__}.") from None
    if not shallow or b"\\u0000" in text:
        raise InvalidResponse("The answer is nested too deep, or has NUL characters.")
    return data


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # SECURITY: of a doubled name, one reader takes the first value and another the last.
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError
    return members


def _depth_within(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return True
    return levels > 0 and all(_depth_within(item, levels - 1) for item in value)


def _answer(data: Any) -> Answer:
    """Return the answer that the parsed JSON is. Raises `InvalidResponse`."""
    if not isinstance(data, dict):
        raise InvalidResponse("The answer is no JSON object.")
    status = _text(data, "status").lower()
    if status not in ("success", "failed"):
        raise InvalidResponse("The answer's status is neither success nor failed.")
    common: dict[str, Any] = {
        "phone_number_verified": _flag(data.get("phone_number_verified"))
        if "phone_number_verified" in data
        else None,
        "error_description": clean_text(data.get("error_description")),
        "claims": data,
    }
    if status == "failed":
        return Answer(succeeded=False, **common)
    sub = _id(data, "sub")
    return Answer(
        succeeded=True,
        login_hint=_number(data, "login_hint"),
        phone_number=_number(data, "phone_number"),
        sub="" if sub == "anonymous" else sub,
        mobile_id=_id(data, "mobile_id"),
        **common,
    )


def _flag(value: Any) -> bool:
    # "false" is truthy, and so is 1: only these count.
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidResponse(f"The answer's {name} is no text.")
    return value.strip()


def _id(data: dict[str, Any], name: str) -> str:
    value = _text(data, name)
    if len(value) > MAX_ID_LENGTH or not value.isprintable():
        raise InvalidResponse(f"The answer's {name} is no id.")
    return Hidden(value)


def _number(data: dict[str, Any], name: str) -> str:
    value = _text(data, name)
    if not value:
        return ""
    try:
        return phones.e164(phones.from_wire(value))
    except InvalidPhoneNumber:
        raise InvalidResponse(f"The answer's {name} is no phone number.") from None


def clean_text(value: Any) -> str:
    """Return foreign text for a column: one line, printable, at most `MAX_TEXT_LENGTH` long.

    What may be a number or an id of the operator's in it is starred out.
    """
    text = value if isinstance(value, str) else ""
    printable = "".join(c if c.isprintable() else " " for c in text[: 2 * MAX_TEXT_LENGTH])
    # SECURITY: staff see this column without the permission to see whose number it is.
    return _TELLING.sub("***", " ".join(printable.split()))[:MAX_TEXT_LENGTH]


def _translated(error: Exception) -> ExchangeError:
    """Return our error for one of the library's; its text, which has the URL, is left behind."""
    name = type(error).__name__
    if isinstance(error, (requests.ReadTimeout, ReadTimeoutError)) or transport.overdue():
        return ProviderTimeout(f"PlasGate did not answer in time: {name}.")
    # Those of requests are OSErrors; so is that of a CA bundle which can't be read.
    if isinstance(error, OSError) and not _is_garbage(error):
        return ProviderUnreachable(f"No connection to PlasGate, or one that broke: {name}.")
    return InvalidResponse(f"PlasGate's answer is broken off, or no HTTP: {name}.")


def _is_garbage(error: OSError) -> bool:
    """Whether something answered, but not in HTTP: urllib3 reports it as a broken connection."""
    wrapped = error.args[0] if error.args else None
    if isinstance(wrapped, InvalidHeader):
        return True
    causes = wrapped.args if isinstance(wrapped, ProtocolError) else ()
    return any(isinstance(c, HTTPException) and not isinstance(c, OSError) for c in causes)
