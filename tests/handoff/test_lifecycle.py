"""From the computer to the phone: whose the result is, and who is turned away."""

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import signing
from django.db import DatabaseError
from django.http import Http404, HttpRequest
from django.urls import include, re_path
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from django_plasgate_ip import flow, personal_data, signals
from django_plasgate_ip.handoff import lifecycle
from django_plasgate_ip.models import PhoneHandoff, PhoneVerification
from tests.conftest import Answers, Receivers
from tests.handoffs import (
    FIVE_MINUTES,
    SECOND,
    Phone,
    choices,
    code_on,
    followed,
    hand_over,
    later,
    offered,
    screen_url,
    tap,
)
from tests.visitor import (
    DIGITS,
    FAILED,
    MASKED,
    NUMBER,
    TYPED,
    Page,
    Visitor,
    attempt,
    outcome,
)

pytestmark = pytest.mark.django_db

OTHER_TYPED = "012 345 678"


@pytest.fixture
def phone(db: None) -> Visitor:
    """Return the phone of who sits at the computer; nobody is signed in there."""
    return Phone()


@pytest.fixture
def photographer(db: None) -> Visitor:
    """Return the phone of somebody who has a photograph of the screen."""
    return Phone()


@pytest.fixture
def path(visitor: Visitor) -> str:
    """Return where the QR code on the start page of `visitor`, the computer, leads."""
    return offered(visitor.get("/phone/"))


def text(response: Any) -> str:
    return str(response.content.decode())


def failed_before(computer: Visitor, answers: Answers, **kwargs: Any) -> Any:
    """Return the page of an attempt of the computer's, which was not on mobile data."""
    answers(FAILED)
    page = computer.get(computer.verify(**kwargs)["Location"])
    answers()
    return page


def no_such_shop(request: HttpRequest) -> Any:
    """Be a site's function of the keys, while its tenant is being moved."""
    raise Http404


def is_verified(user: User | None) -> bool:
    return PhoneVerification.objects.verified().filter(user=user).exists()


# The way that it should go


