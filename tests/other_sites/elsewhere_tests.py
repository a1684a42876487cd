"""Whole walks without a default database: the package names no database."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from django_plasgate_ip import signals
from django_plasgate_ip.models import PhoneVerification
from tests.conftest import Answers, Receivers
from tests.visitor import Visitor, outcome

pytestmark = pytest.mark.django_db(databases=["main"], transaction=True)


def in_transaction() -> bool:
    return connections["main"].in_atomic_block


def test_no_transaction_is_open_during_the_exchange(
    visitor: Visitor, answers: Answers, receivers: Receivers
) -> None:
    seen: list[bool] = []
    answers(meanwhile=lambda: seen.append(in_transaction()))

    visitor.verify()

    assert seen == [False]
    assert outcome() == ("verified", "")
    assert [name for name, _row in receivers.heard] == ["verified"]


def heard(signal: Any, act: Callable[[], Any]) -> list[Any]:
    """Return the verifications of a signal that `act` causes. None is in a transaction."""
    seen: list[PhoneVerification] = []

    def hear(verification: PhoneVerification, **kwargs: Any) -> None:
        assert not in_transaction()
        seen.append(verification)

    signal.connect(hear)
    try:
        act()
    finally:
        signal.disconnect(hear)
    return seen


def test_the_signal_of_a_superseded_verification_follows_the_commit(visitor: Visitor) -> None:
    visitor.start()

    (verification,) = heard(signals.phone_verification_failed, visitor.start)

    assert verification.reason == "superseded"


def test_the_signal_of_a_changed_sim_at_a_login_follows_the_commit(
    visitor: Visitor, passer_by: Visitor, user: User, answers: Answers
) -> None:
    answers()
    visitor.verify()
    answers(mobile_id="another")
    passer_by.verify()

    (verification,) = heard(signals.mobile_id_changed, lambda: passer_by.force_login(user))

    assert verification.user == user


def test_the_purge_ends_stale_verifications_and_deletes_old_ones(
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
