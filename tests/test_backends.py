"""Logging in by a number: who gets in, and everybody who must not."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import aauthenticate, alogin, authenticate, login
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.urls import path
from docutils import nodes

from django_plasgate_ip import flow, signals
from django_plasgate_ip.backends import VerifiedPhoneBackend
from django_plasgate_ip.models import PhoneVerification
from tests import urls
from tests.conftest import Answers
from tests.test_readme import section
from tests.verification.test_claim_at_login import log_in
from tests.visitor import DIGITS, FAILED, MOBILE_ID, NUMBER, SUB, Visitor, attempt, outcome

pytestmark = pytest.mark.django_db

BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "django_plasgate_ip.backends.VerifiedPhoneBackend",
]
SHORT = "tests.test_backends.ShortBackend"
OTHER: dict[str, Any] = {"login_hint": "85512345678"}


class ShortBackend(VerifiedPhoneBackend):
    """A site's own, which is stricter."""

    max_age = timedelta(seconds=30)


def phone_login(request: HttpRequest) -> HttpResponse:
    """Be the view that the README shows."""
    user = authenticate(request, verification=flow.latest(request))
    if user is None:
        return HttpResponse("no", status=403)
    login(request, user)
    return HttpResponse("in")


async def phone_login_async(request: HttpRequest) -> HttpResponse:
    verification = await sync_to_async(flow.latest)(request)
    user = await aauthenticate(request, verification=verification)
    if user is None:
        return HttpResponse("no", status=403)
    await alogin(request, user)
    return HttpResponse("in")


def login_by(request: HttpRequest, pk: str) -> HttpResponse:
    """Be a careless view, which takes anybody's attempt."""
    verification = PhoneVerification.objects.get(pk=pk)
    return HttpResponse(f"{authenticate(request, verification=verification)}")


def login_twice(request: HttpRequest) -> HttpResponse:
    """Be a view that makes a token, and leaves the session as it is."""
    verification = flow.latest(request)
    users = [authenticate(request, verification=verification) for _time in range(2)]
    return HttpResponse(f"{users[0]} {users[1]}")


