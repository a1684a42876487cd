"""A verification of an app without cookies: who may complete it, and how it ends."""

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth import login
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from django_plasgate_ip import flow, personal_data
from django_plasgate_ip.client import Credentials
from django_plasgate_ip.exceptions import InvalidCallback, VerificationNotFound
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import app_handle, transitions
from tests.visitor import CODE, STATE, TYPED, came_back, newest, outcome, request_of

pytestmark = pytest.mark.django_db

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def app(user: User | None = None) -> HttpRequest:
    """Return a request of an app, which has no session."""
    request = RequestFactory().post("/api/")
    request.user = user or AnonymousUser()
    return request


def complete(request: Any, started: flow.StartedVerification, **changes: Any) -> PhoneVerification:
    given = {"handle": started.handle, "code": CODE, "state": STATE} | changes
    return flow.complete_for_app(request, started.verification.pk, **given)


def test_an_app_verifies_the_user_of_its_token_once(user, answers, receivers, settings):
    answers()
    settings.PLASGATE_IP_CALLBACK_NONCE = True
    request = app(user)

    started = flow.begin_for_app(request, TYPED)
    row = newest()
    assert (row, row.user, row.status) == (started.verification, user, "pending")
    row.clean_fields()
    assert (row.callback_session_id, row.nonce, row.next_url) == ("", "", "")
    assert row.redirect_uri == "http://testserver/phone/callback/"
    assert len(started.handle) == 43
    assert started.handle not in f"{started!r} {started.handle!r} {vars(row)}"
    ended = complete(request, started)

    assert (ended.status, ended.just_ended, ended.is_handed_over) == ("verified", True, False)
    assert flow.is_verified(request)
    again = complete(request, started, code="another code")
    assert (again.pk, again.status, again.just_ended) == (ended.pk, "verified", False)
    assert [call.sent["redirect_uri"] for call in answers.calls] == [row.redirect_uri]
    (sent,) = receivers.verified.call_args_list
    assert sent.kwargs["request"] is None
    (exported,) = personal_data.export(PhoneVerification.objects.all())
    assert started.handle not in str(exported)
    for stored in exported.values():
        with pytest.raises(VerificationNotFound):
            complete(request, started, handle=str(stored))


@pytest.mark.parametrize("owned", [True, False])
def test_only_the_id_the_handle_and_the_account_together_find_it(
    user, other_user, answers, owned, caplog
):
    owner = user if owned else None
    started, second = (flow.begin_for_app(app(owner), TYPED) for _ in range(2))
    pk, handle = started.verification.pk, started.handle
    wrong: list[Any] = [
        *((app(each), pk, handle) for each in {user, other_user, None} - {owner}),
        *((app(owner), pk, each) for each in (second.handle, "", None, "\ud800", handle[:-1])),
        *((app(owner), each, handle) for each in (second.verification.pk, UNKNOWN, "no id")),
    ]

    messages = set()
    for request, its_pk, its_handle in wrong:
        with pytest.raises(VerificationNotFound) as caught:
            flow.complete_for_app(request, its_pk, its_handle, CODE, STATE)
        messages.add(str(caught.value))

    assert len(messages) == 1
    assert outcome() == ("pending", "")
    assert answers.calls == []
    refused = f"callback_refused verification={pk} user={other_user.pk} cause=handle"
    assert refused in caplog.messages
    assert not any(handle in caplog.text for handle in (handle, second.handle))


def test_an_unknown_id_is_as_much_work_as_a_wrong_handle():
    with mock.patch.object(app_handle, "constant_time_compare") as compare:
        assert app_handle.find(app(), UNKNOWN, "a handle") is None
    compare.assert_called_once_with(app_handle.session_id_of("a handle"), "")


def test_a_verification_is_found_by_its_account_or_without_one_by_its_handle(user, other_user):
    owned, nobodys = (flow.begin_for_app(app(each), TYPED) for each in (user, None))

    def finds(started: flow.StartedVerification, owner: User | None, handle: Any = "") -> bool:
        return bool(flow.find_for_app(app(owner), started.verification.pk, handle))

    assert finds(owned, user)
    assert finds(nobodys, None, nobodys.handle)
    assert not any(finds(owned, stranger, owned.handle) for stranger in (other_user, None))
    assert not any(finds(nobodys, None, handle) for handle in (owned.handle, "", None))
    assert not finds(nobodys, user, nobodys.handle)
    assert flow.find_for_app(app(user), UNKNOWN) is None


