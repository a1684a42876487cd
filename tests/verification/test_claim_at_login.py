"""What a login does with the verifications of its anonymous session."""

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in

from django_plasgate_ip import signals
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import browser_session, changes, claim_at_login
from django_plasgate_ip.verification.browser_session import SESSION_KEY
from tests.verification.rows import stop_clock, stored, stored_end
from tests.visitor import Visitor, request_of

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
OTHER_NUMBER = "+85512345678"
BROWSER = {SESSION_KEY: "browser"}


class PhoneBackend:
    """A login backend that limits what a login takes over."""

    claim_age = HOUR


class StricterBackend:
    claim_age = HOUR / 2


def log_in(browser: Visitor) -> None:
    """Fill in the login form as the user ``teak``."""
    page = browser.get("/accounts/login/")
    assert browser.submit(page, username="teak", password="a password").status_code == 302


def owners(*rows: PhoneVerification) -> list[Any]:
    return [PhoneVerification.objects.get(pk=row.pk).user for row in rows]


def test_a_login_takes_over_what_its_session_verified(passer_by, user, answers):
    answers()
    passer_by.verify()
    passer_by.start()

    log_in(passer_by)

    assert PhoneVerification.objects.is_verified(user)
    ended = passer_by.get(passer_by.come_back()["Location"])
    assert "You signed in or out while" in ended.content.decode()
    assert len(answers.calls) == 1


def test_only_ended_verifications_of_the_anonymous_session_change_their_owner(user, other_user):
    ended = [stored("verified"), stored("verified", mobile_id="")]
    # The account's limit of starts would count it.
    failed = stored("failed")
    other_session = stored("verified", session_id="other")
    other_account = stored("verified", user=other_user)

    claim_at_login.claim_session(request_of(session=BROWSER), user)

    assert owners(*ended) == [user] * 2
    assert owners(failed, other_session, other_account) == [None, None, other_user]
    # Those that count are marked, also without a mobile_id.
    marked = PhoneVerification.objects.filter(claimed_at_login=True)
    assert set(marked) == set(marked.with_unacknowledged_change()) == set(ended)


def test_each_claim_of_a_verified_number_is_reported_after_the_commit(
    user, caplog, django_capture_on_commit_callbacks
):
    caplog.set_level("INFO")
    row, request = stored("verified"), request_of(session={**BROWSER})
    stored("failed")
    receiver = mock.Mock(side_effect=ZeroDivisionError, __qualname__="receiver")
    signals.phone_claimed.connect(receiver)

    with django_capture_on_commit_callbacks(execute=True):
        for _login in range(2):
            claim_at_login.claim_session(request, user)
        assert not receiver.called

    receiver.assert_called_once()
    sent = receiver.call_args.kwargs
    assert (sent["sender"], sent["verification"]) == (PhoneVerification, row)
    assert sent["user"] == sent["verification"].user == user
    assert sent["request"] is request
    assert f"phone_claimed verification={row.pk} user={user.pk}" in caplog.messages


@pytest.mark.parametrize(
    ("account", "claimed", "is_acknowledged"),
    [
        ([{}], {}, True),
        ([{}], {"mobile_id": "e" * 128}, False),
        ([{}], {"mobile_id": ""}, False),
        ([{}], {"phone_number": OTHER_NUMBER}, False),
        # An earlier number: its phone may be lost.
        ([{}, {"phone_number": OTHER_NUMBER}], {}, False),
        # The SIM is another number's.
        ([{"phone_number": OTHER_NUMBER}, {"mobile_id": ""}], {}, False),
        # The account's own row proves too little.
        ([{"scopes": "phone_verify"}], {}, False),
        ([{"claimed_at_login": True}], {}, False),
    ],
)
def test_a_claim_of_what_the_account_holds_already_needs_no_acknowledgement(
    user, account, claimed, is_acknowledged
):
    for age, own in zip((HOUR, HOUR / 2), account, strict=False):
        stored("verified", age, user=user, session_id="earlier", callback_session_id="", **own)
    row = stored("verified", **claimed)

    claim_at_login.claim_session(request_of(session={**BROWSER}), user)

    row.refresh_from_db()
    assert row.claimed_at_login
    assert (row.acknowledged_at is not None) is is_acknowledged