def who(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


class Site:
    urlpatterns = [
        path("phone-login/", phone_login),
        path("phone-login-async/", phone_login_async),
        path("login-by/<uuid:pk>/", login_by),
        path("login-twice/", login_twice),
        path("who/", who),
        *urls.urlpatterns,
    ]


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.ROOT_URLCONF = Site
    settings.AUTHENTICATION_BACKENDS = BACKENDS
    settings.PLASGATE_IP_LOGIN_REQUIRED = False


@pytest.fixture
def owner(visitor: Visitor, user: User, answers: Answers) -> User:
    """Return the user whose number was verified in their account."""
    answers()
    visitor.verify()
    assert attempt().user == user
    return user


def get_in(browser: Visitor, path: str = "/phone-login/") -> bool:
    """Open the view where ``next`` of a start leads; return whether it let this browser in."""
    response = browser.get(path)
    assert response.status_code in (200, 403)
    return response.status_code == 200


def who_is(browser: Visitor) -> str:
    return str(browser.get("/who/").content.decode())


# Who gets in


@pytest.mark.parametrize("path", ["/phone-login/", "/phone-login-async/"])
def test_the_owner_of_a_number_logs_in_by_verifying_it(
    stranger: Visitor, owner: User, path: str
) -> None:
    response = stranger.verify(next=path)

    assert response["Location"] == path
    assert get_in(stranger, path)
    assert who_is(stranger) == "teak"


def test_the_view_in_the_readme_is_all_that_a_site_needs(stranger: Visitor, owner: User) -> None:
    _settings, code = section("Logging in by phone").findall(nodes.literal_block)
    names: dict[str, Any] = {}
    exec(code.astext(), names)  # noqa: S102 - our own
    stranger.verify()
    request: Any = HttpRequest()
    request.session, request.user = stranger.session, AnonymousUser()

    assert names["phone_login"](request)["Location"] == "/"
    assert request.user == owner
    # And who is nobody goes to the login.
    request.user = AnonymousUser()
    assert names["phone_login"](request)["Location"] == "/accounts/login/"


def test_the_attempt_goes_to_the_account_and_is_no_changed_sim(
    stranger: Visitor, owner: User
) -> None:
    heard = mock.Mock()
    signals.mobile_id_changed.connect(heard)
    stranger.verify()

    assert get_in(stranger)

    signals.mobile_id_changed.disconnect(heard)
    row = attempt()
    assert (row.user, row.mobile_id_changed) == (owner, False)
    assert stranger.get(f"/phone/{row.pk}/").status_code == 200
    heard.assert_not_called()


def test_they_can_do_so_again_and_again(stranger: Visitor, owner: User) -> None:
    for _time in range(3):
        stranger.verify()
        assert get_in(stranger)
        assert who_is(stranger) == "teak"
        stranger.logout()


def test_a_device_that_was_learnt_since_without_a_number_changes_nothing(
    stranger: Visitor, visitor: Visitor, owner: User, answers: Answers
) -> None:
    answers(mobile_id="e1" * 64)
    with scopes("mobile_id"):
        visitor.verify()
    answers()
    stranger.verify()

    assert get_in(stranger)


def test_an_account_without_a_number_gets_the_one_that_was_verified_just_before_its_login(
    stranger: Visitor, user: User, answers: Answers
) -> None:
    answers()
    stranger.verify()
    pass_time(minutes=29)
    log_in(stranger)
    assert attempt().user == user

    elsewhere = Visitor()
    elsewhere.verify()

    assert get_in(elsewhere)


def test_a_number_that_was_left_in_a_session_stays_nobodys(
    stranger: Visitor, user: User, answers: Answers
) -> None:
    answers()
    stranger.verify()
    pass_time(minutes=30)

    log_in(stranger)

    assert attempt().user is None
    assert not PhoneVerification.objects.is_verified(user)


def test_a_password_goes_on_to_work(stranger: Visitor, owner: User) -> None:
    page = stranger.get("/accounts/login/")
    stranger.submit(page, username="teak", password="a password")

    assert who_is(stranger) == "teak"


# Who does not


def no_owner(browser: Visitor, owner: User, answers: Answers) -> None:
    PhoneVerification.objects.all().delete()
    browser.verify()


def another_number(browser: Visitor, owner: User, answers: Answers) -> None:
    answers(**OTHER)
    browser.verify("012 345 678")


def another_sim(browser: Visitor, owner: User, answers: Answers) -> None:
    answers(mobile_id="e1" * 64)
    browser.verify()


def an_inactive_owner(browser: Visitor, owner: User, answers: Answers) -> None:
    User.objects.update(is_active=False)
    browser.verify()


def a_deleted_owner(browser: Visitor, owner: User, answers: Answers) -> None:
    owner.delete()
    browser.verify()


def two_owners(browser: Visitor, owner: User, answers: Answers) -> None:
    PhoneVerification.objects.create(
        user=User.objects.create_user("sok"),
        phone_number=NUMBER,
        scopes="mobile_id phone_verify",
        status="verified",
        mobile_id=MOBILE_ID,
        completed_at=attempt().completed_at,
    )
    browser.verify()


def an_owner_with_a_newer_number(browser: Visitor, owner: User, answers: Answers) -> None:
    signed_in = Visitor()
    signed_in.force_login(owner)
    answers(**OTHER)
    signed_in.verify("012 345 678")
    answers()
    browser.verify()


def an_owner_whose_last_mobile_id_is_unknown(
    browser: Visitor, owner: User, answers: Answers
) -> None:
    PhoneVerification.objects.update(mobile_id="")
    browser.verify()


def a_failure(browser: Visitor, owner: User, answers: Answers) -> None:
    answers(FAILED)
    browser.verify()


def a_start(browser: Visitor, owner: User, answers: Answers) -> None:
    browser.start()


def nothing(browser: Visitor, owner: User, answers: Answers) -> None:
    browser.get("/phone/")


def a_start_after_a_success(browser: Visitor, owner: User, answers: Answers) -> None:
    browser.verify()
    browser.start()


def five_minutes_ago(browser: Visitor, owner: User, answers: Answers) -> None:
    browser.verify()
    pass_time(minutes=5)


def without_a_mobile_id(browser: Visitor, owner: User, answers: Answers) -> None:
    PhoneVerification.objects.update(mobile_id="")
    answers(mobile_id=None)
    with scopes("phone_verify"):
        browser.verify()


def a_learnt_number(browser: Visitor, owner: User, answers: Answers) -> None:
    answers(phone_number=DIGITS)
    with scopes("phone", "mobile_id"):
        browser.verify()
    assert str(attempt().phone_number) == NUMBER


def a_device_without_a_number(browser: Visitor, owner: User, answers: Answers) -> None:
    with scopes("mobile_id"):
        browser.verify()


def finished_by_another_device(browser: Visitor, owner: User, answers: Answers) -> None:
    """Whose holder was sent a link, or shown a code, by who sits in front of this one."""
    browser.start()
    row = attempt()
    values = {"status": "verified", "sub": SUB, "mobile_id": MOBILE_ID}
    PhoneVerification.objects.filter(pk=row.pk).update(**values, completed_at=F("created_at"))
    assert outcome() == ("verified", "")


def carried_by_a_phone(browser: Visitor, owner: User, answers: Answers) -> None:
    """Somebody used the owner's computer for a moment, and verified a number by another session."""
    computer = Visitor()
    computer.force_login(owner)
    answers(**OTHER)
    computer.verify("012 345 678")
    row = attempt()
    assert row.user == owner
    PhoneVerification.objects.filter(pk=row.pk).update(callback_session_id="a phone's")
    browser.verify("012 345 678")


def left_in_a_session(browser: Visitor, owner: User, answers: Answers) -> None:
    """Of who used the browser, while nobody was signed in, before its owner did."""
    pass_time(days=1)
    answers(**OTHER)
    shared = Visitor()
    shared.verify("012 345 678")
    pass_time(minutes=30)
    log_in(shared)
    assert who_is(shared) == owner.username
    browser.verify("012 345 678")


NOBODY: list[Callable[[Visitor, User, Answers], None]] = [
    no_owner,
    another_number,
    another_sim,
    an_inactive_owner,
    a_deleted_owner,
    two_owners,
    an_owner_with_a_newer_number,
    an_owner_whose_last_mobile_id_is_unknown,
    a_failure,
    a_start,
    nothing,
    a_start_after_a_success,
    five_minutes_ago,
    without_a_mobile_id,
    a_learnt_number,
    a_device_without_a_number,
    finished_by_another_device,
    carried_by_a_phone,
    left_in_a_session,
]


def scopes(*names: str) -> Any:
    return mock.patch("django.conf.settings.PLASGATE_IP_SCOPES", names, create=True)


def pass_time(**much: float) -> None:
    """Let the newest attempt have ended that much earlier."""
    PhoneVerification.objects.filter(pk=attempt().pk).update(
        completed_at=F("completed_at") - timedelta(**much)
    )


@pytest.mark.parametrize("came", NOBODY, ids=lambda came: came.__name__)
def test_nobody_is_logged_in_by(
    stranger: Visitor,
    owner: User,
    answers: Answers,
    came: Callable[[Visitor, User, Answers], None],
) -> None:
    came(stranger, owner, answers)

    assert not get_in(stranger)
    assert who_is(stranger) == ""


def test_a_changed_sim_gets_in_once_its_owner_was_asked_and_not_by_coming_twice(
    stranger: Visitor, visitor: Visitor, owner: User, answers: Answers
) -> None:
    answers(mobile_id="e1" * 64)
    visitor.verify()  # in the account, with its password
    stranger.verify()
    assert not get_in(stranger)

    PhoneVerification.objects.for_user(owner).acknowledge_changes()

    assert get_in(stranger)


def test_a_site_may_be_stricter(stranger: Visitor, owner: User, settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = [BACKENDS[0], SHORT]
    stranger.verify()
    pass_time(seconds=31)

    assert not get_in(stranger)


def test_it_is_off_unless_it_is_named(stranger: Visitor, owner: User, settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = BACKENDS[:1]
    stranger.start()
    before = stranger.cookies["sessionid"].value
    stranger.come_back()

    assert not get_in(stranger)
    # A session that gains no login keeps its key, or a callback that comes twice would lose it.
    assert stranger.cookies["sessionid"].value == before
    assert list(stranger.session.keys()) == ["plasgate_ip"]

    # Nor is it good for a backend that comes later.
    settings.AUTHENTICATION_BACKENDS = BACKENDS
    assert not get_in(stranger)


def test_another_sessions_attempt_logs_nobody_in(stranger: Visitor, owner: User) -> None:
    stranger.verify()
    theirs = attempt()
    thief = Visitor()
    thief.verify()

    assert thief.get(f"/login-by/{theirs.pk}/").content == b"None"
    assert stranger.get(f"/login-by/{theirs.pk}/").content == b"teak"


def test_an_accounts_own_attempt_logs_nobody_in(
    stranger: Visitor, visitor: Visitor, owner: User
) -> None:
    theirs = attempt()
    stranger.verify()

    assert stranger.get(f"/login-by/{theirs.pk}/").content == b"None"


def test_what_the_instance_says_does_not_count(
    stranger: Visitor, owner: User, answers: Answers, rf: Any
) -> None:
    answers(mobile_id="e1" * 64)
    stranger.verify()
    request = rf.get("/")
    request.user, request.session = AnonymousUser(), stranger.session
    made_up = attempt()
    made_up.mobile_id = MOBILE_ID
    assert request.session["plasgate_ip_login"] == str(made_up.pk)

    assert authenticate(request, verification=made_up) is None


def test_an_attempt_is_good_once_even_where_no_session_is_logged_in(
    stranger: Visitor, owner: User
) -> None:
    stranger.verify()

    assert stranger.get("/login-twice/").content == b"teak None"
    assert stranger.get("/login-twice/").content == b"None None"


def test_two_requests_at_once_use_it_once(stranger: Visitor, owner: User) -> None:
    """Both have loaded the session before either has used it."""
    stranger.verify()
    other_tab = stranger.session
    assert other_tab["plasgate_ip_login"] == str(attempt().pk)

    assert get_in(stranger)

    request = HttpRequest()
    request.user, request.session = AnonymousUser(), other_tab
    assert authenticate(request, verification=attempt()) is None


def test_who_is_signed_in_already_does_not_become_somebody_else(
    stranger: Visitor, owner: User, other_user: User, rf: Any
) -> None:
    stranger.verify()
    request = rf.get("/")
    request.user, request.session = other_user, stranger.session

    assert authenticate(request, verification=attempt()) is None


def test_without_a_request_or_its_session_there_is_nobody(owner: User, rf: Any) -> None:
    for request in (None, rf.get("/")):
        assert authenticate(request, verification=attempt()) is None


# The session


@pytest.mark.parametrize("engine", ["db", "cache", "signed_cookies"])
def test_who_put_their_session_into_the_visitors_browser_gets_nothing(
    owner: User, settings: Any, engine: str
) -> None:
    """Session fixation, with an attempt of the attacker's own in it."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    attacker, victim = Visitor(), Visitor()
    attacker.start()
    planted = attacker.cookies["sessionid"].value
    victim.cookies["sessionid"] = planted
    victim.authorize_url = attacker.authorize_url
    victim.come_back()
    assert outcome() == ("verified", "")

    assert not get_in(attacker)
    assert victim.cookies["sessionid"].value != planted
    assert get_in(victim)


def test_a_login_gives_the_session_another_key(stranger: Visitor, owner: User) -> None:
    stranger.verify()
    before = stranger.cookies["sessionid"].value

    assert get_in(stranger)

    assert stranger.cookies["sessionid"].value != before
    assert "plasgate_ip_login" not in stranger.session


def test_an_account_that_is_closed_is_out_at_once(stranger: Visitor, owner: User) -> None:
    stranger.verify()
    assert get_in(stranger)

    User.objects.update(is_active=False)

    assert who_is(stranger) == ""


def test_the_backend_gives_nobody_a_permission(stranger: Visitor, owner: User) -> None:
    assert VerifiedPhoneBackend().get_all_permissions(owner) == set()


def test_the_session_of_another_device_that_finished_it_may_not_log_in(
    stranger: Visitor, owner: User, rf: Any
) -> None:
    """Nor may the one that began it, which has its own test above."""
    finished_by_another_device(stranger, owner, Answers)  # type: ignore[arg-type]
    phone = Visitor()
    phone.start()
    request = rf.get("/")
    request.user, request.session = AnonymousUser(), phone.session
    row = PhoneVerification.objects.get(user=None, status="verified")

    signals.phone_verified.send(PhoneVerification, verification=row, request=request)

    assert list(request.session.keys()) == ["plasgate_ip"]
    assert authenticate(request, verification=row) is None


def test_a_site_that_completes_an_attempt_without_a_session_logs_nobody_in(
    owner: User, rf: Any
) -> None:
    row = attempt()
    PhoneVerification.objects.filter(pk=row.pk).update(user=None)
    row.refresh_from_db()

    signals.phone_verified.send(PhoneVerification, verification=row, request=rf.get("/"))

    assert attempt().user is None
