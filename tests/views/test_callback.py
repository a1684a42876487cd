"""The callback over HTTP: what spends the code, and where it redirects."""

from typing import Any

import pytest

from django_plasgate_ip.models import PhoneVerification
from tests.conftest import Answers
from tests.visitor import (
    CODE,
    FAILED,
    STATE,
    Page,
    Visitor,
    newest,
    outcome,
)


def test_a_prefetch_does_not_spend_the_code(visitor: Visitor, answers: Answers) -> None:
    answers()
    visitor.start()

    response = visitor.get(visitor.callback_url(), headers={"Sec-Purpose": "prefetch"})

    assert response.status_code == 503
    assert answers.calls == []
    assert visitor.come_back().status_code == 302
    assert outcome() == ("verified", "")


@pytest.mark.parametrize("method", ["head", "options", "post"])
def test_only_a_get_spends_the_code(visitor: Visitor, answers: Answers, method: str) -> None:
    visitor.start()

    response = getattr(visitor, method)(visitor.callback_url())

    assert response.status_code in (403, 405)
    assert answers.calls == []
    assert outcome() == ("pending", "")


def test_the_code_leaves_the_address_at_once_and_is_in_no_referer_cache_or_log(
    visitor: Visitor,
    stranger: Visitor,
    answers: Answers,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # What the site says of its own pages does not hold for these addresses.
    settings.SECURE_REFERRER_POLICY = "unsafe-url"
    caplog.set_level("DEBUG")
    answers(FAILED)
    visitor.start()
    stranger.authorize_url = visitor.authorize_url

    # "no-referrer" would send the POSTs of this one page's forms with "Origin: null", which the
    # CSRF check refuses.
    policies = ["same-origin", "no-referrer", "no-referrer"]
    for policy, response in zip(
        policies, (stranger.come_back(), visitor.come_back(), visitor.come_back()), strict=True
    ):
        assert response["Referrer-Policy"] == policy
        assert "no-store" in response["Cache-Control"]
        assert "private" in response["Cache-Control"]
        assert CODE not in response.content.decode() + response.get("Location", "")
    ours = [record for record in caplog.records if not record.name.startswith("django.db")]
    assert CODE not in str([record.getMessage() for record in ours])


def test_next_is_checked_again_when_it_is_used(visitor: Visitor, answers: Answers) -> None:
    answers()
    visitor.start(next="/here/")
    PhoneVerification.objects.update(next_url="//evil.example/")

    response = visitor.come_back()

    assert response["Location"] == f"/phone/{newest().pk}/"
    assert Page(visitor.get(response["Location"])).links["Continue"] == "/"


def test_next_is_an_address_and_never_the_name_of_a_view(
    visitor: Visitor, answers: Answers
) -> None:
    answers()

    assert visitor.verify(next="login")["Location"] == "login"


def test_a_callback_without_a_verification_is_a_400_with_a_link_to_start(stranger: Visitor) -> None:
    response = stranger.get("/phone/callback/", {"code": CODE, "state": STATE})

    assert response.status_code == 400
    assert "Start again in this browser" in response.content.decode()
    assert Page(response).links["Start again"] == "/phone/"
