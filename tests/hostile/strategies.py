"""Strategies for requests: arbitrary bytes, and requests that are almost valid."""

from collections.abc import Callable
from contextlib import suppress
from urllib.parse import parse_qsl, quote_from_bytes

from django.conf import settings as site
from hypothesis import strategies as st

from tests.test_redirects import SAFE, UNSAFE
from tests.visitor import CODE, SESSION_STATE, STATE

CALLBACK = "http://testserver/phone/callback/"
NEXT = "/here/"
NONCE = "a-nonce-of-22-letters."
# What PlasGate sends back, without a nonce and with one.
GENUINE = {
    "code": CODE,
    "state": STATE,
    "session_state": SESSION_STATE,
    "private_key": site.PLASGATE_IP_PRIVATE_KEY,
    "redirect_uri": CALLBACK,
}
WITH_NONCE = GENUINE | {"redirect_uri": f"{CALLBACK}?nonce={NONCE}", "nonce": NONCE}
ERRORS = ("error", "error_description")
Pairs = list[tuple[bytes, bytes]]
EVIL = "evil.example"
#: Each leaves another place of a page: an element, either attribute, a template, a comment.
SCRIPTS = [
    "</title></main></body><svg/onload=alert(1)>",
    "'><img src=x onerror=alert(1)>",
    '" autofocus onfocus="alert(1)',
    "{{ 7|add:7 }}{% load static %}",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\u202e<b>\u2066",
    "<!--<script>",
]
#: What breaks a header, a database or an encoder, in the bytes of the request.
POISONS = [
    b"\r\nSet-Cookie: stolen=1\r\n\r\n<script>",
    b"\x00",
    b"\x1b]0;title\x07",
    "\u2028\U0001f600".encode(),
    # A lone surrogate, and a broken sequence.
    b"\xed\xa0\x80",
    b"\xc3\x28",
]
#: Ways off the site beside the cases of `safe_next`.
EXITS = [
    f"http://{EVIL}#@testserver/",
    f"http://testserver%2f@{EVIL}/",
    "http://3626153264/",
    "http://\uff45\uff56\uff49\uff4c.example/",
    f"\uff0f\uff0f{EVIL}",
    f"//{EVIL}%00",
    "\x01javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    f"/%2f{EVIL}",
    f"/.//{EVIL}",
    f"?//{EVIL}",
    "/" + "a" * 100_000,
]


def in_utf8(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


TEXTS = st.text(max_size=40).map(in_utf8) | st.text(
    st.characters(categories=["Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Cn"]), max_size=8
).map(in_utf8)
LONG = [2_000 * repeated for repeated in (b"a", b"%", b"\x00", in_utf8("ក"))]
VALUES = st.one_of(
    TEXTS,
    st.binary(max_size=40),
    st.sampled_from([*POISONS, *map(in_utf8, SCRIPTS), *LONG, b"", b" ", b"%00", b"null"]),
)
NAMES = st.one_of(
    st.sampled_from([*WITH_NONCE, *ERRORS]).map(in_utf8),
    st.sampled_from([b"CODE", b"code[]", b" code", b"code\x00", b"c\xd0\xbede", b"next", b""]),
    TEXTS,
)
ENCODERS: list[Callable[[bytes], str]] = [
    quote_from_bytes,
    lambda raw: quote_from_bytes(raw, safe="").replace("%20", "+"),
    lambda raw: "".join(f"%{byte:02x}" for byte in raw),
    # Raw bytes, which no browser sends.
    lambda raw: raw.decode("latin-1"),
]


@st.composite
def encoded(draw: st.DrawFn, pairs: Pairs) -> str:
    """Return a query string: its bytes, decoded as latin-1."""
    encode = draw(st.sampled_from(ENCODERS))
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in pairs)


def changed_value(value: bytes) -> st.SearchStrategy[bytes]:
    """Return changed values, most of them easy to overlook in a comparison."""
    changed = [
        value.upper(),
        *(value + added for added in (b" ", b"\x00", b"/")),
        value[:-1],
        value.replace(b"-", in_utf8("\u2010")),
        value.replace(b"testserver", b"testserver.evil.example"),
    ]
    return st.sampled_from(changed) | VALUES | VALUES.map(lambda added: value + added)


def changed_pair(name: bytes, value: bytes) -> st.SearchStrategy[Pairs]:
    """Return what may take a parameter's place: nothing, two, or one with a change."""
    one = st.just((name, value))
    return st.one_of(
        st.just([]),
        st.tuples(one, st.tuples(st.just(name), st.just(value) | VALUES)).map(list),
        st.tuples(st.tuples(NAMES, VALUES), one).map(list),
        st.tuples(st.tuples(st.just(name), changed_value(value))).map(list),
        st.tuples(st.tuples(NAMES, st.just(value))).map(list),
    )


@st.composite
def mutated(draw: st.DrawFn, genuine: dict[str, str]) -> Pairs:
    """Return a genuine callback with up to three changes."""
    pairs = [(in_utf8(name), in_utf8(value)) for name, value in genuine.items()]
    for _each in range(draw(st.integers(0, 3))):
        index = draw(st.integers(0, len(pairs) - 1))
        pairs[index : index + 1] = draw(changed_pair(*pairs[index]))
    return pairs


def queries(genuine: dict[str, str]) -> st.SearchStrategy[str]:
    """Return query strings for the callback, decoded as latin-1."""
    return st.one_of(
        mutated(genuine).flatmap(encoded),
        st.lists(st.tuples(NAMES, VALUES), max_size=8).flatmap(encoded),
        st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")),
        # More parameters than Django reads.
        st.just("&".join(["code=a"] * 1001)),
    )


def read(query: str) -> list[tuple[str, str]] | None:
    """Return the parameters of a query, or None for more than Django reads."""
    raw = query.encode("latin-1")
    with suppress(UnicodeDecodeError):
        query = raw.decode()
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        return None


NEARLY = st.text("/\\:@.?#% \t\n\x00htpsTev", max_size=20)
ADDRESSES = st.one_of(
    st.sampled_from([*SAFE.values(), *UNSAFE.values(), *EXITS]),
    NEARLY,
    NEARLY.map("/{}".format),
    NEARLY.map("http://testserver{}".format),
    st.text(max_size=40),
)
