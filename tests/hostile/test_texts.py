"""Hostile text: markup, and bytes that break a header, a database or an encoder."""

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from django_plasgate_ip.models import PhoneVerification
from tests.hostile.browser import send_raw, skeleton, start_with
from tests.hostile.strategies import POISONS, SCRIPTS
from tests.visitor import CODE, STATE, SUB, VERIFIED, Page, Visitor, newest, outcome

# One text is enough: where any part is not escaped, the page has other elements.
MARKUP = " ".join(SCRIPTS)
HEADERS = {"Accept": "text/html", "Accept-Language": "en", "X-Forwarded-For": "10.0.0.1"}


def skeletons(browser: Visitor, admin: Client, detail: str) -> list[Any]:
    """Return the skeletons of the newest verification's page for its visitor and for staff."""
    said = browser.get(detail, headers={"Accept": "application/json"})
    assert said["Content-Type"] == "application/json"
    change = f"/admin/django_plasgate_ip/phoneverification/{newest().pk}/change/"
    pages = [browser.get(detail), admin.get(change)]
    assert [page.status_code for page in pages] == [200, 200]
    return [sorted(said.json()), *map(skeleton, pages)]


def test_markup_in_the_callback_is_escaped_on_every_page(visitor, admin_client, plasgate):
    seen = []
    for error, text in (("plain", ""), (MARKUP, ""), ("plain", MARKUP)):
        visitor.start()
        response = visitor.come_back(error=error, error_description=text)
        assert outcome() == ("failed", "provider_denied")
        seen.append(skeletons(visitor, admin_client, response["Location"]))

    assert "<svg/onload" in newest().error_description
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize("status", ["success", "failed"])
def test_markup_in_the_answer_is_escaped_on_every_page(visitor, admin_client, plasgate, status):
    answer = VERIFIED | {"status": status, "error_description": "plain", "sid": "plain"}
    # The page names a changed SIM, so each of the two has another one than before.
    plasgate.codes[CODE, STATE] = answer | {"mobile_id": "before"}
    visitor.verify()
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
    assert newest().claims.get("sid") == (MARKUP if status == "success" else None)
    assert skeletons(visitor, admin_client, response["Location"]) == expected


def test_markup_in_a_rejected_form_is_the_value_of_its_field(visitor):
    expected = skeleton(visitor.start("bad", next="bad"))

    response = visitor.start(MARKUP, next=MARKUP)

    assert response.status_code == 400
    assert skeleton(response) == expected
    fields = Page(response).fields
    assert (fields["phone_number"], fields["next"]) == (MARKUP, MARKUP)


@pytest.mark.parametrize("header", HEADERS)
def test_poison_in_a_header_breaks_neither_response_nor_row(visitor, plasgate, settings, header):
    settings.PLASGATE_IP_MAX_STARTS_PER_ADDRESS = 100
    settings.PLASGATE_IP_TRUSTED_PROXY_COUNT = 1

    for poison in POISONS:
        headers = {header: HEADERS[header] + poison.decode("latin-1")}
        start = start_with(visitor, headers)
        back = visitor.get(visitor.callback_url(), headers=headers)

        assert (start.status_code, back.status_code) == (302, 303)
        for response in (start, back):
            assert "stolen" not in response.cookies
            assert all(value.isprintable() for value in response.headers.values())
        assert outcome() == ("verified", "")
        assert newest().language.isprintable()


@pytest.mark.parametrize("charset", ["utf-7", "raw_unicode_escape"])
def test_the_query_is_utf8_in_spite_of_the_requests_charset(visitor, charset):
    """Django decodes a query by the request's Content-Type, even to lone surrogates."""
    surrogates = "+2AA-\\ud800"  # in utf-7 and in raw_unicode_escape
    named = {"Content-Type": f"text/plain; charset={charset}"}
    page = visitor.generic("GET", f"/phone/?next={quote(surrogates)}", headers=named)

    assert Page(page).fields["next"] == surrogates


@pytest.mark.parametrize(
    "body",
    [
        b'{"phone_number": "\\ud800"}',
        b'{"phone_number": "077696118\\u0000"}',
        b'{"a":' * 100_000,
        b"9" * 10_000,
    ],
    ids=["surrogate", "NUL", "too deep", "too many digits"],
)
def test_hostile_json_starts_nothing(visitor, body):
    response = send_raw(visitor, body, "application/json", {"Accept": "application/json"})

    assert response.status_code == 400
    assert set(response.json()["errors"]) == {"phone_number"}
    assert not PhoneVerification.objects.exists()
