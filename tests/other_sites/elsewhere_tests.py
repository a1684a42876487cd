"""Whole walks without a default database: the package names no database."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from django_plasgate_ip import signals
from django_plasgate_ip.models import PhoneVerification

pytestmark = pytest.mark.django_db(databases=["main"], transaction=True)


def test_no_exchange_and_no_signal_is_in_a_transaction(visitor, passer_by, user, answers):
    seen: list[tuple[str, bool]] = []

    def see(name: str) -> None:
        seen.append((name, connections["main"].in_atomic_block))

    def hear(verification: PhoneVerification, **kwargs: Any) -> None:
        see(f"signal {verification.reason}")

    # A signal has a weak reference to its receiver, so this one ends with the test.
    for name in ("phone_verified", "phone_verification_failed", "mobile_id_changed"):
        getattr(signals, name).connect(hear)
    answers(meanwhile=lambda: see("exchange"))
    visitor.start()
    visitor.verify()
    answers(mobile_id="another")
    passer_by.verify()
    passer_by.force_login(user)

    names = ("signal superseded", "exchange", *("signal ",) * 3)
    assert seen == [(name, False) for name in names]


def test_the_purge_ends_stale_verifications_and_deletes_old_ones(visitor, receivers, settings):
    settings.PLASGATE_IP_ATTEMPT_RETENTION = timedelta(days=1)
    visitor.start()
    PhoneVerification.objects.update(created_at=timezone.now() - timedelta(hours=1))

    call_command("plasgate_ip_purge", verbosity=0)
    assert [(name, row.reason) for name, row in receivers.heard] == [("failed", "expired")]

    PhoneVerification.objects.update(created_at=timezone.now() - timedelta(days=2))
    call_command("plasgate_ip_purge", verbosity=0)
    assert not PhoneVerification.objects.exists()
