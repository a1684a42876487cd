"""Who is refused, and what uses up the one tap."""

from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from django_plasgate_ip.exceptions import InvalidScopes
from django_plasgate_ip.handoff import claim_and_confirm
from django_plasgate_ip.handoff.errors import HandoffRefused, Refusal
from django_plasgate_ip.handoff.models import PhoneHandoff
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import transitions
from tests.conftest import Answers
from tests.handoff.devices import (
    FIVE_MINUTES,
    OTHER_TYPED,
    choices,
    code_on,
    followed,
    hand_over,
    later,
    tap,
    text,
)
from tests.visitor import Page, Visitor, attempt, outcome

pytestmark = pytest.mark.django_db


def no_such_shop(request: HttpRequest) -> Any:
    """Be a site's function for keys, which finds no tenant."""
    raise Http404


@pytest.mark.parametrize("reason", Refusal)
def test_each_refusal_has_a_sentence_and_a_short_error(reason: Refusal) -> None:
    assert str(reason.visitor_message).endswith(".")
    assert str(HandoffRefused(reason)) == f"The hand-off was refused: {reason.value}."


# Who may open a link


def test_a_second_phone_is_turned_away_and_the_first_goes_on(
    visitor: Visitor, phone: Visitor, photographer: Visitor, link: str, answers: Answers
) -> None:
    answers()
    page = phone.get(link)

    refused = photographer.get(link)

    assert refused.status_code == 403
    assert "Another phone or browser opened this code first." in text(refused)
    assert "scan its new code" in text(refused)
    assert choices(refused) == []
    code = code_on(visitor, link)
    # Not even with the characters, which the screen shows now.
    photographer.get("/accounts/login/")
    token = {"X-CSRFToken": photographer.cookies["csrftoken"].value}
    data = {"code": code, "phone_number": OTHER_TYPED}
    assert photographer.post(link, data, headers=token).status_code == 403
    assert not PhoneVerification.objects.exists()

    tap(phone, page, code)
    phone.come_back()
    assert outcome() == ("verified", "")


def test_the_browser_that_shows_the_code_can_not_use_it(visitor: Visitor, link: str) -> None:
    refused = visitor.get(link)

    assert refused.status_code == 403
    assert "Scan it with your phone" in text(refused)
    assert not PhoneHandoff.objects.exists()


