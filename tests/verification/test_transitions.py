"""A verification is stored, claimed and ended once, and its signal follows the commit."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpRequest

from django_plasgate_ip.encryption import Sealed
from django_plasgate_ip.exceptions import TooManyStarts
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.verification import limits, transitions
from django_plasgate_ip.verification.changes import Changes
from django_plasgate_ip.verification.verdict import Verdict
from tests.docs.pages import table
from tests.verification.rows import stop_clock, stored, stored_end, unsaved
from tests.visitor import MOBILE_ID, NUMBER, SUB

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)
FAILED = Verdict(Reason.NOT_VERIFIED, "No")
VERIFIED = Verdict(sub=SUB, mobile_id=MOBILE_ID, claims={"sub": SUB})


@pytest.fixture
def commit(django_capture_on_commit_callbacks: Any) -> Any:
    """Return a block that sends the signals at its end, as the commit does."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def test_a_new_verification_ends_its_sessions_live_ones(receivers, commit):
    request = HttpRequest()
    exchanging = stored("exchanging", 3 * SECOND)
    pending = stored("pending", 2 * SECOND)
    ended = stored("failed", SECOND)
    elsewhere = stored(session_id="other")
    new = unsaved()

    with commit():
        transitions.store(new, request)
        assert receivers.heard == []

    assert PhoneVerification.objects.get(pk=new.pk).operator == "Cellcard"
    assert stored_end(new) == stored_end(elsewhere) == ("pending", "")
    ends = [stored_end(row) for row in (pending, exchanging, ended)]
    assert ends == [("error", "superseded"), ("error", "interrupted"), ("failed", "not_verified")]
    assert receivers.heard == [("failed", pending), ("failed", exchanging)]
    assert {call.kwargs["request"] for call in receivers.failed.call_args_list} == {request}


def test_a_new_verification_is_the_newest_also_after_one_from_a_clock_ahead(monkeypatch):
    now = stop_clock(monkeypatch, transitions)
    stored("failed", SECOND)

    for expected in (now, now + SECOND + TICK):
        new = unsaved(ago=SECOND)
        transitions.store(new, None)
        assert new.created_at == expected
        PhoneVerification.objects.update(created_at=now + SECOND)


def test_a_start_reads_the_newest_hundred_of_its_session(settings):
    settings.PLASGATE_IP_MAX_STARTS_PER_NUMBER = None
    ended = [unsaved("failed", index * SECOND) for index in range(1, 100)]
    PhoneVerification.objects.bulk_create(ended)
    hundredth, older = (stored(ago=seconds * SECOND) for seconds in (100, 101))

    transitions.store(unsaved(), None)

    assert stored_end(hundredth) == ("error", "superseded")
    assert stored_end(older) == ("pending", "")


def test_a_refused_start_is_deleted_and_ends_nothing(settings, receivers):
    settings.PLASGATE_IP_MAX_STARTS_PER_NUMBER = 1
    earlier = stored(ago=SECOND)

    with pytest.raises(TooManyStarts):
        transitions.store(unsaved(), None)

    assert PhoneVerification.objects.get() == earlier
    assert stored_end(earlier) == ("pending", "")
    assert receivers.heard == []


def test_a_refused_start_that_another_request_has_ended_is_kept(monkeypatch):
    new = unsaved()

    def check_late(verification: PhoneVerification) -> None:
        transitions.finish(PhoneVerification.objects.get(), FAILED, None)
        raise TooManyStarts(SECOND)

    monkeypatch.setattr(limits, "check", check_late)

    with pytest.raises(TooManyStarts):
        transitions.store(new, None)

    assert stored_end(new) == ("failed", "not_verified")


def test_a_code_is_claimed_once(monkeypatch):
    now = stop_clock(monkeypatch, transitions)
    first, second = stored(), PhoneVerification.objects.get()

    assert [transitions.claim(row) for row in (first, second)] == [True, False]

    assert (first.status, first.exchanging_at) == ("exchanging", now)
    assert (second.status, second.exchanging_at) == ("pending", None)
    assert stored_end(first) == ("exchanging", "")


def test_a_verdict_is_stored_and_its_signal_follows_the_commit(receivers, commit, monkeypatch):
    now = stop_clock(monkeypatch, transitions)
    row = stored("exchanging")

    with commit():
        assert transitions.finish(row, FAILED, None)
        assert receivers.heard == []

    assert receivers.heard == [("failed", row)]
    row = PhoneVerification.objects.get()
    assert (row.status, row.reason, row.error_description) == ("failed", "not_verified", "No")
    assert (row.sub, row.mobile_id, row.claims, row.phone_number) == ("", "", {}, NUMBER)
    assert (row.mobile_id_changed, row.completed_at) == (False, now)


