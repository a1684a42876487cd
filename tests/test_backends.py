"""Login by a verified number: which account is logged in, and when none is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth import authenticate, login
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import path
from django.utils import timezone

from django_plasgate_ip import signals
from django_plasgate_ip.backends import LOGIN_KEY, VerifiedPhoneBackend, on_phone_verified
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.querysets import PhoneVerificationQuerySet
from django_plasgate_ip.testing import make_verification
from django_plasgate_ip.verification.browser_session import SESSION_KEY
from tests import urls, visitor
from tests.verification.test_claim_at_login import log_in
from tests.visitor import DIGITS, FAILED, MOBILE_ID, Visitor, newest, outcome

pytestmark = pytest.mark.django_db

BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "django_plasgate_ip.backends.VerifiedPhoneBackend",
]
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
OTHER_NUMBER = "012 345 678"
OTHER_SIM = "e1" * 64


def phone_login(request: HttpRequest) -> HttpResponse:
    """Be the view that the documentation shows."""
    verification = VerifiedPhoneBackend().fresh_verification(request)
    user = authenticate(request, verification=verification) if verification else None
    if user is None:
        return HttpResponse("no", status=403)
    login(request, user)
    return HttpResponse("in")


class Site:
    urlpatterns = [path("phone-login/", phone_login), *urls.urlpatterns]


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.ROOT_URLCONF = Site
    settings.AUTHENTICATION_BACKENDS = BACKENDS
    settings.PLASGATE_IP_LOGIN_REQUIRED = False


@pytest.fixture
def owner(user: User) -> User:
    """Return a user who verified their number yesterday."""
    make_verification(user, age=DAY)
    return user


def request_of(row: PhoneVerification | None, user: Any = None) -> HttpRequest:
    """Return a request of a session that has just verified `row`."""
    request = visitor.request_of(user)
    if row is not None:
        request.session[LOGIN_KEY] = str(row.pk)
    return request


class StricterBackend(VerifiedPhoneBackend):
    max_age = MINUTE / 2
    allow_staff = True


def log_in_by(
    row: PhoneVerification,
    request: HttpRequest | None = None,
    backend: type[VerifiedPhoneBackend] = VerifiedPhoneBackend,
) -> Any:
    """Return the user that the backend finds; by default in the session that verified `row`."""
    return backend().authenticate(request or request_of(row), row)


def test_the_verification_logs_in_its_numbers_owner_once_and_becomes_theirs(owner):
    make_verification(owner, age=2 * DAY)  # another one of the same account
    row, somebodys = make_verification(), make_verification()
    request = request_of(row)

    assert log_in_by(row, request) == owner
    assert list(request.session.keys()) == []
    assert PhoneVerification.objects.get(pk=row.pk).user == owner
    assert PhoneVerification.objects.get(pk=somebodys.pk).user is None
    assert log_in_by(row, request) is None
    # Nor in a request that loaded the session earlier.
    assert VerifiedPhoneBackend().fresh_verification(request_of(row)) is None


#: What an account may have beside, or instead of, its verification of yesterday.
REFUSED: dict[str, Callable[[User], Any]] = {
    "no owner": lambda owner: owner.delete(),
    "an inactive owner": lambda owner: User.objects.update(is_active=False),
    "two owners": lambda owner: make_verification(User.objects.create_user("sok"), age=DAY),
    "a newer number": lambda owner: make_verification(
        owner, phone_number=OTHER_NUMBER, mobile_id=MOBILE_ID
    ),
    "an untrusted last row": lambda owner: make_verification(owner, scopes=["phone", "mobile_id"]),
    "a claim": lambda owner: make_verification(owner, age=2 * DAY, claimed_at_login=True),
    "a changed number": lambda owner: make_verification(owner, age=2 * DAY, number_changed=True),
    "a member of staff": lambda owner: User.objects.update(is_staff=True),
    "a superuser": lambda owner: User.objects.update(is_superuser=True),
    "another number by SMS": lambda owner: make_verification(
        owner, phone_number=OTHER_NUMBER, method="sms"
    ),
    "another account by SMS": lambda owner: make_verification(
        User.objects.create_user("sok"), method="sms"
    ),
    "no number by network": lambda owner: PhoneVerification.objects.update(method="sms"),
    "a newer SIM": lambda owner: make_verification(owner, mobile_id=OTHER_SIM),
    "a last SIM that is unknown": lambda owner: make_verification(owner, mobile_id=""),
    "a changed SIM": lambda owner: make_verification(owner, age=2 * DAY, mobile_id_changed=True),
    "only a failure": lambda owner: [
        PhoneVerification.objects.all().delete(),
        make_verification(owner, "failed", DIGITS),
    ],
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=list(REFUSED))
def test_nobody_is_logged_in_where_the_number_has(owner, change):
    change(owner)

    assert log_in_by(make_verification()) is None


def test_other_numbers_failures_and_an_acknowledged_change_do_not_count(owner, other_user):
    make_verification(other_user, phone_number=OTHER_NUMBER)
    make_verification(other_user, "failed", DIGITS)
    make_verification(owner, phone_number=OTHER_NUMBER, age=3 * DAY)
    make_verification(owner, age=2 * DAY, mobile_id_changed=True)
    PhoneVerification.objects.for_user(owner).acknowledge_changes()
    # Newer ones without a SIM, and without a number.
    make_verification(owner, method="sms")
    make_verification(owner, scopes=["mobile_id"], mobile_id=OTHER_SIM)

    assert log_in_by(make_verification()) == owner


def test_another_number_another_sim_or_no_proof_of_either_logs_nobody_in(owner):
    untyped = {"scopes": ["phone", "mobile_id"]}
    for changes in ({"phone_number": OTHER_NUMBER}, {"mobile_id": OTHER_SIM}, untyped):
        assert log_in_by(make_verification(**changes)) is None, changes
    assert log_in_by(make_verification(method="sms")) is None

    PhoneVerification.objects.for_user(owner).update(mobile_id="")
    assert log_in_by(make_verification(mobile_id="")) is None


def test_a_verification_is_good_for_max_age(owner, monkeypatch):
    now, tick = timezone.now(), timedelta(microseconds=1)
    monkeypatch.setattr(timezone, "now", lambda: now)
    for backend, max_age in ((VerifiedPhoneBackend, 5 * MINUTE), (StricterBackend, MINUTE / 2)):
        row = make_verification()
        for ago, found in ((max_age + tick, None), (max_age, owner)):
            PhoneVerification.objects.filter(pk=row.pk).update(completed_at=now - ago)
            assert log_in_by(row, backend=backend) == found


def test_the_stored_row_counts_and_not_the_instance(owner):
    row = make_verification(mobile_id=OTHER_SIM)
    row.mobile_id = MOBILE_ID
    assert log_in_by(row) is None

    PhoneVerification.objects.filter(pk=row.pk).delete()
    assert log_in_by(row) is None


def test_only_the_verifying_anonymous_session_is_logged_in(owner, other_user):
    """Not another session, and not one that started it and let another device complete it."""
    row, theirs = make_verification(), make_verification()
    backend = VerifiedPhoneBackend()

    others = (request_of(None), request_of(theirs), request_of(row, other_user))
    for request in (*others, RequestFactory().get("/"), None):
        assert backend.authenticate(request, row) is None
    assert backend.authenticate(request_of(None), None) is None


def test_two_requests_at_once_log_in_once(owner, monkeypatch):
    row = make_verification()
    look = PhoneVerificationQuerySet.with_unacknowledged_change

    def look_late(rows: Any) -> Any:
        PhoneVerification.objects.filter(pk=row.pk).update(user=owner)  # the other request
        return look(rows)

    monkeypatch.setattr(PhoneVerificationQuerySet, "with_unacknowledged_change", look_late)

    assert log_in_by(row) is None


def test_the_user_of_a_session_is_active_and_no_staff_unless_the_site_says_so(user, other_user):
    backend = VerifiedPhoneBackend()

    assert backend.get_user(user.pk) == user
    assert backend.get_user(other_user.pk + 1) is None
    assert backend.get_all_permissions(user) == set()
    User.objects.update(is_staff=True, is_superuser=True)
    assert backend.get_user(user.pk) is None
    assert StricterBackend().get_user(user.pk) == user
    User.objects.update(is_active=False)
    assert StricterBackend().get_user(user.pk) is None
    assert backend.user_can_authenticate(object())  # of a model without is_active


def send_verified(row: PhoneVerification, session_id: str) -> tuple[str, Any]:
    """Send the signal; return the key that the session had, and the session."""
    request = request_of(None)
    request.session[SESSION_KEY] = session_id
    request.session.save()
    before = str(request.session.session_key)
    signals.phone_verified.send(PhoneVerification, verification=row, request=request)
    return before, request.session


def test_the_session_that_verified_gets_a_new_key_and_may_log_in(user):
    row = make_verification()
    old_id = row.session_id
    others = make_verification(session_id=old_id), make_verification(user, session_id=old_id)

    before, session = send_verified(row, old_id)

    assert session[LOGIN_KEY] == str(row.pk)
    assert session.session_key != before
    assert not SessionStore(before).exists(before)
    # SECURITY: a copy of the session has the old id, and must not find the verification.
    stored = PhoneVerification.objects.get(pk=row.pk)
    for each in (row, stored):
        assert session[SESSION_KEY] == each.session_id == each.callback_session_id != old_id
    assert len(session[SESSION_KEY]) == 22  # 16 random bytes, in base64
    assert set(PhoneVerification.objects.filter(session_id=old_id)) == set(others)


def test_a_verification_that_a_login_has_taken_over_meanwhile_keeps_its_session_id(user):
    row = make_verification()
    PhoneVerification.objects.update(user=user)

    send_verified(row, old_id := row.session_id)

    assert PhoneVerification.objects.get().session_id == old_id


@pytest.mark.parametrize("cause", ["an account's own", "another session's", "not in use"])
def test_no_other_session_may_log_in(user, settings, cause):
    row = make_verification(user if cause == "an account's own" else None)
    if cause == "not in use":
        settings.AUTHENTICATION_BACKENDS = BACKENDS[:1]

    before, session = send_verified(row, "b" if cause == "another session's" else row.session_id)

    # A session without a login to gain keeps its key: a repeated callback would lose it.
    assert (session.session_key, list(session.keys())) == (before, [SESSION_KEY])
    # A site may verify without a session.
    for request in (None, RequestFactory().get("/")):
        on_phone_verified(PhoneVerification, row, request)


def is_let_in(browser: Visitor) -> bool:
    """Open the view where ``next`` of a start leads; return whether it logs this browser in."""
    return bool(browser.get("/phone-login/").status_code == 200)


def test_the_owner_of_a_number_logs_in_by_verifying_it_as_often_as_they_like(
    stranger, owner, answers
):
    answers()
    for _time in range(2):
        # The login claims the first of two, which leaves nothing to acknowledge.
        stranger.verify()
        assert stranger.verify(next="/phone-login/")["Location"] == "/phone-login/"
        before = stranger.cookies["sessionid"].value
        assert is_let_in(stranger)
        assert stranger.cookies["sessionid"].value != before
        assert (newest().user, newest().mobile_id_changed) == (owner, False)
        stranger.logout()


@pytest.mark.parametrize("engine", ["db", "signed_cookies"])
def test_a_planted_session_gains_nothing(owner, answers, settings, engine):
    """Session fixation: the visitor completes what an attacker started in this session."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    answers()
    attacker, victim = Visitor(), Visitor()
    attacker.start()
    planted = attacker.cookies["sessionid"].value
    victim.cookies["sessionid"] = planted
    victim.authorize_url = attacker.authorize_url
    victim.come_back()
    assert outcome() == ("verified", "")

    assert not is_let_in(attacker)
    assert victim.cookies["sessionid"].value != planted
    assert is_let_in(victim)


