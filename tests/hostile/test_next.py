"""A property of ``next``: no text leads a browser off the site."""

import unicodedata

from django.test import RequestFactory

from django_plasgate_ip import redirects
from tests.hostile.browser import STAYS, host_of
from tests.hostile.conftest import Examples
from tests.hostile.strategies import ADDRESSES


def test_what_is_kept_of_any_next_stays_on_the_site_and_can_be_stored(examples: Examples) -> None:
    request = RequestFactory().get("/phone/")

    @examples(text=ADDRESSES)
    def check(text: str) -> None:
        kept = redirects.safe_next(request, text)

        assert kept in (text, "")
        assert host_of(kept) in STAYS
        assert {unicodedata.category(character) for character in kept}.isdisjoint({"Cc", "Cs"})