def test_what_another_request_does_meanwhile_is_not_undone(user, other_user, monkeypatch):
    row, find = stored("verified"), changes.find
    late: list[PhoneVerification] = []

    def find_late(*args: Any) -> Any:
        PhoneVerification.objects.update(user=other_user)
        late.append(stored("verified"))
        return find(*args)

    monkeypatch.setattr(changes, "find", find_late)
    user_logged_in.send(User, request=request_of(session={**BROWSER}), user=user)

    # SECURITY: the late one is not marked, so it must not become the account's or its session's.
    assert owners(row, *late) == [other_user, None]
    assert PhoneVerification.objects.filter(session_id="browser").count() == 2


def test_the_session_gets_a_new_id_and_what_the_visitor_still_needs_moves(
    user, other_user, settings, monkeypatch
):
    handoff, taps = mock.Mock(), list[PhoneVerification]()
    handoff.session_changed.side_effect = lambda *ids: taps.append(stored("verified"))
    monkeypatch.setattr(claim_at_login, "handoff_app", lambda: handoff)
    own = stored("verified", user=user), stored(user=user), stored("error", reason="user_changed")
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.PhoneBackend"]
    handed_over = stored(user=user, callback_session_id="a phone's")
    # This browser is the phone of another one.
    carried = stored(user=other_user, session_id="a computer's", callback_session_id="browser")
    left = stored("failed", HOUR * 2), stored("failed", user=other_user)
    request = request_of(session={**BROWSER})

    user_logged_in.send(User, request=request, user=user)

    new = browser_session.get_session_id(request)
    assert len(new) == 22  # 16 random bytes, in base64
    handoff.session_changed.assert_called_once_with("browser", new)
    # What a phone has tapped until then belongs to the login, too.
    assert owners(*taps) == [user]
    ids = [(new, new)] * 3 + [(new, "a phone's"), ("a computer's", new)] + [("browser",) * 2] * 2
    for row, expected in zip((*own, handed_over, carried, *left), ids, strict=True):
        row.refresh_from_db()
        assert (row.session_id, row.callback_session_id) == expected, row


@pytest.mark.parametrize("status", ["pending", "exchanging"])
def test_a_live_verification_ends_at_the_login_and_is_never_taken_over(
    user, receivers, django_capture_on_commit_callbacks, status
):
    live = stored(status)
    request = request_of(session=BROWSER)

    for _login in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            claim_at_login.claim_session(request, user)

        assert stored_end(live) == ("error", "user_changed")
        assert owners(live) == [None]
        assert receivers.heard == [("failed", live)]
    assert receivers.failed.call_args.kwargs["request"] is request


@pytest.mark.parametrize(
    ("backends", "claimed"),
    [([], 3), (["PhoneBackend"], 2), (["PhoneBackend", "StricterBackend"], 1)],
)
def test_login_by_phone_limits_the_age_of_what_a_login_takes_over(
    user, settings, monkeypatch, backends, claimed
):
    # SECURITY: an older number may be somebody else's, and would open the account.
    ours = [f"{__name__}.{name}" for name in backends]
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, *ours]
    now = stop_clock(monkeypatch, claim_at_login)
    ages = (HOUR / 2, HOUR, HOUR + timedelta(microseconds=1))
    rows = [stored("verified", completed_at=now - age) for age in ages]

    user_logged_in.send(User, request=request_of(session={**BROWSER}), user=user)

    assert owners(*rows) == [user] * claimed + [None] * (3 - claimed)


def test_a_login_without_a_start_does_not_query_verifications(user, django_assert_num_queries):
    for request in (None, request_of(session={})):
        with django_assert_num_queries(0):
            claim_at_login.on_login(User, request, user)
