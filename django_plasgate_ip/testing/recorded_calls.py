"""What the site sent to the exchange."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from requests import PreparedRequest

from django_plasgate_ip.redaction import Hidden


@dataclass(frozen=True)
class Call:
    """One call of the exchange; its ``repr`` hides keys and code."""

    #: Without the query, which holds the private key.
    url: str
    #: The ``X-Secret``.
    secret_key: str
    private_key: str
    code: str
    state: str
    redirect_uri: str


def read(request: PreparedRequest) -> Call:
    """Return what `request`, as `client.PlasGateClient` makes it, carries."""
    url = urlsplit(str(request.url))
    body: Any = request.body
    sent = json.loads(body)
    return Call(
        url=url._replace(query="").geturl(),
        secret_key=Hidden(request.headers["X-Secret"]),
        private_key=Hidden(parse_qs(url.query)["private_key"][0]),
        code=Hidden(sent["code"]),
        state=sent["state"],
        redirect_uri=sent["redirect_uri"],
    )
