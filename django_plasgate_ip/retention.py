"""Retention: end stale verifications, empty old claims, and delete old verifications.

Each step works in batches and yields the size of each. A batch is one transaction, so memory is
bounded and locks are short. Concurrent runs are safe: a batch skips the rows that another
transaction has locked, and the next run finds them.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.db import connections, transaction
from django.db.models import Q
from django.utils import timezone

from django_plasgate_ip import personal_data
from django_plasgate_ip.conf import conf
from django_plasgate_ip.models import EXCHANGE_GRACE, PhoneVerification
from django_plasgate_ip.querysets import PhoneVerificationQuerySet
from django_plasgate_ip.reasons import LIVE, Status
from django_plasgate_ip.verification import transitions

BATCH_SIZE = 1000


def stale() -> PhoneVerificationQuerySet:
    """Return the live verifications that can't continue: expired or interrupted ones."""
    return PhoneVerification.objects.on_primary().filter(_is_stale())


def with_old_claims() -> PhoneVerificationQuerySet:
    """Return the verifications with claims that are older than ``PLASGATE_IP_CLAIMS_RETENTION``.

    Rows that `old` returns are left out, because their claims are deleted with them.
    """
    rows = _older_than(conf.PLASGATE_IP_CLAIMS_RETENTION).exclude(claims={})
    kept = conf.PLASGATE_IP_ATTEMPT_RETENTION
    return rows if kept is None else rows.filter(created_at__gte=timezone.now() - kept)


def old() -> PhoneVerificationQuerySet:
    """Return the verifications that are older than ``PLASGATE_IP_ATTEMPT_RETENTION``.

    Live verifications are included only if they are stale. Unacknowledged changes of SIM are
    included, because the retention period applies to all personal data.
    """
    old_enough = _older_than(conf.PLASGATE_IP_ATTEMPT_RETENTION)
    return old_enough.filter(~Q(status__in=LIVE) | _is_stale())


def end_stale(batch_size: int = BATCH_SIZE) -> Iterator[int]:
    """End the stale verifications as ``expired`` or ``interrupted``. Send a signal for each."""
    while batch := list(stale()[:batch_size]):
        yield sum(transitions.finish_if_stale(verification) for verification in batch)


def empty_claims(batch_size: int = BATCH_SIZE) -> Iterator[int]:
    """Empty the old claims, but keep the verifications."""

    def empty(pks: list[Any]) -> None:
        PhoneVerification.objects.on_primary().filter(pk__in=pks).update(claims={})

    return _in_batches(with_old_claims(), batch_size, empty)


def delete_old(batch_size: int = BATCH_SIZE) -> Iterator[int]:
    """Delete the old verifications that have ended, and their entries in the admin log."""
    return _in_batches(old().ended(), batch_size, personal_data.delete)


def _is_stale() -> Q:
    now = timezone.now()
    exchange = timedelta(seconds=conf.PLASGATE_IP_TIMEOUT) + EXCHANGE_GRACE
    return Q(status=Status.PENDING, created_at__lt=now - conf.PLASGATE_IP_ATTEMPT_LIFETIME) | Q(
        status=Status.EXCHANGING, exchanging_at__lt=now - exchange
    )


def _older_than(age: timedelta | None) -> PhoneVerificationQuerySet:
    """Return the verifications that started more than `age` ago; no rows if `age` is None."""
    rows = PhoneVerification.objects.on_primary()
    return rows.none() if age is None else rows.filter(created_at__lt=timezone.now() - age)


def _in_batches(
    rows: PhoneVerificationQuerySet, batch_size: int, act: Callable[[list[Any]], None]
) -> Iterator[int]:
    """Lock `rows`, oldest first, call `act` with each batch of primary keys, yield its size."""
    can_skip = connections[rows.db].features.has_select_for_update_skip_locked
    page = rows
    while True:
        with transaction.atomic(using=rows.db):
            locked = page.order_by("created_at").select_for_update(skip_locked=can_skip)
            batch = list(locked.values_list("pk", "created_at")[:batch_size])
            if not batch:
                return
            act([pk for pk, _ in batch])
        yield len(batch)
        # The next batch starts here, so that the database does not read the rows before it again.
        page = rows.filter(created_at__gte=batch[-1][1])
