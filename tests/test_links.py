"""Where an attempt leads: a ``next`` that goes round is none, and its length is the header's."""

import pytest

from django_plasgate_ip import links
from tests.conftest import Answers
from tests.visitor import Visitor, attempt


@pytest.mark.parametrize(
    "url", ["/phone/callback/", "/phone/callback/?code=1", "http://testserver/phone/callback/"]
)
def test_a_next_that_leads_to_the_callback_is_dropped(
    visitor: Visitor, answers: Answers, url: str
) -> None:
    answers()

    response = visitor.verify(next=url)

    assert attempt().next_url == ""
    assert response["Location"] == f"/phone/{attempt().pk}/"


def test_a_next_of_many_khmer_letters_is_as_long_as_it_gets_in_a_header(visitor: Visitor) -> None:
    fits = "/" + "\u1780" * ((links.MAX_URL_LENGTH - 1) // 9)
    visitor.start(next=fits)
    assert attempt().next_url == fits

    visitor.start(next=fits + "\u1780")
    assert attempt().next_url == ""