def test_a_visitor_with_nothing_to_try_is_no_failed_login(stranger, owner, answers):
    """Sites that count failed logins would lock out the address of a whole operator."""
    failures = mock.Mock()
    user_login_failed.connect(failures)
    assert not is_let_in(stranger)
    answers(FAILED)
    stranger.verify()
    assert not is_let_in(stranger)
    answers(login_hint="85512345678")
    stranger.verify("012 345 678")
    assert not failures.called

    # The number has no account. The verification is good for one try, and not for a reload.
    assert not is_let_in(stranger)
    assert not is_let_in(stranger)
    failures.assert_called_once()


@pytest.mark.parametrize(("minutes", "is_claimed"), [(29, True), (31, False)])
def test_a_number_that_somebody_else_brought_in_opens_the_account_once_acknowledged(
    stranger, user, answers, minutes, is_claimed
):
    """Somebody else may have verified a number in this browser, and left."""
    answers()
    stranger.verify()
    earlier = timezone.now() - timedelta(minutes=minutes)
    PhoneVerification.objects.update(completed_at=earlier, created_at=earlier)

    log_in(stranger)

    assert (newest().user == user) is is_claimed
    attacker = Visitor()
    attacker.verify()
    assert not is_let_in(attacker)
    PhoneVerification.objects.for_user(user).acknowledge_changes()
    attacker.verify()
    assert is_let_in(attacker) is is_claimed
