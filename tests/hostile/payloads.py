"""Texts with which other sites were attacked."""

EVIL = "evil.example"

#: Ways to smuggle another site's address past a check, or into a header. Each has a cause of its
#: own; `redirects.safe_next` decides, and tests/test_redirects.py tests it case by case.
OPEN_REDIRECTS = [
    f"https://{EVIL}/",
    f"//{EVIL}/",
    f"////{EVIL}/",
    f"https:{EVIL}",
    f"http:///{EVIL}",
    f"http:\\\\{EVIL}",
    f"\\\\{EVIL}",
    f"/\\{EVIL}",
    f"/\t/{EVIL}",
    f"/\r\n/{EVIL}",
    f" //{EVIL}",
    f"\x00//{EVIL}",
    f"\u200b//{EVIL}",
    f"h\ttps://{EVIL}",
    f"java\nscript:location='//{EVIL}'",
    f"http://testserver:80@{EVIL}/",
    f"http://{EVIL}\\@testserver/",
    f"http://{EVIL}#@testserver/",
    f"http://testserver.{EVIL}/",
    f"http://testserver%2f@{EVIL}/",
    f"http://[::1]@{EVIL}/",
    "http://[::1",
    "http://3626153264/",
    "http://\uff45\uff56\uff49\uff4c.example/",
    f"\uff0f\uff0f{EVIL}",
    f"//{EVIL}%00",
    "//",
    "https:",
    "javascript:alert(1)",
    "\x01javascript:alert(1)",
    "javascript://testserver/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "ftp://testserver/",
    f"http:/\\{EVIL}",
    f"/here/\r\nLocation: //{EVIL}",
    "/here/\r\nSet-Cookie: stolen=1",
    f"/%2f{EVIL}",
    f"/.//{EVIL}",
    f"?//{EVIL}",
    "/" + "a" * 100_000,
]

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
POISONS = {
    "CR LF": b"\r\nSet-Cookie: stolen=1\r\n\r\n<script>",
    "NUL": b"\x00",
    "ESC": b"\x1b]0;title\x07",
    "line separator": "\u2028".encode(),
    "emoji": "\U0001f600".encode(),
    "lone surrogate": b"\xed\xa0\x80",
    "broken sequence": b"\xc3\x28",
}