@pytest.mark.parametrize("gone", ["deleted", "closed"])
def test_an_account_that_is_gone_is_reported_on_the_phone(
    visitor: Visitor, user: User, phone: Visitor, link: str, gone: str
) -> None:
    page = phone.get(link)
    code = code_on(visitor, link)
    if gone == "deleted":
        user.delete()
    else:
        User.objects.update(is_active=False)

    for response in (phone.get(link), tap(phone, page, code)):
        assert response.status_code == 410
        assert "The account on the computer is not there any more." in text(response)
    assert not PhoneVerification.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_account_that_is_deleted_during_the_tap_is_reported_on_the_phone(
    visitor: Visitor, user: User, phone: Visitor, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = phone.get(link)
    code = code_on(visitor, link)
    # The row of the account is deleted after it was read.
    read = User.objects.get()
    user.delete()
    monkeypatch.setattr(claim_and_confirm, "_user_of", lambda token: read)

    response = tap(phone, page, code)

    assert response.status_code == 410
    assert not PhoneVerification.objects.exists()


def test_a_late_link_is_refused(
    visitor: Visitor, phone: Visitor, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = later(monkeypatch)
    at(FIVE_MINUTES + 1)

    late = phone.get(link)

    assert late.status_code == 410
    assert "more than five minutes old" in text(late)
    assert not PhoneHandoff.objects.exists()
    assert followed(visitor, link)["stage"] == "expired"


def test_a_late_tap_is_refused(
    visitor: Visitor, phone: Visitor, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = later(monkeypatch)
    at(FIVE_MINUTES - 30)
    page = phone.get(link)
    code = code_on(visitor, link)
    at(FIVE_MINUTES + 1)

    late = tap(phone, page, code)

    assert late.status_code == 410
    assert "more than five minutes old" in text(late)
    assert not PhoneVerification.objects.exists()
    assert followed(visitor, link)["stage"] == "expired"


def test_a_verification_that_started_in_time_is_followed_to_its_end(
    visitor: Visitor, phone: Visitor, link: str, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers()
    at = later(monkeypatch)
    at(FIVE_MINUTES - 30)
    hand_over(visitor, phone, link)
    at(FIVE_MINUTES + 60)

    assert followed(visitor, link)["stage"] == "started"
    phone.come_back()
    assert visitor.get(f"{link}screen/")["Location"] == f"/phone/{attempt().pk}/"


# One tap


def test_a_photographer_who_is_first_must_guess_and_has_one_guess(
    visitor: Visitor, user: User, phone: Visitor, photographer: Visitor, link: str
) -> None:
    page = photographer.get(link)
    assert phone.get(link).status_code == 403
    code = code_on(visitor, link)
    wrong = next(choice for choice in choices(page) if choice != code)

    refused = tap(photographer, page, wrong)

    assert refused.status_code == 403
    assert "nothing was verified" in text(refused)
    again = tap(photographer, page, code)
    assert again.status_code == 410
    assert not PhoneVerification.objects.exists()
    assert followed(visitor, link) == {"stage": "wrong", "code": "", "detail_url": ""}


def test_no_tap_counts_before_the_computer_has_shown_the_code(
    visitor: Visitor, phone: Visitor, link: str, answers: Answers
) -> None:
    page = phone.get(link)
    code = PhoneHandoff.objects.get().code

    early = tap(phone, page, code)

    assert early.status_code == 409
    assert Page(early).links["Try again"] == link
    assert not PhoneVerification.objects.exists()
    assert code_on(visitor, link) == code
    assert tap(phone, phone.get(link), code).status_code == 302


def test_a_used_link_is_refused_to_everybody_and_starts_nothing(
    visitor: Visitor, phone: Visitor, photographer: Visitor, link: str, answers: Answers
) -> None:
    answers()
    page = phone.get(link)
    code = code_on(visitor, link)
    tap(phone, page, code)
    phone.come_back()

    for replayed in (phone.get(link), tap(phone, page, code)):
        assert replayed.status_code == 410
        assert "used already" in text(replayed)
        assert Page(replayed).links["See how it went"] == f"/phone/{attempt().pk}/"
    assert photographer.get(link).status_code == 403
    assert PhoneVerification.objects.count() == 1
    assert len(answers.calls) == 1


def test_of_two_taps_in_the_same_moment_the_later_one_starts_nothing(
    visitor: Visitor, phone: Visitor, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = phone.get(link)
    code = code_on(visitor, link)

    def overtaken(*texts: str) -> bool:
        PhoneHandoff.objects.update(used_at=timezone.now())
        return constant_time_compare(*texts)

    monkeypatch.setattr(claim_and_confirm, "constant_time_compare", overtaken)

    assert tap(phone, page, code).status_code == 410
    assert not PhoneVerification.objects.exists()


def test_a_tap_whose_worker_was_killed_expires(
    visitor: Visitor, phone: Visitor, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = later(monkeypatch)
    phone.get(link)
    code = code_on(visitor, link)
    PhoneHandoff.objects.update(used_at=timezone.now())

    # As in the moment before the verification is stored.
    assert followed(visitor, link) == {"stage": "opened", "code": code, "detail_url": ""}
    refused = phone.get(link)
    assert refused.status_code == 410
    assert "See how it went" not in text(refused)
    at(FIVE_MINUTES + 1)
    assert followed(visitor, link)["stage"] == "expired"


# What does not use the tap up


def test_a_start_over_the_limit_does_not_use_the_tap_up(
    visitor: Visitor, user: User, phone: Visitor, link: str, settings: Any
) -> None:
    settings.PLASGATE_IP_MAX_STARTS_PER_USER = 1
    visitor.start()
    before = attempt()

    response = hand_over(visitor, phone, link)

    # The computer's account is counted: the phone has none.
    assert response.status_code == 429
    assert response["Retry-After"]
    assert attempt() == before
    assert outcome() == ("pending", "")
    settings.PLASGATE_IP_MAX_STARTS_PER_USER = 2
    assert hand_over(visitor, phone, link).status_code == 302


def test_missing_keys_do_not_use_the_tap_up(
    visitor: Visitor, phone: Visitor, link: str, settings: Any
) -> None:
    page = phone.get(link)
    code = code_on(visitor, link)
    settings.PLASGATE_IP_CREDENTIALS = no_such_shop

    assert tap(phone, page, code).status_code == 404
    assert not PhoneVerification.objects.exists()
    settings.PLASGATE_IP_CREDENTIALS = None
    assert tap(phone, page, code).status_code == 302


def test_wrong_scopes_do_not_use_the_tap_up(
    visitor: Visitor, phone: Visitor, link: str, settings: Any
) -> None:
    page = phone.get(link)
    code = code_on(visitor, link)
    settings.PLASGATE_IP_SCOPES = ["openid"]

    with pytest.raises(InvalidScopes):
        tap(phone, page, code)
    del settings.PLASGATE_IP_SCOPES
    assert tap(phone, page, code).status_code == 302


def test_an_error_after_the_verification_is_stored_leaves_the_tap_used(
    visitor: Visitor, phone: Visitor, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.start()
    page = phone.get(link)
    code = code_on(visitor, link)
    # It ends the computer's earlier verification, after the new one is stored.
    monkeypatch.setattr(transitions, "finish_if_live", mock.Mock(side_effect=DatabaseError))

    with pytest.raises(DatabaseError):
        tap(phone, page, code)

    assert tap(phone, page, code).status_code == 410
    assert PhoneVerification.objects.count() == 2
