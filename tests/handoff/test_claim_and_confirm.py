"""Which phone may use a link, what its tap does, and what the computer shows."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from django_plasgate_ip import flow
from django_plasgate_ip.exceptions import InvalidScopes, TooManyStarts
from django_plasgate_ip.handoff import claim_and_confirm
from django_plasgate_ip.handoff.claim_and_confirm import Claim, Progress, Stage, claim, progress
from django_plasgate_ip.handoff.errors import Refusal
from django_plasgate_ip.handoff.models import PhoneHandoff
from django_plasgate_ip.handoff.tokens import Token
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.verification import browser_session, limits, start, transitions
from django_plasgate_ip.verification.verdict import Verdict
from tests.handoff.devices import new_token, refused, request_of
from tests.verification import rows
from tests.visitor import NUMBER, outcome

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
USED = {"used_at": timezone.now()}


@pytest.fixture
def computer(user: User) -> HttpRequest:
    return request_of(user)


@pytest.fixture
def token(computer: HttpRequest) -> Token:
    return new_token(computer)


@pytest.fixture
def phone() -> HttpRequest:
    return request_of()


@pytest.fixture
def shown(computer: HttpRequest, token: Token, phone: HttpRequest) -> Claim:
    return show(computer, phone, token)


def show(computer: HttpRequest, phone: HttpRequest, token: Token) -> Claim:
    """Return the phone's claim, after the computer has shown the code."""
    claim(phone, token)
    progress(computer, token)
    return claim(phone, token)


def confirm(claim: Claim, code: str = "") -> Any:
    """Tap this code, or the right one."""
    return claim_and_confirm.confirm(request_of(), claim, code or claim.handoff.code, NUMBER)


def wrong_code(claim: Claim) -> str:
    return next(each for each in claim.handoff.choices.split() if each != claim.handoff.code)


def stored() -> PhoneHandoff:
    return PhoneHandoff.objects.get()


def test_the_first_browser_but_the_computers_own_claims_the_link(computer, phone, token, user):
    assert refused(claim, computer, token) is Refusal.SAME_BROWSER
    assert not PhoneHandoff.objects.exists()

    first = claim(phone, replace(token, age=4 * MINUTE))
    again = claim(phone, token).handoff
    assert first == Claim(token, stored(), user)
    # The computer waits for the phone as long as the link is valid.
    assert 4 * MINUTE <= timezone.now() - stored().created_at < 5 * MINUTE
    assert (first.handoff.pk, str(again)) == (token.pk, str(token.pk))
    assert first.handoff.opened_by == browser_session.get_session_id(phone)
    # Each look offers the same pairs. If they were new, the one that stays would be right.
    assert (again.code, again.choices) == (first.handoff.code, first.handoff.choices)

    assert claim(phone, new_token(request_of())).user is None


def test_the_pairs_differ_and_the_right_one_may_be_anywhere(user):
    handoffs = [claim(request_of(), new_token(request_of(user))).handoff for _ in range(40)]

    for handoff in handoffs:
        pairs = handoff.choices.split()
        assert len(pairs) == len(set(pairs)) == 6
        assert all(len(pair) == 2 and pair[0] != pair[1] for pair in pairs)
        # None of the characters that people confuse.
        assert not set("".join(pairs)) & set("01258BGILOQSUVZ")
    assert len({each.choices.index(each.code) for each in handoffs}) > 2
    assert len({each.code for each in handoffs}) > 10


@pytest.mark.parametrize(
    ("opener", "row", "is_expired", "expected"),
    [
        ("nobody", {}, True, Refusal.EXPIRED),
        ("this phone", {}, True, Refusal.EXPIRED),
        ("this phone", USED, False, Refusal.USED),
        ("this phone", USED, True, Refusal.USED),
        # After a login or a logout at the computer.
        ("this phone", {"session_id": ""}, False, Refusal.SIGNED_OUT),
        ("another phone", {}, False, Refusal.OTHER_PHONE),
        ("another phone", USED, True, Refusal.OTHER_PHONE),
    ],
)
def test_a_phone_that_may_not_use_the_link_gets_the_reason(
    phone, token, opener, row, is_expired, expected
):
    if opener != "nobody":
        claim(phone if opener == "this phone" else request_of(), token)
    PhoneHandoff.objects.update(**row)

    assert refused(claim, phone, replace(token, is_expired=is_expired)) is expected
    assert PhoneHandoff.objects.count() == (opener != "nobody")


