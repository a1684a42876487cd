"""Ways off the site, and hosts that are not the site's."""

import unicodedata
from typing import Any

import pytest
from django.test import RequestFactory

from django_plasgate_ip import redirects
from django_plasgate_ip.models import PhoneVerification
from tests.hostile.browser import HOST, STAYS, assert_stays, host_of, skeleton, start_with
from tests.hostile.strategies import ADDRESSES, EVIL
from tests.visitor import CODE, FAILED, STATE, TYPED, VERIFIED, Page, newest, outcome

# A few of each kind: an address, one that only browsers understand, a header, no page at all.
EXITS = [f"//{EVIL}/", f"/\t/{EVIL}", "/here/\r\nSet-Cookie: stolen=1", "javascript:alert(1)"]
FORWARDED = {
    "X-Forwarded-Host": EVIL,
    "X-Forwarded-Proto": "ftp",
    "X-Forwarded-Port": "99",
    "Forwarded": f"host={EVIL}",
    "X-Original-URL": f"//{EVIL}/",
}


@pytest.fixture(params=[None, "https://shop.example"])
def public_url(request: pytest.FixtureRequest, settings: Any) -> str | None:
    settings.PLASGATE_IP_PUBLIC_URL = request.param
    return settings.PLASGATE_IP_PUBLIC_URL


def test_what_is_kept_of_any_next_stays_on_the_site_and_can_be_stored(examples):
    request = RequestFactory().get("/phone/")

    @examples(text=ADDRESSES)
    def check(text: str) -> None:
        kept = redirects.safe_next(request, text)

        assert kept in (text, "")
        assert host_of(kept) in STAYS
        assert {unicodedata.category(character) for character in kept}.isdisjoint({"Cc", "Cs"})


@pytest.mark.parametrize("payload", EXITS)
def test_a_hostile_next_in_a_request_or_an_edited_row_leads_nobody_off_the_site(
    visitor, stranger, plasgate, payload
):
    page = visitor.get("/phone/", {"next": payload})
    assert skeleton(page) == skeleton(visitor.get("/phone/", {"next": "/here/"}))
    visitor.submit(page, phone_number=TYPED, next=payload)
    assert_stays(visitor.come_back())

    login = stranger.get("/phone/", {"next": payload})
    assert_stays(login)
    page = stranger.get(login["Location"])
    assert_stays(stranger.submit(page, username="teak", password="a password"))

    for answer in (VERIFIED, FAILED):
        plasgate.codes[CODE, STATE] = answer
        visitor.start()
        PhoneVerification.objects.update(next_url=payload)
        assert_stays(visitor.come_back())
        page = visitor.get(f"/phone/{newest().pk}/")
        assert {host_of(link) for link in Page(page).links.values()} == {HOST}
    visitor.submit(page)
    assert host_of(newest().next_url) in STAYS


@pytest.mark.usefixtures("public_url")
def test_an_unknown_host_starts_nothing(visitor):
    for host in (EVIL, f"{HOST}:80@{EVIL}"):
        headers = {"Host": host}
        assert start_with(visitor, headers).status_code in (400, 403)
        assert EVIL not in str(visitor.get("/phone/", headers=headers).headers)
    assert not PhoneVerification.objects.exists()


def test_a_forwarded_host_is_ignored(visitor, plasgate, public_url):
    response = start_with(visitor, FORWARDED, next=f"http://{EVIL}/")

    assert host_of(response["Location"]) == "cloudapi.plasgate.com"
    callback = (public_url or f"http://{HOST}") + "/phone/callback/"
    assert visitor.sent["redirect_uri"] == callback == newest().redirect_uri
    assert newest().next_url == ""

    assert_stays(visitor.get(visitor.callback_url(), headers=FORWARDED))
    assert [sent["redirect_uri"] for sent in plasgate.sent] == [callback]
    assert outcome() == ("verified", "")