def test_the_columns_of_a_verdict_hide_the_person():
    end = Verdict(phone_number=NUMBER, claims={"sub": "anonymous"})
    columns = transitions.result_columns(end)

    assert (columns["phone_number"], columns["operator"]) == (NUMBER, "Cellcard")
    assert isinstance(columns["claims"], Sealed)
    assert not any(secret in repr(columns) for secret in (NUMBER, "anonymous"))
    assert "phone_number" not in transitions.result_columns(FAILED)


def test_a_verification_that_moved_is_not_ended_again(receivers, commit, monkeypatch):
    now = stop_clock(monkeypatch, transitions)
    row, stale = stored("exchanging"), stored(ago=timedelta(minutes=6))
    PhoneVerification.objects.update(status="error", reason="interrupted", completed_at=now)
    stored("verified", completed_at=now)  # another one, which has the result already

    with commit():
        assert not transitions.finish(row, VERIFIED, None)
        assert not transitions.finish(row, Verdict(Reason.INTERRUPTED), None)
        as_stored: Any = transitions.ended_if_stale(stale, None)
        transitions.finish_if_live(stale, lambda live: Reason.SUPERSEDED, None)
    assert not transitions.finish(row, VERIFIED, None, autocommit=True)

    assert stored_end(row) == stored_end(stale) == ("error", "interrupted")
    assert (as_stored, as_stored.reason) == (stale, "interrupted")
    assert receivers.heard == []


def test_a_verification_whose_code_is_claimed_meanwhile_is_ended_too():
    row = stored()
    transitions.claim(PhoneVerification.objects.get())
    other = stored("exchanging", session_id="other")
    seen: list[str] = []

    def reason_for(live: PhoneVerification) -> Reason:
        seen.append(live.status)
        return Reason.INTERRUPTED

    transitions.finish_if_live(row, reason_for, None)

    assert seen == ["pending", "exchanging"]
    assert stored_end(row) == ("error", "interrupted")
    assert stored_end(other) == ("exchanging", "")


def test_a_stale_verification_is_ended_and_no_other(receivers, commit):
    request, live, stale = HttpRequest(), stored(), stored(ago=timedelta(minutes=6))

    with commit():
        ended = transitions.ended_if_stale(stale, request)
        assert not transitions.finish_if_stale(live)

    assert receivers.failed.call_args.kwargs["request"] is request
    assert [stored_end(row) for row in (stale, live)] == [("error", "expired"), ("pending", "")]
    assert ended is stale


@pytest.mark.parametrize("status", ["verified", "failed", "error"])
def test_each_end_has_its_signal_and_a_hand_offs_phone_is_not_its_request(status, receivers):
    request = HttpRequest()
    rows = unsaved(status), unsaved(status, callback_session_id="phone")

    for row in rows:
        transitions.send_signals(row, request, Changes())

    name = "verified" if status == "verified" else "failed"
    assert receivers.heard == [(name, row) for row in rows]
    sent = [call.kwargs for call in getattr(receivers, name).call_args_list]
    assert [kwargs["request"] for kwargs in sent] == [request, None]
    assert sent[0]["sender"] is PhoneVerification


def test_each_end_is_one_line_of_the_log_after_the_commit(commit, caplog, monkeypatch):
    now = stop_clock(monkeypatch, transitions)
    caplog.set_level(logging.INFO, "django_plasgate_ip")
    row = stored(created_at=now - 4_123_456 * TICK, operator="Smart")
    with commit():
        transitions.finish(row, FAILED, None)
        assert caplog.records == []
    success = stored("exchanging", created_at=now)
    transitions.finish(success, VERIFIED, None, autocommit=True)

    first, second = caplog.records
    ends = ((row.pk, "not_verified"), (success.pk, "verified"))
    assert caplog.messages == [f"Verification {pk} ended: {end}" for pk, end in ends]
    names = set(vars(first)) - set(vars(logging.makeLogRecord({}))) - {"asctime", "message"}
    facts = {name: getattr(first, name) for name in names}
    assert facts == {
        "verification": str(row.pk),
        "status": "failed",
        "reason": "not_verified",
        "operator": "Smart",
        "method": "network",
        "seconds": 4.123,
    }
    assert set(table("The log of verifications")) == set(facts)
    assert vars(second)["seconds"] == 0
