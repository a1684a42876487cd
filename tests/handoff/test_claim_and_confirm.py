"""Scan, look and tap: whose the result is, and what is stored."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from django_plasgate_ip import signals
from django_plasgate_ip.handoff import tokens
from django_plasgate_ip.handoff.models import PhoneHandoff
from django_plasgate_ip.models import PhoneVerification
from tests.conftest import Answers, Receivers
from tests.handoff.devices import (
    OTHER_TYPED,
    choices,
    code_on,
    followed,
    hand_over,
    offered,
    screen_url,
    tap,
    text,
    token_of,
)
from tests.visitor import DIGITS, FAILED, NUMBER, Page, Visitor, attempt, outcome

pytestmark = pytest.mark.django_db


def is_verified(user: User | None) -> bool:
    return PhoneVerification.objects.verified().filter(user=user).exists()


# The whole way


def test_the_phones_verification_is_the_computers_which_is_redirected(
    visitor: Visitor, user: User, phone: Visitor, answers: Answers, receivers: Receivers
) -> None:
    answers()
    start = visitor.get("/phone/?next=/here/")
    screen = screen_url(start)
    assert followed(visitor, screen) == {"stage": "waiting", "code": "", "detail_url": ""}

    page = phone.get(offered(start))
    code = code_on(visitor, screen)
    assert code in choices(page)
    sent = tap(phone, page, code)

    assert sent.status_code == 302
    assert phone.sent["phone_number"] == DIGITS
    detail = f"/phone/{attempt().pk}/"
    assert followed(visitor, screen) == {"stage": "started", "code": "", "detail_url": detail}
    assert visitor.get(detail, headers={"Accept": "application/json"}).json()["status"] == "pending"

    back = phone.come_back()

    assert back["Location"] == detail
    assert outcome() == ("verified", "")
    assert PhoneVerification.objects.is_verified(user, NUMBER)
    assert receivers.heard == [("verified", attempt())]
    assert visitor.get(screen)["Location"] == "/here/"


def test_the_phones_own_user_and_session_gain_nothing(
    visitor: Visitor, user: User, phone: Visitor, other_user: User, link: str, answers: Answers
) -> None:
    answers()
    phone.force_login(other_user)

    page = phone.get(link)
    assert "signed in to another account" in text(page)
    tap(phone, page, code_on(visitor, link))
    phone.come_back()

    assert attempt().user == user
    assert not is_verified(other_user)
    # Nor at a later login of any account.
    phone.logout()
    phone.force_login(other_user)
    assert not is_verified(other_user)
    assert attempt().user == user


def test_a_phone_that_signs_in_on_the_way_changes_nothing(
    visitor: Visitor, user: User, phone: Visitor, other_user: User, link: str, answers: Answers
) -> None:
    answers()
    hand_over(visitor, phone, link)
    session_id = phone.session["plasgate_ip"]
    phone.force_login(other_user)
    assert phone.session["plasgate_ip"] == session_id

    phone.come_back()

    assert outcome() == ("verified", "")
    assert attempt().user == user
    assert not is_verified(other_user)


def test_an_anonymous_computers_result_is_its_sessions(
    passer_by: Visitor, phone: Visitor, user: User, answers: Answers
) -> None:
    answers()
    link = offered(passer_by.get("/phone/"))
    assert "not signed in" in text(phone.get(link))
    hand_over(passer_by, phone, link)
    phone.come_back()
    detail = f"/phone/{attempt().pk}/"

    phone.force_login(User.objects.create_user("somebody"))
    assert attempt().user is None
    assert "Go back to your computer" in text(phone.get(detail))

    passer_by.force_login(user)
    assert attempt().user == user
    assert "Go back to your computer" not in text(passer_by.get(detail))


def test_scopes_without_a_number_ask_for_none(
    visitor: Visitor, phone: Visitor, answers: Answers, settings: Any
) -> None:
    settings.PLASGATE_IP_SCOPES = ["mobile_id"]
    answers()
    link = offered(visitor.get("/phone/"))

    assert "phone_number" not in Page(phone.get(link)).fields
    hand_over(visitor, phone, link)
    phone.come_back()

    assert outcome() == ("verified", "")


def test_a_phone_that_was_not_on_mobile_data_leaves_the_computer_a_new_code(
    visitor: Visitor, phone: Visitor, answers: Answers, link: str
) -> None:
    answers(FAILED)
    hand_over(visitor, phone, link)

    page = phone.get(phone.come_back()["Location"])
    assert "Turn off Wi-Fi" in text(page)
    assert "there you can try again" in text(page)
    assert not Page(page).all("section")

    again = visitor.get(visitor.get(f"{link}screen/")["Location"])
    answers()
    assert Page(phone.get(offered(again))).fields["phone_number"] == ""
    hand_over(visitor, phone, offered(again))
    phone.come_back()
    assert outcome() == ("verified", "")


def test_it_works_with_a_nonce_and_a_continue_page(
    visitor: Visitor, phone: Visitor, answers: Answers, settings: Any, link: str
) -> None:
    settings.PLASGATE_IP_CALLBACK_NONCE = settings.PLASGATE_IP_CONTINUE_PAGE = True
    answers()

    page = hand_over(visitor, phone, link)

    assert page.status_code == 200
    phone.authorize_url = page["Refresh"].partition("url=")[2]
    phone.come_back()
    assert outcome() == ("verified", "")


# Whose the result is


def test_after_a_logout_the_result_is_still_the_accounts_and_nobody_elses(
    visitor: Visitor, user: User, other_user: User, phone: Visitor, link: str, answers: Answers
) -> None:
    answers()
    hand_over(visitor, phone, link)
    visitor.logout()
    assert visitor.get(f"{link}screen/").status_code == 404
    visitor.force_login(other_user)
    assert visitor.get(f"{link}screen/").status_code == 404

    phone.come_back()

    assert outcome() == ("verified", "")
    assert attempt().user == user
    assert not is_verified(other_user)
    assert visitor.get(f"{link}screen/").status_code == 404
    assert visitor.get(f"/phone/{attempt().pk}/").status_code == 404


def test_a_login_at_the_computer_ends_the_invitation(
    passer_by: Visitor, user: User, phone: Visitor
) -> None:
    link = offered(passer_by.get("/phone/"))
    page = phone.get(link)
    passer_by.force_login(user)

    assert passer_by.get(f"{link}screen/").status_code == 404
    response = tap(phone, page, PhoneHandoff.objects.get().code)

    assert response.status_code == 409
    assert not PhoneVerification.objects.exists()


def test_a_login_at_the_computer_ends_the_verification(
    passer_by: Visitor, user: User, phone: Visitor, answers: Answers
) -> None:
    answers()
    hand_over(passer_by, phone, offered(passer_by.get("/phone/")))
    passer_by.force_login(user)

    phone.come_back()

    assert outcome() == ("error", "user_changed")
    assert not is_verified(user)


def test_the_callback_for_a_deleted_account_finds_no_verification(
    visitor: Visitor, user: User, phone: Visitor, link: str, answers: Answers
) -> None:
    answers()
    hand_over(visitor, phone, link)
    user.delete()

    assert phone.come_back().status_code == 400
    assert not PhoneVerification.objects.exists()
    assert answers.calls == []


def test_a_code_that_comes_back_in_the_computers_browser_is_refused(
    visitor: Visitor, phone: Visitor, link: str, answers: Answers
) -> None:
    answers()
    hand_over(visitor, phone, link)
    visitor.authorize_url = phone.authorize_url

    assert visitor.come_back().status_code == 400
    assert outcome() == ("pending", "")
    assert answers.calls == []


def test_another_phones_callback_is_refused(
    visitor: Visitor, phone: Visitor, photographer: Visitor, link: str, answers: Answers
) -> None:
    answers()
    hand_over(visitor, phone, link)
    photographer.get(link)
    photographer.authorize_url = phone.authorize_url

    assert photographer.come_back().status_code == 400
    assert outcome() == ("pending", "")
    assert photographer.get(f"/phone/{attempt().pk}/").status_code == 404


# What it does to other verifications, and to receivers


@pytest.mark.django_db(transaction=True)
def test_a_tap_supersedes_the_computers_verification_and_not_the_phones_own(
    visitor: Visitor, phone: Visitor, other_user: User, link: str, receivers: Receivers
) -> None:
    visitor.start()
    computers = attempt()
    phone.force_login(other_user)
    phone.start(OTHER_TYPED)
    phones = attempt()

    hand_over(visitor, phone, link)

    computers.refresh_from_db()
    phones.refresh_from_db()
    assert (computers.status, computers.reason) == ("error", "superseded")
    assert phones.status == "pending"
    # Receivers get no request of the phone's.
    assert [call.kwargs["request"] for call in receivers.failed.call_args_list] == [None]


def test_a_new_start_at_the_computer_supersedes_the_handed_over_verification(
    visitor: Visitor, phone: Visitor, link: str, answers: Answers
) -> None:
    answers()
    hand_over(visitor, phone, link)
    carried = attempt()
    visitor.start()

    phone.come_back()

    carried.refresh_from_db()
    assert (carried.status, carried.reason) == ("error", "superseded")
    assert outcome() == ("pending", "")
    assert answers.calls == []


def test_receivers_get_no_request_of_the_phones(
    visitor: Visitor, user: User, phone: Visitor, link: str, answers: Answers
) -> None:
    requests = []

    def receive(sender: Any, verification: PhoneVerification, request: Any, **kwargs: Any) -> None:
        requests.append(request)

    signals.phone_verified.connect(receive)
    try:
        answers()
        hand_over(visitor, phone, link)
        phone.come_back()
    finally:
        signals.phone_verified.disconnect(receive)

    # A receiver could log the phone in as the computer's account.
    assert requests == [None]


@pytest.mark.django_db(transaction=True)
def test_a_verification_that_never_comes_back_ends_on_either_side(
    visitor: Visitor, phone: Visitor, link: str, receivers: Receivers
) -> None:
    hand_over(visitor, phone, link)
    PhoneVerification.objects.update(created_at=timezone.now() - timedelta(minutes=6))

    assert "This took too long" in text(phone.get(f"/phone/{attempt().pk}/"))
    assert visitor.get(f"{link}screen/")["Location"] == f"/phone/{attempt().pk}/"
    assert receivers.heard == [("failed", attempt())]


# The next URL


def test_the_first_next_stays(visitor: Visitor, phone: Visitor, answers: Answers) -> None:
    answers()
    link = offered(visitor.get("/phone/"))
    hand_over(visitor, phone, link)
    visitor.get(f"{link}screen/?next=/here/")
    visitor.get(f"{link}screen/?next=/there/")
    phone.come_back()

    assert visitor.get(f"{link}screen/")["Location"] == "/here/"


# The row


def test_the_code_is_drawn_when_a_phone_opens_the_link(visitor: Visitor, phone: Visitor) -> None:
    codes = set()
    for _ in range(20):
        page = visitor.get("/phone/")
        pk = tokens.read(token_of(offered(page))).pk
        assert not PhoneHandoff.objects.filter(pk=pk)
        phone.get(offered(page))
        codes.add(code_on(visitor, offered(page)))
    assert len(codes) > 10


def test_the_phones_choices_are_the_same_at_every_look(
    visitor: Visitor, phone: Visitor, link: str
) -> None:
    first = choices(phone.get(link))

    # If each look drew new choices, the one that stays would be the right one.
    assert choices(phone.get(link)) == choices(phone.get(link)) == first
    assert len(set(first)) == 6
    assert not set("".join(first)) & set("01258BGILOQSUVZ")
    # The right one is not always in the same place.
    places = set()
    for _ in range(40):
        link = offered(visitor.get("/phone/"))
        page = phone.get(link)
        places.add(choices(page).index(code_on(visitor, link)))
    assert len(places) > 2


def test_a_hand_off_shows_nothing_in_its_text(visitor: Visitor, phone: Visitor, link: str) -> None:
    phone.get(link)
    stored = PhoneHandoff.objects.get()

    assert str(stored) == str(stored.pk)
    assert repr(stored) == f"<PhoneHandoff: {stored.pk}>"
    assert tokens.read(token_of(link)).pk == stored.pk


def test_a_new_hand_off_deletes_those_that_are_older_than_an_hour(
    phone: Visitor, link: str
) -> None:
    ages = (timedelta(minutes=61), timedelta(days=9), timedelta(minutes=59))
    _old, _older, young = (
        PhoneHandoff.objects.create(pk=uuid4(), created_at=timezone.now() - age) for age in ages
    )

    phone.get(link)

    made = tokens.read(token_of(link)).pk
    assert set(PhoneHandoff.objects.values_list("pk", flat=True)) == {young.pk, made}


def test_a_second_look_deletes_nothing(phone: Visitor, photographer: Visitor, link: str) -> None:
    phone.get(link)
    old = PhoneHandoff.objects.create(pk=uuid4(), created_at=timezone.now() - timedelta(days=9))

    phone.get(link)
    photographer.get(link)

    assert PhoneHandoff.objects.filter(pk=old.pk).exists()