def test_a_link_ends_with_its_accounts_password_and_with_the_account(phone, shown, user):
    user.set_password("another one")
    user.save()
    # Neither the page that is open already can tap, nor does a new look help.
    assert refused(claim, phone, shown.token) is Refusal.SIGNED_OUT

    User.objects.update(is_active=False)
    assert refused(claim, phone, shown.token) is Refusal.ACCOUNT_GONE
    user.delete()
    assert refused(claim, phone, shown.token) is Refusal.ACCOUNT_GONE


def test_a_logout_during_the_start_ends_the_verification(shown, monkeypatch):
    launch = start.launch

    def launch_late(*args: Any, **kwargs: Any) -> Any:
        # The logout finds no verification to end, because none is stored yet.
        PhoneHandoff.objects.update(session_id="")
        return launch(*args, **kwargs)

    monkeypatch.setattr(start, "launch", launch_late)

    assert refused(confirm, shown) is Refusal.SIGNED_OUT
    assert outcome() == ("error", "user_changed")


def test_only_the_first_look_deletes_old_rows(phone, token):
    for left in (1, 2):
        PhoneHandoff.objects.create(pk=uuid4(), created_at=timezone.now() - 61 * MINUTE)
        claim(phone, token)
        assert PhoneHandoff.objects.count() == left


def test_the_right_code_starts_the_computers_verification_once(shown, user, settings):
    settings.PLASGATE_IP_CALLBACK_NONCE = True
    settings.PLASGATE_IP_MAX_STARTS_PER_ADDRESS = 1
    started = confirm(shown)

    row = PhoneVerification.objects.get()
    assert row == started.verification
    assert (row.pk, row.user, row.next_url) == (shown.token.pk, user, "")
    assert (row.phone_number, row.scopes) == (NUMBER, "mobile_id phone_verify")
    ids = (shown.token.session_id, shown.handoff.opened_by)
    assert (row.session_id, row.callback_session_id) == ids
    assert row.nonce
    assert row.address == limits.address_of(request_of())
    assert row.redirect_uri == f"http://testserver/phone/callback/?nonce={row.nonce}"
    assert "/authenticate?" in started.authorize_url
    assert stored().used_at is not None
    for again in (shown.handoff.code, wrong_code(shown)):
        assert refused(confirm, shown, again) is Refusal.USED
    assert not stored().was_wrong
    assert PhoneVerification.objects.get() == row


@pytest.mark.django_db(transaction=True)
def test_a_tap_supersedes_the_computers_verification_and_not_the_phones_own(shown, receivers):
    desk, pocket = shown.token.session_id, shown.handoff.opened_by
    computers = rows.stored(session_id=desk, callback_session_id=desk)
    phones = rows.stored(session_id=pocket, callback_session_id=pocket)
    handed_over = confirm(shown).verification

    assert rows.stored_end(computers) == ("error", "superseded")
    assert rows.stored_end(phones) == rows.stored_end(handed_over) == ("pending", "")
    assert [call.kwargs["request"] for call in receivers.failed.call_args_list] == [None]


def test_a_wrong_code_ends_the_hand_off(shown):
    other = claim(request_of(), new_token(request_of())).handoff
    assert refused(confirm, shown, wrong_code(shown)) is Refusal.WRONG_CODE

    assert PhoneHandoff.objects.get(was_wrong=True) == shown.handoff
    assert PhoneHandoff.objects.get(used_at=None) == other
    # There is no second guess, not even with a claim from before the first one.
    assert refused(confirm, shown) is Refusal.USED
    assert not PhoneVerification.objects.exists()


