"""Hostile text: markup, and bytes that break a header, a log line, a database or an encoder."""

import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_from_bytes, unquote

import pytest
from django.test import Client

from django_plasgate_ip.models import PhoneVerification
from tests.hostile.browser import HOST, host_of, send_raw, skeleton, start_with
from tests.hostile.conftest import PlasGate
from tests.hostile.payloads import POISONS, SCRIPTS
from tests.visitor import CODE, STATE, SUB, TYPED, VERIFIED, Page, Visitor, newest, outcome

# One text is enough: where any part is not escaped, the page has other elements.
MARKUP = " ".join(SCRIPTS)
FORM = "application/x-www-form-urlencoded"
# The surrogates are in utf-7 and in raw_unicode_escape.
SURROGATES = "+2AA-\\ud800"
CHARSETS = ["utf-7", "raw_unicode_escape"]


# Markup


def skeletons(browser: Visitor, admin: Client, detail: str) -> list[Any]:
    """Return the skeletons of the newest verification's page for its visitor and for staff."""
    said = browser.get(detail, headers={"Accept": "application/json"})
    assert said["Content-Type"] == "application/json"
    change = f"/admin/django_plasgate_ip/phoneverification/{newest().pk}/change/"
    pages = [browser.get(detail), admin.get(change)]
    assert [page.status_code for page in pages] == [200, 200]
    return [sorted(said.json()), *map(skeleton, pages)]


@pytest.mark.parametrize("name", ["error_description", "error"])
def test_markup_in_the_callback_is_escaped_on_every_page(
    visitor: Visitor, admin_client: Client, plasgate: PlasGate, name: str
) -> None:
    visitor.start()
    harmless = visitor.come_back(**{name: "plain"})
    expected = skeletons(visitor, admin_client, harmless["Location"])
    visitor.start()

    response = visitor.come_back(**{name: MARKUP})

    assert outcome() == ("failed", "provider_denied")
    assert "<svg/onload" in newest().error_description
    assert skeletons(visitor, admin_client, response["Location"]) == expected


@pytest.mark.parametrize("status", ["success", "failed"])
def test_markup_in_the_answer_is_escaped_on_every_page(
    visitor: Visitor, admin_client: Client, plasgate: PlasGate, status: str
) -> None:
    answer = VERIFIED | {"status": status, "error_description": "plain", "sid": "plain"}
    plasgate.codes[CODE, STATE] = answer
    expected = skeletons(visitor, admin_client, visitor.verify()["Location"])

    plasgate.codes[CODE, STATE] = answer | {
        "error_description": MARKUP,
        "sid": MARKUP,
        "sub": SUB if status == "success" else MARKUP,
        "mobile_id": "".join(filter(str.isprintable, MARKUP)),
    }
    response = visitor.verify()

    assert newest().status == ("verified" if status == "success" else "failed")
    assert newest().claims["sid"] == MARKUP
    assert skeletons(visitor, admin_client, response["Location"]) == expected


def test_markup_in_a_rejected_form_is_the_value_of_its_field(visitor: Visitor) -> None:
    expected = skeleton(visitor.start("bad", next="bad"))

    response = visitor.start(MARKUP, next=MARKUP)

    assert response.status_code == 400
    assert skeleton(response) == expected
    fields = Page(response).fields
    assert (fields["phone_number"], fields["next"]) == (MARKUP, MARKUP)


# Bytes


def callback_with(name: str) -> Callable[[Visitor, bytes], Any]:
    """Return a function that adds poison to one parameter of the callback, and as a name."""

    def come_back(browser: Visitor, poison: bytes) -> Any:
        browser.start()
        path, _, query = browser.callback_url(**{name: None}).partition("?")
        poisoned = f"{name}={CODE if name == 'code' else 'a'}{quote_from_bytes(poison)}"
        return browser.get(f"{path}?{query}&{poisoned}&{quote_from_bytes(poison)}=1")

    return come_back


def header_with(name: str, value: str) -> Callable[[Visitor, bytes], Any]:
    """Return a function that sends a header with poison to the start and to the callback."""

    def send(browser: Visitor, poison: bytes) -> Any:
        headers = {name: value + poison.decode("latin-1")}
        response = start_with(browser, headers)
        if response.status_code == 302:
            return browser.get(browser.callback_url(), headers=headers)
        return response

    return send


def form_with(name: str, value: str) -> Callable[[Visitor, bytes], Any]:
    """Return a function that adds poison to a field of the form."""

    def send(browser: Visitor, poison: bytes) -> Any:
        poisoned = f"{name}={quote(value)}{quote_from_bytes(poison)}"
        body = poisoned if name == "phone_number" else f"phone_number={quote(TYPED)}&{poisoned}"
        response = send_raw(browser, body, FORM)
        return browser.come_back() if response.status_code == 302 else response

    return send