def test_a_malformed_code_or_state_and_the_keys_of_another_tenant_change_nothing(
    user, answers, settings, caplog
):
    started = flow.begin_for_app(app(user), TYPED)
    malformed: list[dict[str, Any]] = [
        *({"code": code} for code in ("", "c" * 4097, "a\0b", None)),
        *({"state": state} for state in ("", "a\nb", 7)),
        *({"code": "", "state": ""}, {"error": ["access_denied"]}),
    ]
    for given in malformed:
        with pytest.raises(InvalidCallback, match="malformed"):
            complete(app(user), started, **given)
    caplog.clear()
    settings.PLASGATE_IP_CREDENTIALS = lambda request: Credentials(request.method, "a-secret")

    with pytest.raises(InvalidCallback, match="other_keys"):
        complete(app(user), started)

    ids = f"verification={started.verification.pk} user={user.pk}"
    assert caplog.messages == [f"callback_refused {ids} cause=other_keys"]
    assert outcome() == ("pending", "")
    assert answers.calls == []


def test_it_fails_for_the_reasons_of_a_browsers_callback(user, answers):
    denied = {"code": "", "state": "", "error": "e", "error_description": "Turn off Wi-Fi"}
    answers(login_hint="85512345678")
    for given, reason in (({}, "number_mismatch"), (denied, "not_on_mobile_data")):
        started = flow.begin_for_app(app(user), TYPED)
        assert complete(app(user), started, **given).reason == outcome()[1] == reason


def test_it_ends_as_stale_when_it_is_completed_or_read_too_late(user, answers, monkeypatch):
    long_ago = timezone.now() - timedelta(minutes=6)

    def stale(**columns: Any) -> flow.StartedVerification:
        started = flow.begin_for_app(app(user), TYPED)
        same = PhoneVerification.objects.filter(pk=started.verification.pk)
        same.update(**{"created_at": long_ago} | columns)
        return started

    assert complete(app(user), stale()).reason == "expired"
    assert flow.find_for_app(app(user), stale().verification.pk)
    assert outcome() == ("error", "expired")

    started = stale(created_at=timezone.now(), status="exchanging", exchanging_at=long_ago)
    assert complete(app(user), started).reason == "interrupted"
    assert answers.calls == []
    # The row was deleted meanwhile.
    monkeypatch.setattr(transitions, "ended_if_stale", lambda *args, **kwargs: None)
    assert complete(app(user), started) == started.verification


def test_no_browser_completes_ends_or_claims_it(user, answers, settings):
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    answers()
    owned, nobodys = (flow.begin_for_app(app(each), TYPED) for each in (user, None))
    browser = request_of()
    login(browser, user, "django.contrib.auth.backends.ModelBackend")
    for request in (browser, request_of(user), request_of()):
        for query in ({}, {"error": "access_denied"}, {"nonce": ""}):
            with pytest.raises(InvalidCallback):
                flow.complete(came_back(request, **query))
    for request in (browser, request_of()):
        flow.begin(request, TYPED)
        login(request, user, "django.contrib.auth.backends.ModelBackend")
    assert flow.find(request_of(user), owned.verification.pk) == owned.verification
    assert flow.find(request_of(), nobodys.verification.pk) is None

    assert answers.calls == []
    for owner, started in ((user, owned), (None, nobodys)):
        assert complete(app(owner), started).status == "verified"
        assert PhoneVerification.objects.get(pk=started.verification.pk).user == owner


def test_no_session_can_have_the_id_of_a_handle(visitor):
    ids = {app_handle.session_id_of(app_handle.new()) for _ in range(3)}
    visitor.start()

    assert {(each[:4], len(each)) for each in ids} == {("app:", 32)}
    assert ":" not in newest().session_id
