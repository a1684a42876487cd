"""The whole way on a site without a default database: nothing of ours names one."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils import timezone

from django_plasgate_ip import signals
from django_plasgate_ip.models import PhoneVerification
from tests.conftest import Answers, Receivers
from tests.visitor import Visitor, outcome

pytestmark = pytest.mark.django_db(databases=["main"], transaction=True)


def in_transaction() -> bool:
    return connections["main"].in_atomic_block


def test_the_site_is_the_one_that_is_meant() -> None:
    assert connections[DEFAULT_DB_ALIAS].vendor == "unknown"
    assert PhoneVerification.objects.db == "main"


def test_a_visitor_is_verified_with_no_transaction_open_in_the_exchange(
    visitor: Visitor, answers: Answers, receivers: Receivers
) -> None:
    seen: list[bool] = []
    answers(meanwhile=lambda: seen.append(in_transaction()))

    visitor.verify()

    assert seen == [False]
    assert outcome() == ("verified", "")
    assert [name for name, _row in receivers.heard] == ["verified"]


def test_an_attempt_that_is_started_again_is_told_after_the_commit(visitor: Visitor) -> None:
    seen: list[Any] = []

    def hear(verification: PhoneVerification, **kwargs: Any) -> None:
        seen.append((verification.reason, in_transaction()))

    signals.phone_verification_failed.connect(hear)
    try:
        visitor.start()
        visitor.start()
    finally:
        signals.phone_verification_failed.disconnect(hear)

    assert seen == [("superseded", False)]


def test_another_sim_that_a_login_brings_in_is_told(
    visitor: Visitor, passer_by: Visitor, user: User, answers: Answers
) -> None:
    answers()
    visitor.verify()
    answers(mobile_id="another")
    passer_by.verify()
    seen: list[Any] = []

    def hear(verification: PhoneVerification, **kwargs: Any) -> None:
        seen.append((verification.user, in_transaction()))

    signals.mobile_id_changed.connect(hear)
    try:
        passer_by.force_login(user)
    finally:
        signals.mobile_id_changed.disconnect(hear)

    assert seen == [(user, False)]


def test_what_never_came_back_is_ended_and_what_is_old_deleted(
    visitor: Visitor, receivers: Receivers, settings: Any
) -> None:
    settings.PLASGATE_IP_ATTEMPT_RETENTION = timedelta(days=1)
    visitor.start()
    PhoneVerification.objects.update(created_at=timezone.now() - timedelta(hours=1))

    call_command("plasgate_ip_purge", verbosity=0)
    assert outcome() == ("error", "expired")
    assert len(receivers.heard) == 1

    PhoneVerification.objects.update(created_at=timezone.now() - timedelta(days=2))
    call_command("plasgate_ip_purge", verbosity=0)
    assert not PhoneVerification.objects.exists()
