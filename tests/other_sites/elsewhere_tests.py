"""Whole walks without a default database: the package names no database."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from django_plasgate_ip import signals
from django_plasgate_ip.models import PhoneVerification
from tests.visitor import outcome

pytestmark = pytest.mark.django_db(databases=["main"], transaction=True)


def test_no_transaction_is_open_during_the_exchange(visitor, answers, receivers):
    seen: list[bool] = []
    answers(meanwhile=lambda: seen.append(connections["main"].in_atomic_block))

    visitor.verify()

    assert seen == [False]
    assert [name for name, _row in receivers.heard] == [outcome()[0]] == ["verified"]


def test_the_signals_of_a_superseded_start_and_of_a_changed_sim_follow_the_commit(
    visitor, passer_by, user, answers
):
    heard: list[tuple[str, bool]] = []

    def hear(verification: PhoneVerification, **kwargs: Any) -> None:
        heard.append((verification.reason, connections["main"].in_atomic_block))

    # A signal has a weak reference to its receiver, so this one ends with the test.
    signals.phone_verification_failed.connect(hear)
    signals.mobile_id_changed.connect(hear)
    answers()
    visitor.start()
    visitor.verify()
    answers(mobile_id="another")
    passer_by.verify()
    passer_by.force_login(user)

    assert heard == [("superseded", False), ("", False)]


def test_the_purge_ends_stale_verifications_and_deletes_old_ones(visitor, receivers, settings):
    settings.PLASGATE_IP_ATTEMPT_RETENTION = timedelta(days=1)
    visitor.start()
    PhoneVerification.objects.update(created_at=timezone.now() - timedelta(hours=1))

    call_command("plasgate_ip_purge", verbosity=0)
    assert [(name, row.reason) for name, row in receivers.heard] == [("failed", "expired")]

    PhoneVerification.objects.update(created_at=timezone.now() - timedelta(days=2))
    call_command("plasgate_ip_purge", verbosity=0)
    assert not PhoneVerification.objects.exists()