PLACES: dict[str, Callable[[Visitor, bytes], Any]] = {
    **{name: callback_with(name) for name in ("code", "nonce", "error_description", "anything")},
    "the start page's query": lambda browser, poison: browser.get(
        f"/phone/?next=/here/{quote_from_bytes(poison)}&{quote_from_bytes(poison)}=1"
    ),
    "phone_number": form_with("phone_number", TYPED),
    "next": form_with("next", "/here/"),
    "Accept": header_with("Accept", "text/html"),
    "Accept-Language": header_with("Accept-Language", "en"),
    "X-Forwarded-For": header_with("X-Forwarded-For", "10.0.0.1"),
}


@pytest.mark.parametrize("place", PLACES)
def test_poison_breaks_neither_response_nor_row_nor_log(
    visitor: Visitor,
    plasgate: PlasGate,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    place: str,
) -> None:
    settings.PLASGATE_IP_MAX_STARTS_PER_ADDRESS = 100
    settings.PLASGATE_IP_TRUSTED_PROXY_COUNT = 1
    caplog.set_level(logging.DEBUG)

    for name, poison in POISONS.items():
        response = PLACES[place](visitor, poison)

        assert response.status_code in (200, 302, 400, 403), name
        assert "stolen" not in response.cookies, name
        assert all(value.isprintable() for value in response.headers.values()), name
        if response.status_code == 302:
            assert host_of(response["Location"]) == HOST, name
    # What is stored can be shown and exported. What is logged is one line.
    for row in PhoneVerification.objects.all():
        for field in (row.error_description, row.next_url, row.redirect_uri, row.language):
            assert field.isprintable()
    ours = [record for record in caplog.records if record.name.startswith("django")]
    assert all(record.getMessage().isprintable() for record in ours)


def test_poison_in_the_code_and_the_state_is_sent_to_plasgate_unchanged(
    visitor: Visitor, plasgate: PlasGate
) -> None:
    """Both are opaque. The JSON of the exchange escapes them."""
    poison = "\r\nX-Secret: mine\x00\x1b\u2028\U0001f600"
    visitor.start()

    visitor.come_back(code=poison, state=poison[::-1])

    (sent,) = plasgate.sent
    assert set(sent) == {"code", "state", "redirect_uri", "response_type"}
    assert (sent["code"], sent["state"]) == (poison, poison[::-1])
    assert outcome() == ("error", "credentials_rejected")


@pytest.mark.parametrize("name", ["code", "error_description", "anything"])
def test_a_parameter_of_a_megabyte_ends_the_verification_as_any_other(
    visitor: Visitor, plasgate: PlasGate, name: str
) -> None:
    visitor.start()

    response = visitor.come_back(**{name: "x" * 1_000_000})

    assert response.status_code == 302
    assert not newest().is_live
    assert len(newest().error_description) <= 500
    assert visitor.get(response["Location"]).status_code == 200


# Encodings


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_query_is_utf8_in_spite_of_the_requests_own_charset(
    visitor: Visitor, plasgate: PlasGate, settings: Any, charset: str
) -> None:
    """Django decodes a query by the request's Content-Type, even to lone surrogates."""
    settings.PLASGATE_IP_CALLBACK_NONCE = True
    named = {"Content-Type": f"text/plain; charset={charset}"}
    page = visitor.generic("GET", f"/phone/?next={quote(SURROGATES)}", headers=named)
    assert Page(page).fields["next"] == SURROGATES
    visitor.start()

    visitor.generic("GET", visitor.callback_url(nonce=SURROGATES), headers=named)
    assert outcome() == ("error", "invalid_callback")
    assert plasgate.sent == []

    visitor.start()
    visitor.generic("GET", visitor.callback_url(), headers=named)
    assert outcome() == ("verified", "")


@pytest.mark.parametrize("field", ["phone_number", "next"])
def test_surrogates_of_a_multipart_form_break_no_page(
    visitor: Visitor, stranger: Visitor, field: str
) -> None:
    body = f'--B\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{SURROGATES}\r\n--B--\r\n'
    for charset in CHARSETS:
        content_type = f"multipart/form-data; boundary=B; charset={charset}"
        for browser, status in ((visitor, 400), (stranger, 302)):
            response = send_raw(browser, body, content_type)

            assert response.status_code == status
            assert "\ufffd" not in unquote(response.headers.get("Location", ""))
    assert not PhoneVerification.objects.exists()


def send_json(browser: Visitor, body: bytes) -> Any:
    return send_raw(browser, body, "application/json", {"Accept": "application/json"})


def test_a_next_that_only_json_can_spell_is_dropped(visitor: Visitor) -> None:
    said = send_json(visitor, json.dumps({"phone_number": TYPED, "next": "/\ud800\x00"}).encode())

    assert said.status_code == 200
    assert newest().next_url == ""


@pytest.mark.parametrize(
    "body",
    [
        b'{"phone_number": "\\ud800"}',
        b'{"phone_number": "077696118\\u0000"}',
        b'{"phone_number": "\xff"}',
        b'{"a":' * 100_000,
        b"9" * 10_000,
    ],
    ids=["surrogate", "NUL", "no UTF-8", "too deep", "too many digits"],
)
def test_hostile_json_starts_nothing(visitor: Visitor, body: bytes) -> None:
    response = send_json(visitor, body)

    assert response.status_code == 400
    assert set(response.json()["errors"]) == {"phone_number"}
    assert not PhoneVerification.objects.exists()
