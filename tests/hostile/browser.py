"""Where a browser goes, by the URL standard and not by the code under test; and raw requests."""

import re
import unicodedata
from typing import Any
from urllib.parse import unquote, urlencode

from tests.visitor import TYPED, Page, Visitor

HOST = "testserver"
# On this site, or no navigation at all: see `host_of`.
STAYS = (HOST, "")
# https://url.spec.whatwg.org/#concept-basic-url-parser: stripped from both ends.
C0_AND_SPACE = "".join(map(chr, range(0x21)))


def host_of(url: str, base: str = HOST) -> str:
    """Return the host to which a browser on ``http://{base}/`` navigates for `url`.

    For a scheme other than http and https, return the scheme with its colon. For a text that the
    browser rejects as an address, return an empty text: the browser stays.
    """
    url = re.sub("[\t\n\r]", "", url.strip(C0_AND_SPACE))
    scheme, colon, rest = url.partition(":")
    if colon and re.fullmatch("[a-zA-Z][a-zA-Z0-9+.-]*", scheme):
        if scheme.lower() not in ("http", "https"):
            return scheme.lower() + ":"
        # https:evil.example needs no slashes; http:here is relative to a page of http.
        url = rest if scheme.lower() == "http" else "//" + rest
    url = url.replace("\\", "/")
    if not url.startswith("//"):
        return base
    authority = re.split("[/?#]", url.lstrip("/"), maxsplit=1)[0]
    host = re.sub(":[0-9]*$", "", authority.rpartition("@")[2])
    return unicodedata.normalize("NFKC", unquote(host)).lower()


def skeleton(response: Any) -> list[tuple[str, list[str]]]:
    """Return a page's elements and attributes: text that is not escaped adds or hides some."""
    tags = Page(response).tags
    # An empty field has no value.
    return [(tag, sorted(attributes.keys() - {"value"})) for tag, attributes in tags]


def assert_stays(response: Any) -> None:
    """Fail unless the response redirects to a page of this site and has no header but its own."""
    assert response.status_code in (302, 303)
    location = response["Location"]
    assert host_of(location) in STAYS
    assert location.isascii()
    assert location.isprintable()
    assert "Set-Cookie" not in response.headers
    assert "stolen" not in response.cookies


def send_raw(
    browser: Visitor, body: str | bytes, content_type: str, headers: dict[str, str] | None = None
) -> Any:
    """Send this body to the start page, with the CSRF token that the site gave this browser."""
    browser.get("/accounts/login/")
    token = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    response = browser.generic(
        "POST", "/phone/", body, content_type, headers=token | (headers or {})
    )
    if "/authenticate?" in response.get("Location", ""):
        browser.authorize_url = response["Location"]
    return response


def start_with(browser: Visitor, headers: dict[str, str], **fields: str) -> Any:
    body = urlencode({"phone_number": TYPED} | fields)
    return send_raw(browser, body, "application/x-www-form-urlencoded", headers)
