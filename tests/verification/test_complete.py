"""What `flow.complete` does with a code, once, and what is stored of the answer."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

import pytest
from django.conf import settings as site
from django.db import connection, transaction
from django.http import HttpRequest
from django.utils import timezone

from django_plasgate_ip import flow
from django_plasgate_ip.client import Credentials
from django_plasgate_ip.exceptions import InvalidCallback
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import exchange
from tests.kept import STARTED, in_a_thread
from tests.verification.rows import stored_end
from tests.visitor import (
    CODE,
    DIGITS,
    MOBILE_ID,
    NUMBER,
    PROFILE,
    STATE,
    SUB,
    TYPED,
    came_back,
    newest,
    outcome,
    request_of,
)

pytestmark = pytest.mark.django_db


def begun() -> HttpRequest:
    """Return a request whose browser has a pending verification."""
    request = request_of()
    flow.begin(request, TYPED)
    return request


def test_a_confirmed_number_is_stored_with_its_ids_and_claims(answers, receivers):
    answers(**PROFILE)
    request = request_of()
    started = flow.begin(request, TYPED, scopes="mobile_id profile")

    callback = came_back(request)
    finished = flow.complete(callback)

    row = newest()
    assert finished == row == started.verification
    # At once: the commit of a site's TestCase never comes.
    assert receivers.heard == [("verified", row)]
    assert receivers.verified.call_args.kwargs["request"] is callback
    assert (finished.status, finished.reason) == outcome() == ("verified", "")
    assert (row.sub, row.mobile_id, row.phone_number) == (SUB, MOBILE_ID, NUMBER)
    assert row.claims.items() >= (PROFILE | {"phone_number_verified": "true"}).items()
    assert row.completed_at is not None
    assert row.created_at < row.completed_at <= timezone.now()


def test_the_exchange_has_the_keys_and_the_base_url_of_its_request(settings, monkeypatch):
    keys = ("a-private-key", "a-secret-key", "https://sandbox.example/")
    settings.PLASGATE_IP_CREDENTIALS = lambda request: Credentials(*keys)
    client = mock.Mock()
    monkeypatch.setattr(exchange, "PlasGateClient", client)

    assert exchange.client_for(request_of()) is client.return_value
    client.assert_called_once_with(*keys)


def test_a_broken_exchange_is_an_error_and_is_logged_without_a_secret(answers, caplog):
    secrets = (site.PLASGATE_IP_PRIVATE_KEY, site.PLASGATE_IP_SECRET_KEY, CODE, DIGITS)
    answers(http=403, body=f"<h1>No balance</h1><pre>{' '.join(secrets)}</pre>")

    flow.complete(came_back(begun()))

    row = newest()
    assert outcome() == ("error", "credentials_rejected")
    assert (row.sub, row.mobile_id, row.claims) == ("", "", {})
    assert row.error_description == "HTTP 403: No balance *** *** *** ***"
    assert len(answers.calls) == 1
    assert f"Verification {row.pk}: " in caplog.text
    assert "(credentials_rejected)" in caplog.text
    assert not any(secret in caplog.text for secret in secrets)


def test_an_error_of_the_provider_ends_the_verification_without_a_call(answers):
    request = begun()

    for callback in (came_back(request, error="access_denied", code=None), came_back(request)):
        assert flow.complete(callback).reason == "provider_denied"

    assert newest().error_description == "access_denied"
    assert answers.calls == []


def test_an_implausible_callback_changes_nothing_and_is_recorded_if_it_has_a_query(
    answers, user, receivers, caplog
):
    answers()
    request = request_of(user)
    row = flow.begin(request, TYPED).verification
    before = PhoneVerification.objects.values().get()

    for foreign in (request_of(user, request.session), came_back(request, code=None, fbclid="1")):
        kept = flow.complete(foreign)
        assert (kept, kept.status) == (row, "pending")
        assert PhoneVerification.objects.values().get() == before

    assert (answers.calls, receivers.heard) == ([], [])
    refused = f"callback_refused verification={row.pk} user={user.pk} cause=malformed"
    assert [line for line in caplog.messages if "refused" in line] == [refused]
    # The real callback still counts.
    assert flow.complete(came_back(request)).status == "verified"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("changes", "columns", "is_ended"),
    [
        ({}, {}, True),
        ({"code": None, "error": "access_denied"}, {}, True),
        ({"private_key": "another"}, {}, False),
        ({"nonce": "no such nonce"}, {}, False),
        ({"nonce": "\x00"}, {}, False),
        ({}, {"created_at": STARTED}, False),
        ({}, {"status": "exchanging"}, False),
    ],
    ids=ascii,
)
def test_a_callback_in_another_browser_ends_the_pending_verification_that_its_nonce_names(
    answers, receivers, caplog, changes, columns, is_ended
):
    rows = [flow.begin(request_of(), scopes="phone").verification for _ in range(2)]
    # Without the nonce, the query would find the other one.
    other, row = sorted(rows, key=lambda each: each.pk)
    PhoneVerification.objects.update(**{"status": "pending"} | columns)

    for _twice in range(2):
        with pytest.raises(InvalidCallback):
            flow.complete(came_back(request_of(), **{"nonce": row.nonce} | changes))

    unchanged = (columns.get("status", "pending"), "")
    assert stored_end(row) == (("error", "wrong_browser") if is_ended else unchanged)
    assert stored_end(other) == unchanged
    # SECURITY: the other browser's request must not reach a receiver that logs in.
    assert receivers.heard == [("failed", row)] * is_ended
    assert all(call.kwargs["request"] is None for call in receivers.failed.call_args_list)
    causes = [line.partition("cause=")[2] for line in caplog.messages if "refused" in line]
    assert causes == ["wrong_browser" if is_ended else "no_verification", "no_verification"]
    assert answers.calls == []


def test_a_callback_in_another_browser_after_the_end_reports_no_verification(
    caplog, settings, monkeypatch
):
    settings.PLASGATE_IP_CREDENTIALS = lambda request: Credentials(request.method, "a-secret")
    row = flow.begin(request_of(), scopes="phone").verification
    monkeypatch.setattr(PhoneVerification, "transition", lambda *_, **__: False)

    with pytest.raises(InvalidCallback):
        flow.complete(came_back(request_of(), nonce=row.nonce))

    assert caplog.messages == ["callback_refused verification=- user=- cause=no_verification"]


def test_a_nonce_chooses_among_the_sessions_own_verifications_and_leaves_the_others(answers):
    answers()
    request = request_of()
    first = flow.begin(request, scopes="mobile_id").verification
    second = flow.begin(request, scopes="mobile_id").verification

    shown = flow.complete(came_back(request, nonce=first.nonce))
    assert (shown, shown.reason) == (first, "superseded")
    unknown = flow.complete(came_back(request, nonce="unknown"))
    assert (unknown, unknown.status) == (second, "pending")

    assert answers.calls == []
    assert flow.complete(came_back(request, nonce=second.nonce)).status == "verified"


def test_the_exchange_sends_the_code_the_state_and_the_redirect_uri_unchanged(answers, settings):
    settings.PLASGATE_IP_CALLBACK_NONCE = True
    answers()
    request = begun()
    row = newest()
    # The setting changes meanwhile.
    settings.PLASGATE_IP_PUBLIC_URL = "https://www.shop.example"

    flow.complete(came_back(request, code="d%20e&f", state="a b+c/ü=", nonce=row.nonce))

    (call,) = answers.calls
    names = ("code", "state", "redirect_uri")
    assert [call.sent[name] for name in names] == ["d%20e&f", "a b+c/ü=", row.redirect_uri]
    assert row.nonce in row.redirect_uri
    assert flow.begin(request, TYPED).verification.nonce != row.nonce


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_comes_too_late_is_dropped(answers, receivers):
    request = request_of()
    answers(meanwhile=lambda: flow.begin(request, TYPED))
    late = flow.begin(request, TYPED).verification

    finished = flow.complete(came_back(request))

    assert len(answers.calls) == 1
    assert (finished, finished.status, finished.reason) == (late, "error", "interrupted")
    late.refresh_from_db()
    assert (late.sub, late.mobile_id, late.claims, late.error_description) == ("", "", {}, "")
    assert receivers.heard == [("failed", late)]


def test_a_verification_that_was_deleted_meanwhile_has_no_result(answers, receivers, monkeypatch):
    answers(meanwhile=PhoneVerification.objects.all().delete)
    request = begun()
    with pytest.raises(InvalidCallback, match="deleted"):
        flow.complete(came_back(request))

    def delete_first(self: PhoneVerification, **values: Any) -> bool:
        PhoneVerification.objects.all().delete()
        return False

    flow.begin(request, TYPED)
    monkeypatch.setattr(PhoneVerification, "transition", delete_first)
    with pytest.raises(InvalidCallback, match="deleted"):
        flow.complete(came_back(request))

    assert len(answers.calls) == 1
    assert receivers.heard == []


@pytest.mark.django_db(transaction=True)
def test_during_the_exchange_no_transaction_is_open_and_other_requests_see_it_in_progress(
    answers, receivers
):
    seen: list[Any] = []

    def look() -> None:
        seen.append(connection.in_atomic_block)
        with ThreadPoolExecutor(1) as pool:
            seen.append(pool.submit(in_a_thread, lambda: newest().status).result())
        seen.append(flow.complete(came_back(request)).is_live)

    answers(meanwhile=look)
    request = begun()

    flow.complete(came_back(request))

    assert seen == [False, "exchanging", True]
    assert len(answers.calls) == 1
    assert receivers.heard == [("verified", newest())]


@pytest.mark.django_db(transaction=True)
def test_complete_refuses_to_run_in_a_transaction(answers):
    request = begun()
    started = flow.begin_for_app(request, TYPED)

    for changes in ({}, {"error": "access_denied"}):
        with transaction.atomic(), pytest.raises(RuntimeError):
            flow.complete(came_back(request, **changes))
    with transaction.atomic(), pytest.raises(RuntimeError):
        flow.complete_for_app(request, started.verification.pk, started.handle, CODE, STATE)

    assert PhoneVerification.objects.filter(status="pending").count() == 2
    assert answers.calls == []
