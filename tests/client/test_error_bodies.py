"""What staff read of an HTTP error's body."""

import json
import re
from collections.abc import Iterator
from itertools import product

import pytest

from django_plasgate_ip.client.error_bodies import text_of
from django_plasgate_ip.sandbox.answers import KEYS_REFUSED, SERVER_ERROR
from tests.settings import PLASGATE_IP_PRIVATE_KEY as PRIVATE_KEY
from tests.settings import PLASGATE_IP_SECRET_KEY as SECRET_KEY
from tests.visitor import CODE, MOBILE_ID, NUMBER, STATE

KEYS = (PRIVATE_KEY, SECRET_KEY, CODE, STATE)
NGINX = (
    b"<html>\r\n<head><title>403 Forbidden</title><style>h1{margin:0}</style></head>\r\n<body>\r\n"
    b"<center><h1>403 Forbidden</h1></center><hr><center>nginx</center>\r\n</body></html>\r\n"
)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (KEYS_REFUSED.content, "Please check your private key and secret key."),
        (SERVER_ERROR.content, "Internal Server Error"),
        (NGINX, "403 Forbidden nginx"),
        (b"<P>Insufficient<BR>balance &amp; <i>quota</i></P>", "Insufficient balance & quota"),
        (b" insufficient\r\n balance\0 ", "insufficient balance"),
        ('{"message": "សមតុល្យមិនគ្រប់គ្រាន់"}'.encode(), "សមតុល្យមិនគ្រប់គ្រាន់"),
        (b'\xef\xbb\xbf{"error": {"code": 7, "message": "<b>No</b> balance"}}', "No balance"),
        (b'{"error": "invalid_grant", "error_description": " ", "message": 3}', "invalid_grant"),
        (b'{"detail": "Not found", "error": true}', "Not found"),
        (b'"No balance"', "No balance"),
        # Other members may be about a person.
        (b'{"given_name": "Teak", "error": {}}', ""),
        (b'[{"message": "No"}]', ""),
        (b"", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[" * 60_000, ""),
        (b"no " * 20_000, "no " * 66 + "no"),
    ],
)
def test_the_message_of_a_body_is_one_short_line(body, text):
    assert text_of(body, KEYS) == text


def test_a_short_code_of_the_visitors_does_not_cut_a_number_in_pieces():
    assert text_of(b"Number +85577696118 is wrong", ("7", "x")) == "Number *** is wrong"


@pytest.mark.parametrize(
    ("before", "form"),
    [
        (4080, "{}"),
        *product((0, 185, 485, 985), ("{}", "<wbr>{}", "private_key={}&", '"{}",')),
    ],
)
def test_no_part_of_a_key_or_number_is_left_at_a_limit(before, form):
    """The words before it become short, so that nothing after them is cut away."""
    for secret in (*KEYS, NUMBER, MOBILE_ID):
        for body in echoes("9" * before + " " + form.format(secret)):
            for encoding in ("utf-8", "utf-16"):
                text = text_of(body.encode(encoding), KEYS)
                assert secret[:8] not in text.replace(" ", ""), (secret, body)
                assert secret[-8:] not in text.replace(" ", ""), (secret, body)


def echoes(text: str) -> Iterator[str]:
    yield from (text, f"<html><p>{text}", json.dumps({"message": text}))
    yield re.sub(r"[$=/+.]", lambda match: f"&#{ord(match[0])};", text)
    # PHP and JavaScript escape these.
    yield text.replace("/", "\\/")
    yield re.sub(r"[$=-]", lambda match: f"\\u{ord(match[0]):04X}", text)