def test_after_a_failure_the_phone_starts_again_once_at_a_time(computer, phone, shown, settings):
    failed = confirm(shown).verification
    assert refused(claim, phone, shown.token) is Refusal.USED
    transitions.finish(failed, Verdict(Reason.NOT_ON_MOBILE_DATA), None)
    settings.PLASGATE_IP_MAX_STARTS_PER_USER = 1
    with pytest.raises(TooManyStarts):
        confirm(claim(phone, shown.token))
    del settings.PLASGATE_IP_MAX_STARTS_PER_USER

    again, second = claim(phone, shown.token), claim(phone, shown.token)
    assert again.failed == second.failed == failed
    newest = confirm(again).verification

    # The computer has not asked since the first tap.
    progress(computer, shown.token, "/here/")
    newest.refresh_from_db()
    assert newest.next_url == "/here/"
    assert refused(confirm, second) is Refusal.USED
    assert newest.pk != failed.pk
    assert newest.callback_session_id == shown.handoff.opened_by
    assert claim_and_confirm.newest_pk(phone, shown.token) == newest.pk
    transitions.finish(newest, Verdict(Reason.EXPIRED), None)
    third = confirm(claim(phone, shown.token)).verification
    assert third.next_url == "/here/"
    transitions.finish(third, Verdict(Reason.EXPIRED), None)
    assert refused(claim, phone, replace(shown.token, is_expired=True)) is Refusal.EXPIRED
    # A login at the computer, a wrong tap on a later link, or a start without this phone.
    for columns in ({"session_id": ""}, {"session_id": failed.session_id, "was_wrong": True}):
        PhoneHandoff.objects.update(**columns)
        assert refused(claim, phone, shown.token) is Refusal.USED
    PhoneHandoff.objects.update(was_wrong=False)
    assert claim(phone, shown.token).failed == third
    rows.stored("failed", session_id=failed.session_id)
    assert refused(claim, phone, shown.token) is Refusal.USED


@pytest.fixture
def other(computer: HttpRequest, phone: HttpRequest, shown: Claim) -> Claim:
    """Return a claim of another link of the account, which has four wrong taps already."""
    four = [PhoneHandoff(pk=uuid4(), owner=shown.token.owner, was_wrong=True) for _ in range(4)]
    PhoneHandoff.objects.bulk_create(four)
    other = replace(shown, handoff=claim(phone, new_token(computer)).handoff)
    other.handoff.shown_at = timezone.now()
    return other


def test_of_taps_on_two_links_in_the_same_moment_both_count(computer, shown, other, monkeypatch):
    def meanwhile(*texts: str) -> bool:
        assert refused(confirm, other) is Refusal.TOO_MANY_WRONG
        assert progress(computer, shown.token).stage is Stage.OPENED
        assert refused(confirm, shown) is Refusal.USED
        return constant_time_compare(*texts)

    monkeypatch.setattr(claim_and_confirm, "constant_time_compare", meanwhile)

    assert confirm(shown)
    assert PhoneVerification.objects.get().pk == shown.token.pk


def test_a_wrong_tap_just_before_another_tap_is_stored_counts(shown, other, monkeypatch):
    store = PhoneHandoff.change_if_open

    def meanwhile(handoff: PhoneHandoff, **values: Any) -> bool:
        monkeypatch.setattr(PhoneHandoff, "change_if_open", store)
        assert refused(confirm, other, wrong_code(other)) is Refusal.WRONG_CODE
        return store(handoff, **values)

    monkeypatch.setattr(PhoneHandoff, "change_if_open", meanwhile)

    assert refused(confirm, shown) is Refusal.TOO_MANY_WRONG


@pytest.mark.parametrize(("seconds", "counts"), [(88, True), (92, False), (None, False)])
def test_a_code_that_the_computer_does_not_show_is_a_guess(phone, shown, computer, seconds, counts):
    shown_at = seconds and timezone.now() - timedelta(seconds=seconds)
    PhoneHandoff.objects.update(shown_at=shown_at)
    seen = claim(phone, shown.token)
    if not counts:
        for code in (seen.handoff.code, wrong_code(seen)):
            assert refused(confirm, seen, code) is Refusal.NOT_SHOWN
        assert stored().used_at is None
        progress(computer, shown.token)
    assert confirm(claim(phone, shown.token))


@pytest.mark.parametrize("is_anonymous", [False, True])
def test_after_five_wrong_taps_in_an_hour_none_is_compared(user, other_user, caplog, is_anonymous):
    # An account's sessions count together.
    session = request_of()

    def shown_to(someone: Any) -> Claim:
        computer = session if is_anonymous else request_of(someone)
        return show(computer, request_of(), new_token(computer))

    name = "-" if is_anonymous else user.pk
    for _ in range(5):
        guess = shown_to(user)
        assert refused(confirm, guess, wrong_code(guess)) is Refusal.WRONG_CODE
        assert caplog.messages == [f"wrong_tap verification={guess.token.pk} user={name}"]
        caplog.clear()
    late = shown_to(user)
    for code in (wrong_code(late), late.handoff.code):
        assert refused(confirm, late, code) is Refusal.TOO_MANY_WRONG
    assert caplog.messages == [f"start_refused verification={late.token.pk} user={name}"] * 2
    assert PhoneHandoff.objects.filter(used_at=None).get() == late.handoff

    session = request_of()
    assert confirm(shown_to(other_user))
    PhoneHandoff.objects.filter(was_wrong=True).update(created_at=timezone.now() - 61 * MINUTE)
    shown_to(other_user)
    assert confirm(late)


