"""Each verification that ends sends one signal, after its row is committed."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

import pytest
from django.db import connection, transaction

from django_plasgate_ip import signals
from django_plasgate_ip.models import PhoneVerification
from tests.kept import in_a_thread
from tests.visitor import Visitor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("end", "reason"), [(Visitor.come_back, ""), (Visitor.start, "superseded")]
)
def test_each_end_sends_one_signal_after_the_commit_and_a_receiver_may_raise(
    visitor, answers, receivers, caplog, end, reason
):
    seen: list[Any] = []

    def break_the_database(verification: PhoneVerification, **kwargs: Any) -> None:
        row = PhoneVerification.objects.ended().filter(pk=verification.pk)
        with ThreadPoolExecutor(1) as pool:
            committed = pool.submit(in_a_thread, lambda: row.get().reason).result()
        seen.append((connection.in_atomic_block, committed))
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")

    receivers.verified.side_effect = receivers.failed.side_effect = break_the_database
    later = mock.Mock()
    signals.phone_verified.connect(later)
    signals.phone_verification_failed.connect(later)

    answers()
    visitor.start()
    end(visitor)
    row = PhoneVerification.objects.ended().get()
    assert seen == [(False, reason)]
    assert [call.kwargs["verification"] for call in later.call_args_list] == [row]
    assert "nowhere" in caplog.text
    # Nothing later sends a second one.
    visitor.come_back()
    visitor.get(f"/phone/{row.pk}/")

    assert [each for _name, each in receivers.heard].count(row) == 1
    sent = (receivers.failed if reason else receivers.verified).call_args_list[0].kwargs
    for name in ("pk", "status", "reason", "completed_at", "claims", "phone_number"):
        assert getattr(sent["verification"], name) == getattr(row, name)
