"""Where a browser goes, told from the URL standard and not by the code under test."""

import re
import unicodedata
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote

HOST = "testserver"
# On this site, or nowhere: see `host_of`.
STAYS = (HOST, "")
# https://url.spec.whatwg.org/#concept-basic-url-parser: stripped from both ends.
C0_AND_SPACE = "".join(map(chr, range(0x21)))


def host_of(url: str, base: str = HOST) -> str:
    """Return the host that a browser on ``http://{base}/`` goes to for `url`.

    For a scheme that leads to no page of a site, the scheme with its colon; empty for what the
    browser takes for no address at all, and stays.
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


class _Skeleton(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, sorted({name for name, _value in attrs} - {"value"})))


def skeleton(response: Any) -> list[tuple[str, list[str]]]:
    """Return a page's elements and the names of their attributes, in order.

    Text that got out of its place makes more of them, or fewer. Only an empty field has no value.
    """
    parser = _Skeleton()
    parser.feed(response.content.decode())
    return parser.tags