def test_what_a_phone_verifies_is_the_computers_which_goes_on_by_itself(
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


def test_the_phone_is_told_to_go_back_and_not_where_the_computer_goes(
    visitor: Visitor, phone: Visitor, answers: Answers
) -> None:
    answers()
    start = visitor.get("/phone/?next=/here/")
    hand_over(visitor, phone, offered(start))
    followed(visitor, screen_url(start))
    assert attempt().next_url == "/here/"

    page = phone.get(phone.come_back()["Location"])

    assert "Go back to your computer" in text(page)
    assert MASKED in text(page)
    assert "/here/" not in text(page)
    assert NUMBER not in text(page)


def test_the_phones_own_user_and_session_gain_nothing(
    visitor: Visitor, user: User, phone: Visitor, other_user: User, path: str, answers: Answers
) -> None:
    answers()
    phone.force_login(other_user)

    page = phone.get(path)
    assert "signed in to another account" in text(page)
    tap(phone, page, code_on(visitor, path))
    phone.come_back()

    assert attempt().user == user
    assert not is_verified(other_user)
    # Nor at a login later on, of whoever.
    phone.logout()
    phone.force_login(other_user)
    assert not is_verified(other_user)
    assert attempt().user == user


def test_a_phone_that_signs_in_on_the_way_changes_nothing(
    visitor: Visitor, user: User, phone: Visitor, other_user: User, path: str, answers: Answers
) -> None:
    answers()
    hand_over(visitor, phone, path)
    browser = phone.session["plasgate_ip"]
    phone.force_login(other_user)
    assert phone.session["plasgate_ip"] == browser

    phone.come_back()

    assert outcome() == ("verified", "")
    assert attempt().user == user
    assert not is_verified(other_user)


def test_an_anonymous_computers_result_is_its_sessions(
    passer_by: Visitor, phone: Visitor, user: User, answers: Answers
) -> None:
    answers()
    path = offered(passer_by.get("/phone/"))
    assert "not signed in" in text(phone.get(path))
    hand_over(passer_by, phone, path)
    phone.come_back()
    detail = f"/phone/{attempt().pk}/"

    phone.force_login(User.objects.create_user("somebody"))
    assert attempt().user is None
    assert "Go back to your computer" in text(phone.get(detail))

    passer_by.force_login(user)
    assert attempt().user == user
    assert "Go back to your computer" not in text(passer_by.get(detail))


def test_a_number_that_is_known_is_shown_masked_and_not_asked_for_again(
    visitor: Visitor, phone: Visitor, answers: Answers
) -> None:
    failed = failed_before(visitor, answers, next="/here/")
    screen = screen_url(failed)

    page = phone.get(offered(failed))

    assert MASKED in text(page)
    assert "phone_number" not in Page(page).fields
    assert NUMBER not in text(page)
    tap(phone, page, code_on(visitor, screen))
    assert phone.sent["phone_number"] == DIGITS
    phone.come_back()
    assert outcome() == ("verified", "")
    assert visitor.get(screen)["Location"] == "/here/"


def test_a_number_that_has_been_erased_meanwhile_is_asked_for(
    visitor: Visitor, phone: Visitor, answers: Answers
) -> None:
    path = offered(failed_before(visitor, answers))
    PhoneVerification.objects.all().delete()

    hand_over(visitor, phone, path, OTHER_TYPED)

    assert str(attempt().phone_number) == "+85512345678"


def test_scopes_without_a_number_ask_for_none(
    visitor: Visitor, phone: Visitor, answers: Answers, settings: Any
) -> None:
    settings.PLASGATE_IP_SCOPES = ["mobile_id"]
    answers()
    path = offered(visitor.get("/phone/"))

    assert "phone_number" not in Page(phone.get(path)).fields
    hand_over(visitor, phone, path)
    phone.come_back()

    assert outcome() == ("verified", "")


def test_the_link_holds_neither_the_number_nor_next(visitor: Visitor, answers: Answers) -> None:
    path = offered(failed_before(visitor, answers, next="/wallet/of/teak/"))

    token = path.removeprefix("/phone/on/").rstrip("/")
    parts = token.split(":")[0].split(".")
    plain = "".join(str(signing.b64_decode(part.encode())) for part in parts[1:]) + token
    assert DIGITS[3:] not in plain
    assert "wallet" not in plain


def test_an_attempt_without_mobile_data_on_the_phone_leaves_the_computer_a_new_code(
    visitor: Visitor, phone: Visitor, answers: Answers, path: str
) -> None:
    answers(FAILED)
    hand_over(visitor, phone, path)

    page = phone.get(phone.come_back()["Location"])
    assert "Turn off Wi-Fi" in text(page)
    assert "there you can try again" in text(page)
    assert not Page(page).all("section")

    again = visitor.get(visitor.get(f"{path}screen/")["Location"])
    answers()
    assert MASKED in text(phone.get(offered(again)))
    hand_over(visitor, phone, offered(again))
    phone.come_back()
    assert outcome() == ("verified", "")


def test_a_nonce_and_a_continue_page_do_not_stand_in_the_way(
    visitor: Visitor, phone: Visitor, answers: Answers, settings: Any, path: str
) -> None:
    settings.PLASGATE_IP_CALLBACK_NONCE = settings.PLASGATE_IP_CONTINUE_PAGE = True
    answers()

    page = hand_over(visitor, phone, path)

    assert page.status_code == 200
    phone.authorize_url = page["Refresh"].partition("url=")[2]
    phone.come_back()
    assert outcome() == ("verified", "")


# Whose is it, when the computer goes away


def test_after_a_logout_the_result_is_still_the_accounts_and_nobody_elses(
    visitor: Visitor, user: User, other_user: User, phone: Visitor, path: str, answers: Answers
) -> None:
    answers()
    hand_over(visitor, phone, path)
    visitor.logout()
    assert visitor.get(f"{path}screen/").status_code == 404
    visitor.force_login(other_user)
    assert visitor.get(f"{path}screen/").status_code == 404

    phone.come_back()

    assert outcome() == ("verified", "")
    assert attempt().user == user
    assert not is_verified(other_user)
    assert visitor.get(f"{path}screen/").status_code == 404
    assert visitor.get(f"/phone/{attempt().pk}/").status_code == 404


def test_who_logs_in_at_the_computer_shows_nothing_of_what_was_offered_before(
    passer_by: Visitor, user: User, phone: Visitor
) -> None:
    path = offered(passer_by.get("/phone/"))
    page = phone.get(path)
    passer_by.force_login(user)

    assert passer_by.get(f"{path}screen/").status_code == 404
    response = tap(phone, page, PhoneHandoff.objects.get().code)

    assert response.status_code == 409
    assert not PhoneVerification.objects.exists()


def test_a_login_at_the_computer_ends_what_was_under_way(
    passer_by: Visitor, user: User, phone: Visitor, answers: Answers
) -> None:
    answers()
    hand_over(passer_by, phone, offered(passer_by.get("/phone/")))
    passer_by.force_login(user)

    phone.come_back()

    assert outcome() == ("error", "user_changed")
    assert not is_verified(user)


@pytest.mark.parametrize("gone", ["deleted", "closed"])
def test_an_account_that_is_gone_is_told_to_the_phone(
    visitor: Visitor, user: User, phone: Visitor, path: str, gone: str
) -> None:
    page = phone.get(path)
    code = code_on(visitor, path)
    if gone == "deleted":
        user.delete()
    else:
        User.objects.update(is_active=False)

    for response in (phone.get(path), tap(phone, page, code)):
        assert response.status_code == 410
        assert "The account on the computer is not there any more." in text(response)
    assert not PhoneVerification.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_account_that_is_deleted_this_very_moment_is_told_to_the_phone(
    visitor: Visitor, user: User, phone: Visitor, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = phone.get(path)
    code = code_on(visitor, path)
    task = lifecycle.task(lifecycle.read(path.split("/")[3]))
    user.delete()
    monkeypatch.setattr(lifecycle, "task", lambda offer: task)

    response = tap(phone, page, code)

    assert response.status_code == 410
    assert not PhoneVerification.objects.exists()


def test_an_account_that_is_deleted_on_the_way_leaves_a_callback_without_an_attempt(
    visitor: Visitor, user: User, phone: Visitor, path: str, answers: Answers
) -> None:
    answers()
    hand_over(visitor, phone, path)
    user.delete()

    assert phone.come_back().status_code == 400
    assert not PhoneVerification.objects.exists()
    assert answers.calls == []


# Who is turned away


def test_a_second_phone_is_turned_away_and_the_first_goes_on(
    visitor: Visitor, phone: Visitor, photographer: Visitor, path: str, answers: Answers
) -> None:
    answers()
    page = phone.get(path)

    refused = photographer.get(path)

    assert refused.status_code == 403
    assert "Another phone or browser opened this code first." in text(refused)
    assert "scan its new code" in text(refused)
    assert choices(refused) == []
    code = code_on(visitor, path)
    # Not even with the characters, which the screen shows now.
    photographer.get("/accounts/login/")
    token = {"X-CSRFToken": photographer.cookies["csrftoken"].value}
    data = {"code": code, "phone_number": OTHER_TYPED}
    assert photographer.post(path, data, headers=token).status_code == 403
    assert not PhoneVerification.objects.exists()

    tap(phone, page, code)
    phone.come_back()
    assert outcome() == ("verified", "")


def test_a_photographer_who_is_first_must_guess_and_has_one_guess(
    visitor: Visitor, user: User, phone: Visitor, photographer: Visitor, path: str
) -> None:
    page = photographer.get(path)
    assert phone.get(path).status_code == 403
    code = code_on(visitor, path)
    wrong = next(choice for choice in choices(page) if choice != code)

    refused = tap(photographer, page, wrong)

    assert refused.status_code == 403
    assert "nothing was verified" in text(refused)
    again = tap(photographer, page, code)
    assert again.status_code == 410
    assert not PhoneVerification.objects.exists()
    assert followed(visitor, path) == {"stage": "wrong", "code": "", "detail_url": ""}


def test_the_code_is_nowhere_before_a_phone_has_opened_the_link(
    visitor: Visitor, phone: Visitor
) -> None:
    codes = set()
    for _ in range(20):
        page = visitor.get("/phone/")
        assert not PhoneHandoff.objects.filter(pk=lifecycle.read(offered(page).split("/")[3]).pk)
        phone.get(offered(page))
        codes.add(code_on(visitor, offered(page)))
    assert len(codes) > 10


def test_the_phones_choices_are_the_same_at_every_look(
    visitor: Visitor, phone: Visitor, path: str
) -> None:
    first = choices(phone.get(path))

    # Else the one that comes back each time is the right one.
    assert choices(phone.get(path)) == choices(phone.get(path)) == first
    assert len(set(first)) == 6
    assert not set("".join(first)) & set("01258BGILOQSUVZ")
    # It is not always in the same place.
    places = set()
    for _ in range(40):
        path = offered(visitor.get("/phone/"))
        page = phone.get(path)
        places.add(choices(page).index(code_on(visitor, path)))
    assert len(places) > 2


def test_no_tap_counts_before_the_computer_has_shown_the_code(
    visitor: Visitor, phone: Visitor, path: str, answers: Answers
) -> None:
    page = phone.get(path)
    code = PhoneHandoff.objects.get().code

    early = tap(phone, page, code)

    assert early.status_code == 409
    assert Page(early).links["Try again"] == path
    assert not PhoneVerification.objects.exists()
    assert code_on(visitor, path) == code
    assert tap(phone, phone.get(path), code).status_code == 302


def test_a_used_link_is_refused_to_everybody_and_starts_nothing(
    visitor: Visitor, phone: Visitor, photographer: Visitor, path: str, answers: Answers
) -> None:
    answers()
    page = phone.get(path)
    code = code_on(visitor, path)
    tap(phone, page, code)
    phone.come_back()

    for replayed in (phone.get(path), tap(phone, page, code)):
        assert replayed.status_code == 410
        assert "used already" in text(replayed)
        assert Page(replayed).links["See how it went"] == f"/phone/{attempt().pk}/"
    assert photographer.get(path).status_code == 403
    assert PhoneVerification.objects.count() == 1
    assert len(answers.calls) == 1


def test_a_second_tap_finds_the_way_to_plasgate_again(
    visitor: Visitor, phone: Visitor, path: str
) -> None:
    page = phone.get(path)
    code = code_on(visitor, path)
    first = tap(phone, page, code)["Location"]

    own = phone.get(Page(tap(phone, page, code)).links["See how it went"])

    assert Page(own).links["Continue"] == first
    assert own["Refresh"]
    # But only to the phone.
    assert "authenticate" not in text(visitor.get(f"/phone/{attempt().pk}/"))


def test_of_two_taps_in_the_same_moment_the_later_one_starts_nothing(
    visitor: Visitor, phone: Visitor, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = phone.get(path)
    code = code_on(visitor, path)

    def overtaken(*texts: str) -> bool:
        PhoneHandoff.objects.update(used_at=timezone.now())
        return constant_time_compare(*texts)

    monkeypatch.setattr(lifecycle, "constant_time_compare", overtaken)

    assert tap(phone, page, code).status_code == 410
    assert not PhoneVerification.objects.exists()


def test_a_tap_that_a_worker_did_not_survive_ends_late(
    visitor: Visitor, phone: Visitor, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = later(monkeypatch)
    phone.get(path)
    code = code_on(visitor, path)
    PhoneHandoff.objects.update(used_at=timezone.now())

    # As in the moment before the attempt is stored.
    assert followed(visitor, path) == {"stage": "opened", "code": code, "detail_url": ""}
    refused = phone.get(path)
    assert refused.status_code == 410
    assert "See how it went" not in text(refused)
    at(FIVE_MINUTES + 1)
    assert followed(visitor, path)["stage"] == "expired"


def test_a_late_link_is_refused(
    visitor: Visitor, phone: Visitor, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = later(monkeypatch)
    at(FIVE_MINUTES + 1)

    late = phone.get(path)

    assert late.status_code == 410
    assert "more than five minutes old" in text(late)
    assert not PhoneHandoff.objects.exists()
    assert followed(visitor, path)["stage"] == "expired"


def test_a_late_tap_is_refused(
    visitor: Visitor, phone: Visitor, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = later(monkeypatch)
    at(FIVE_MINUTES - 30)
    page = phone.get(path)
    code = code_on(visitor, path)
    at(FIVE_MINUTES + 1)

    late = tap(phone, page, code)

    assert late.status_code == 410
    assert "more than five minutes old" in text(late)
    assert not PhoneVerification.objects.exists()
    assert followed(visitor, path)["stage"] == "expired"


def test_what_was_begun_in_time_is_followed_to_its_end(
    visitor: Visitor, phone: Visitor, path: str, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers()
    at = later(monkeypatch)
    at(FIVE_MINUTES - 30)
    hand_over(visitor, phone, path)
    at(FIVE_MINUTES + 60)

    assert followed(visitor, path)["stage"] == "started"
    phone.come_back()
    assert visitor.get(f"{path}screen/")["Location"] == f"/phone/{attempt().pk}/"


def test_a_link_that_was_tampered_with_is_refused(
    visitor: Visitor, phone: Visitor, path: str
) -> None:
    token = path.split("/")[3]
    other = signing.TimestampSigner(salt="something else").sign(token.split(":")[0])
    version = signing.TimestampSigner(salt=lifecycle.SALT).sign("of.another")
    tampered = (token[:-1], token[1:], f"{token}x", token.replace(":", "", 1), "x", "%00")
    for bad in (*tampered, other, version):
        refused = phone.get(f"/phone/on/{bad}/")

        assert refused.status_code == 404
        assert "not complete, or not one of ours" in text(refused)
        assert visitor.get(f"/phone/on/{bad}/screen/").status_code == 404
    assert not PhoneHandoff.objects.exists()


def test_a_link_signed_with_a_former_key_still_works(
    visitor: Visitor, phone: Visitor, path: str, settings: Any
) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new fake key, for tests only"

    assert phone.get(path).status_code == 200


def test_nobody_else_can_follow(
    visitor: Visitor, user: User, other_user: User, phone: Visitor, path: str, answers: Answers
) -> None:
    stranger, elsewhere, other = Visitor(), Visitor(), Visitor()
    elsewhere.force_login(user)
    other.force_login(other_user)
    for curious in (stranger, elsewhere, other):
        curious.get("/phone/")
        for accept in ("application/json", "text/html"):
            assert curious.get(f"{path}screen/", headers={"Accept": accept}).status_code == 404
    hand_over(visitor, phone, path)
    for curious in (stranger, other, phone):
        assert curious.get(f"{path}screen/").status_code == 404
    for curious in (stranger, other):
        assert curious.get(f"/phone/{attempt().pk}/").status_code == 404


def test_the_browser_that_shows_the_code_cannot_take_it_up_itself(
    visitor: Visitor, path: str
) -> None:
    refused = visitor.get(path)

    assert refused.status_code == 403
    assert "Scan it with your phone" in text(refused)
    assert not PhoneHandoff.objects.exists()


def test_a_code_that_comes_back_in_the_computers_browser_is_refused(
    visitor: Visitor, phone: Visitor, path: str, answers: Answers
) -> None:
    answers()
    hand_over(visitor, phone, path)
    visitor.authorize_url = phone.authorize_url

    assert visitor.come_back().status_code == 400
    assert outcome() == ("pending", "")
    assert answers.calls == []


def test_another_phones_callback_is_refused(
    visitor: Visitor, phone: Visitor, photographer: Visitor, path: str, answers: Answers
) -> None:
    answers()
    hand_over(visitor, phone, path)
    photographer.get(path)
    photographer.authorize_url = phone.authorize_url

    assert photographer.come_back().status_code == 400
    assert outcome() == ("pending", "")
    assert photographer.get(f"/phone/{attempt().pk}/").status_code == 404


def test_what_only_looks_in_advance_ties_the_link_to_nobody(
    visitor: Visitor, phone: Visitor, photographer: Visitor, path: str
) -> None:
    assert photographer.get(path, headers={"Sec-Purpose": "prefetch"}).status_code == 503
    assert photographer.head(path).status_code == 405

    assert not PhoneHandoff.objects.exists()
    assert phone.get(path).status_code == 200


def test_what_opens_the_link_and_keeps_no_cookie_ties_it_to_nobody(
    phone: Visitor, path: str
) -> None:
    for _scanner in range(3):
        assert Visitor().get(path)["Location"] == f"{path}?opened"

    assert not PhoneHandoff.objects.exists()
    assert phone.get(path).status_code == 200


def test_a_browser_without_cookies_is_told_so_and_can_look_again_once_it_keeps_them(
    phone: Visitor, path: str
) -> None:
    Visitor().get(path)
    refused = phone.get(f"{path}?opened")

    assert refused.status_code == 403
    assert "has not kept our cookie" in text(refused)
    assert not PhoneHandoff.objects.exists()
    # By now it keeps them: by the button, or by loading the page again.
    assert Page(refused).links["Try again"] == path
    assert phone.get(f"{path}?opened").status_code == 200


def test_a_tap_whose_session_is_gone_is_not_told_of_another_phone(
    visitor: Visitor, phone: Visitor, path: str
) -> None:
    page = phone.get(path)
    Session.objects.filter(session_key=phone.session.session_key).delete()

    refused = tap(phone, page, code_on(visitor, path))

    assert refused.status_code == 403
    assert "has not kept our cookie" in text(refused)


def test_a_late_link_stores_no_session(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch)(FIVE_MINUTES + SECOND)
    before = Session.objects.count()

    assert Visitor().get(path).status_code == 410
    assert Session.objects.count() == before


def test_no_charset_of_the_clients_hides_that_it_has_looked(path: str) -> None:
    looked = Visitor().get(f"{path}?opened", CONTENT_TYPE="text/plain; charset=utf-16")

    assert looked.status_code == 403


class Unanchored:
    """URLs of a site that takes ours anywhere in a path."""

    urlpatterns = [re_path(r"phone/", include("django_plasgate_ip.urls"))]


@pytest.mark.parametrize("before", ["//evil.example", "/\\evil.example"])
def test_a_path_that_begins_with_another_site_leads_nowhere_else(
    visitor: Visitor, path: str, settings: Any, before: str
) -> None:
    settings.ROOT_URLCONF = Unanchored
    phone = Visitor()
    # As it comes from a server: the test client's own parsing would take the host off.
    odd: Any = {"PATH_INFO": f"{before}{path}"}

    assert phone.get("/", **odd)["Location"] == f"{path}?opened"
    form = Page(phone.get("/", **odd)).form
    assert form is not None
    assert form["action"] == path


def test_a_tap_from_another_site_does_nothing(visitor: Visitor, phone: Visitor, path: str) -> None:
    phone.get(path)

    assert phone.post(path, {"code": code_on(visitor, path)}).status_code == 403
    assert not PhoneVerification.objects.exists()
    assert followed(visitor, path)["stage"] == "opened"


# What does not use the one tap up


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        ("077", None, "This is not a phone number."),
        ("", None, "Type your phone number."),
        # A keyboard's "Go" sends the form without a tap.
        (TYPED, "", "Tap the two characters that your computer shows."),
        (TYPED, "00", "Tap the two characters that your computer shows."),
        (TYPED, "\0\0", "Tap the two characters that your computer shows."),
    ],
)
def test_a_mistake_in_the_form_can_be_mended(
    visitor: Visitor, phone: Visitor, path: str, number: str, code: str | None, said: str
) -> None:
    page = phone.get(path)
    right = code_on(visitor, path)

    again = phone.submit(page, phone_number=number, code=right if code is None else code)

    assert again.status_code == 400
    assert said in text(again)
    assert Page(again).fields["phone_number"] == number
    assert not PhoneVerification.objects.exists()
    assert tap(phone, again, right).status_code == 302


def test_one_start_too_many_is_told_and_the_tap_is_not_used_up(
    visitor: Visitor, user: User, phone: Visitor, path: str, settings: Any
) -> None:
    settings.PLASGATE_IP_MAX_STARTS_PER_USER = 1
    visitor.start()
    before = attempt()

    response = hand_over(visitor, phone, path)

    # The computer's account is what is counted: the phone has none.
    assert response.status_code == 429
    assert response["Retry-After"]
    assert attempt() == before
    assert outcome() == ("pending", "")
    settings.PLASGATE_IP_MAX_STARTS_PER_USER = 2
    assert hand_over(visitor, phone, path).status_code == 302


def test_keys_that_are_not_there_for_a_moment_do_not_use_the_tap_up(
    visitor: Visitor, phone: Visitor, path: str, settings: Any
) -> None:
    page = phone.get(path)
    code = code_on(visitor, path)
    settings.PLASGATE_IP_CREDENTIALS = no_such_shop

    assert tap(phone, page, code).status_code == 404
    assert not PhoneVerification.objects.exists()
    settings.PLASGATE_IP_CREDENTIALS = None
    assert tap(phone, page, code).status_code == 302


def test_a_tap_whose_attempt_is_stored_stays_used_whatever_breaks_then(
    visitor: Visitor, phone: Visitor, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.start()
    page = phone.get(path)
    code = code_on(visitor, path)
    # What ends the computer's earlier attempt, after the new one is there.
    monkeypatch.setattr(flow, "finish_if_live", mock.Mock(side_effect=DatabaseError))

    with pytest.raises(DatabaseError):
        tap(phone, page, code)

    assert tap(phone, page, code).status_code == 410
    assert PhoneVerification.objects.count() == 2


# What else there is


@pytest.mark.django_db(transaction=True)
def test_a_tap_supersedes_what_the_computer_began_and_nothing_of_the_phones(
    visitor: Visitor, phone: Visitor, other_user: User, path: str, receivers: Receivers
) -> None:
    visitor.start()
    computers = attempt()
    phone.force_login(other_user)
    phone.start(OTHER_TYPED)
    phones = attempt()

    hand_over(visitor, phone, path)

    computers.refresh_from_db()
    phones.refresh_from_db()
    assert (computers.status, computers.reason) == ("error", "superseded")
    assert phones.status == "pending"
    # The phone's request is nothing to who hears of the computer's attempts.
    assert [call.kwargs["request"] for call in receivers.failed.call_args_list] == [None]


def test_a_new_start_at_the_computer_supersedes_what_a_phone_carries(
    visitor: Visitor, phone: Visitor, path: str, answers: Answers
) -> None:
    answers()
    hand_over(visitor, phone, path)
    carried = attempt()
    visitor.start()

    phone.come_back()

    carried.refresh_from_db()
    assert (carried.status, carried.reason) == ("error", "superseded")
    assert outcome() == ("pending", "")
    assert answers.calls == []


def test_receivers_get_no_request_of_the_phones(
    visitor: Visitor, user: User, phone: Visitor, path: str, answers: Answers
) -> None:
    requests = []

    def receive(sender: Any, verification: PhoneVerification, request: Any, **kwargs: Any) -> None:
        requests.append(request)

    signals.phone_verified.connect(receive)
    try:
        answers()
        hand_over(visitor, phone, path)
        phone.come_back()
    finally:
        signals.phone_verified.disconnect(receive)

    # It could log the phone in as the computer's account.
    assert requests == [None]


@pytest.mark.django_db(transaction=True)
def test_an_attempt_that_never_comes_back_ends_on_either_side(
    visitor: Visitor, phone: Visitor, path: str, receivers: Receivers
) -> None:
    hand_over(visitor, phone, path)
    PhoneVerification.objects.update(created_at=timezone.now() - timedelta(minutes=6))

    assert "This took too long" in text(phone.get(f"/phone/{attempt().pk}/"))
    assert visitor.get(f"{path}screen/")["Location"] == f"/phone/{attempt().pk}/"
    assert receivers.heard == [("failed", attempt())]


def test_whoever_is_erased_leaves_no_trace_of_a_phone(
    visitor: Visitor, phone: Visitor, path: str, answers: Answers
) -> None:
    answers()
    hand_over(visitor, phone, path)
    phone.come_back()

    personal_data.erase(personal_data.attempts_of_number(TYPED))

    assert not PhoneVerification.objects.exists()
    assert not PhoneHandoff.objects.exists()


def test_a_hand_off_shows_nothing_in_its_text(visitor: Visitor, phone: Visitor, path: str) -> None:
    phone.get(path)
    stored = PhoneHandoff.objects.get()

    assert str(stored) == str(stored.pk)
    assert repr(stored) == f"<PhoneHandoff {stored.pk}>"
    offer = lifecycle.read(path.split("/")[3])
    assert offer.pk == stored.pk


def test_nothing_is_stored_when_the_code_is_shown_but_the_sessions_id(
    visitor: Visitor, passer_by: Visitor
) -> None:
    for browser in (visitor, passer_by):
        browser.get("/phone/")
        before = Session.objects.get(session_key=browser.session.session_key).session_data
        assert list(set(browser.session.keys()) & {"plasgate_ip"})
        browser.get("/phone/")
        after = Session.objects.get(session_key=browser.session.session_key).session_data
        assert before == after
    assert not PhoneHandoff.objects.exists()
