"""PlasGate's two endpoints: the start URL for a browser, and the exchange of the code it returns.

The facts are from the provider's API page ("IP Authorization Code Flow"). `PlasGateClient` needs no
request, model or database.
"""

from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from urllib.parse import quote, urlencode

import requests
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables
from phonenumber_field.phonenumber import PhoneNumber
from urllib3.exceptions import InvalidHeader, ReadTimeoutError

from django_plasgate_ip import phones
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.client import error_bodies, transport
from django_plasgate_ip.client.parsing import Answer, parse_answer
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import (
    CredentialsRejected,
    ExchangeError,
    InvalidResponse,
    ProviderError,
    ProviderTimeout,
    ProviderUnreachable,
    RateLimited,
)
from django_plasgate_ip.redaction import Hidden

_BY_STATUS: dict[int, type[ExchangeError]] = {
    401: CredentialsRejected,
    403: CredentialsRejected,
    429: RateLimited,
}


class PlasGateClient:
    """Calls PlasGate with one pair of keys.

    Arguments that are left out come from the settings. Raises ImproperlyConfigured if a key is
    missing in both.
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
        """Return the URL that the visitor's browser must open over mobile data.

        The exchange must send `redirect_uri` again, byte for byte. `phone_number` is sent as digits
        under each name in ``PLASGATE_IP_PHONE_PARAMETERS``, and only if the scopes need a number.
        The URL has no ``state``: the provider makes one. Raises `InvalidScopes`, and
        `InvalidPhoneNumber` if a number is needed and missing or invalid.
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
        # quote writes a space as %20, which is a space to every reader; "+" is not.
        return Hidden(f"{self.base_url}authenticate?{urlencode(query, quote_via=quote)}")

    # SECURITY: a technical 500 page or an error mail would show the code in this frame's locals.
    @sensitive_variables()
    def exchange(self, code: str, state: str, redirect_uri: str) -> Answer:
        """Send the one-time `code` and return the answer.

        `state` and `redirect_uri` are sent unchanged. The call takes at most
        ``PLASGATE_IP_TIMEOUT`` seconds. Raises an `ExchangeError` for everything that can fail.
        """
        with transport.deadline(conf.PLASGATE_IP_TIMEOUT):
            failure: BaseException
            try:
                return self._post(code, state, redirect_uri)
            except ExchangeError as error:
                failure = error
            except Exception as error:
                failure = _translated(error)
            except BaseException as error:
                # The worker is being stopped. The exception is raised again below.
                failure = error
        # SECURITY: a library's error has the private key in its text and the secret in its frames.
        # Error trackers follow cause, context and traceback, so this error has none of them.
        failure.__cause__ = failure.__context__ = None
        raise failure.with_traceback(None)

    def _post(self, code: str, state: str, redirect_uri: str) -> Answer:
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
            # SECURITY: a redirect would take the secret to another host.
            allow_redirects=False,
            stream=True,
        )
        with response:
            if 200 <= response.status_code < 300:
                return parse_answer(_read(response))
            secrets = (self.private_key, self._secret_key, code, state)
            raise _status_error(response, secrets)


def _required(name: str) -> str:
    value: str = getattr(conf, name)
    if not value:
        raise ImproperlyConfigured(f"Set {name} in the settings.")
    return value


def _status_error(response: requests.Response, secrets: tuple[str, ...]) -> ExchangeError:
    """Return the error of this status, with the text of its body but none of `secrets`."""
    status = response.status_code
    kind = _BY_STATUS.get(status, ProviderError if status >= 400 else InvalidResponse)
    error = kind(f"PlasGate answered {status}.")
    error.http_status = status
    error.error_description = f"HTTP {status}"
    if status >= 400:
        # A body that is broken, too long or too late does not change what the status says.
        with suppress(Exception):
            if text := error_bodies.text_of(_read(response), secrets):
                error.error_description += f": {text}"
    return error


def _read(response: requests.Response) -> bytes:
    """Return the body. Raises `InvalidResponse`; the transport limits its length."""
    codings = response.headers.get("Content-Encoding", "").lower().split(",")
    if not {coding.strip() for coding in codings} <= {"", "identity"}:
        raise InvalidResponse("The answer is compressed, although the request forbids that.")
    # RFC 9112, 6.3: an answer with an invalid length has no certain end.
    lengths = response.headers.get("Content-Length", "0").split(",")
    if not all(length.strip().isdecimal() for length in lengths):
        raise InvalidResponse("The answer's length is not a number.")
    body = bytearray()
    # read1 receives once, and each receive keeps to the deadline.
    while chunk := response.raw.read1(transport.MAX_RESPONSE, decode_content=False):
        body += chunk
    return bytes(body)


def _translated(error: Exception) -> ExchangeError:
    # The text names types only, because the library's text holds the URL.
    chain = list(_chain(error))
    causes = tuple(type(each).__name__ for each in chain)
    names = ", ".join(dict.fromkeys((causes[0], causes[-1])))
    ours: ExchangeError
    if isinstance(error, (requests.ReadTimeout, ReadTimeoutError)) or transport.overdue():
        ours = ProviderTimeout(f"PlasGate did not answer in time ({names}).")
    elif isinstance(error, OSError) and not any(map(_is_not_http, chain)):
        ours = ProviderUnreachable(f"The connection to PlasGate failed ({names}).")
    else:
        ours = InvalidResponse(f"PlasGate's answer is too long, incomplete or not HTTP ({names}).")
    ours.causes = causes
    return ours


def _chain(error: BaseException) -> Iterator[BaseException]:
    # Not __context__, which leads on to the caller's own errors.
    current: BaseException | None = error
    while current is not None:
        yield current
        wrapped = (arg for arg in current.args if isinstance(arg, BaseException))
        current = current.__cause__ or next(wrapped, None)


def _is_not_http(error: BaseException) -> bool:
    """Whether the server answered, but not in HTTP. `requests` calls that a connection error."""
    return isinstance(error, (HTTPException, InvalidHeader)) and not isinstance(error, OSError)