def test_an_error_before_the_verification_is_stored_leaves_the_code_unused(phone, shown, settings):
    other = PhoneHandoff.objects.create(pk=uuid4(), used_at=timezone.now())

    for name, value, error in (
        # A site's function for keys finds no tenant.
        ("CREDENTIALS", mock.Mock(side_effect=Http404), Http404),
        ("SCOPES", ["openid"], InvalidScopes),
    ):
        setattr(settings, f"PLASGATE_IP_{name}", value)
        with pytest.raises(error):
            confirm(claim(phone, shown.token))
        delattr(settings, f"PLASGATE_IP_{name}")

    other.refresh_from_db()
    assert other.used_at is not None
    assert confirm(claim(phone, shown.token))


def test_an_error_after_the_verification_is_stored_leaves_the_code_used(phone, shown, monkeypatch):
    rows.stored(session_id=shown.token.session_id, user=shown.user)
    # It ends the computer's earlier verification, after the new one is stored.
    monkeypatch.setattr(transitions, "finish_if_live", mock.Mock(side_effect=DatabaseError))

    with pytest.raises(DatabaseError):
        confirm(shown)
    assert refused(claim, phone, shown.token) is Refusal.USED
    assert PhoneVerification.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_an_account_that_is_deleted_before_the_tap_is_gone(shown):
    User.objects.get().delete()

    assert refused(confirm, shown) is Refusal.ACCOUNT_GONE
    assert not PhoneVerification.objects.exists()


@pytest.mark.parametrize(
    ("row", "in_time", "late"),
    [
        (None, Stage.WAITING, Stage.EXPIRED),
        ({}, Stage.OPENED, Stage.EXPIRED),
        (USED | {"was_wrong": True}, Stage.WRONG, Stage.WRONG),
        # A worker was killed before it stored the verification.
        (USED, Stage.OPENED, Stage.EXPIRED),
    ],
)
def test_the_computer_sees_how_far_the_hand_off_is(computer, token, row, in_time, late):
    if row is not None:
        claim(request_of(), token)
        PhoneHandoff.objects.update(**row)

    for is_expired, stage in ((True, late), (False, in_time)):
        seen = progress(computer, replace(token, is_expired=is_expired))

        assert seen == Progress(stage, stored().code if stage is Stage.OPENED else "")
        was_shown = PhoneHandoff.objects.exclude(shown_at=None).exists()
        assert was_shown == (stage is Stage.OPENED and row == {})


@pytest.mark.parametrize(("seconds", "is_stored"), [(14, False), (16, True)])
def test_the_computers_question_is_stored_every_15_seconds(computer, shown, seconds, is_stored):
    before = timezone.now() - timedelta(seconds=seconds)
    PhoneHandoff.objects.update(shown_at=before)
    progress(computer, shown.token)

    assert (stored().shown_at != before) == is_stored


def test_a_started_verification_is_followed_and_its_first_next_url_stays(computer, shown):
    own = confirm(shown).verification
    for ids in ((own.session_id, own.session_id), ("another", own.callback_session_id)):
        rows.stored(session_id=ids[0], callback_session_id=ids[1])
    assert progress(computer, shown.token) == Progress(Stage.STARTED, verification=own)
    # Also after the link has expired.
    late = replace(shown.token, is_expired=True)
    for asked, expected in (("", ""), ("/here/", "/here/"), ("/there/", "/here/"), ("", "/here/")):
        seen = progress(computer, late, asked).verification

        assert (seen, seen and seen.next_url) == (own, expected)
        assert PhoneVerification.objects.get(pk=own.pk).next_url == expected
    assert PhoneVerification.objects.filter(next_url="").count() == 2


def test_of_two_next_urls_at_once_the_first_stays(computer, shown, monkeypatch):
    confirm(shown)
    read_before = PhoneVerification.objects.get()
    PhoneVerification.objects.update(next_url="/here/")
    monkeypatch.setattr(flow, "find", lambda request, pk: read_before)

    progress(computer, shown.token, "/there/")

    assert PhoneVerification.objects.get().next_url == "/here/"
