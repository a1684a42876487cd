"""What is kept, and for how long: stale attempts, old claims, old rows, old keys, old links.

Each function works in bounded batches and yields after each, so that a command can show how far it
is and a million rows fit into little memory. Any of them may run twice at once, and beside live
traffic: rows that somebody else holds are passed over, where the database can do that.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connections, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from django_plasgate_ip import flow, personal_data
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import ClaimsUnreadable
from django_plasgate_ip.fields import Sealed
from django_plasgate_ip.handoff.models import PhoneHandoff, handoffs
from django_plasgate_ip.models import (
    EXCHANGE_GRACE,
    PhoneVerification,
    PhoneVerificationQuerySet,
)
from django_plasgate_ip.reasons import LIVE, Status

BATCH_SIZE = 1000
# Long enough to tell a late or a second phone why it is refused.
_HANDOFF_KEPT = timedelta(hours=1)
# Rows of one UPDATE: each is sought among all of them, and old SQLite takes 999 parameters.
_IN_ONE_STATEMENT = 200


def stale() -> PhoneVerificationQuerySet:
    """Return the live attempts that can't go on: too late to come back, or cut off."""
    return PhoneVerification.objects.on_primary().filter(_is_stale())


def with_old_claims() -> PhoneVerificationQuerySet:
    """Return the attempts whose claims are older than ``PLASGATE_IP_CLAIMS_RETENTION``.

    Those that are `old` themselves are not among them: their claims go with the row.
    """
    found = _older(conf.PLASGATE_IP_CLAIMS_RETENTION).exclude(claims={})
    kept = conf.PLASGATE_IP_ATTEMPT_RETENTION
    return found if kept is None else found.filter(created_at__gte=timezone.now() - kept)


def old() -> PhoneVerificationQuerySet:
    """Return the attempts older than ``PLASGATE_IP_ATTEMPT_RETENTION``.

    A live one only if it is stale: it ends first, with its signal. One with a changed SIM goes,
    too, acknowledged or not: how long personal data are kept is a promise, and a site that never
    asks about changes would break it.
    """
    old_enough = _older(conf.PLASGATE_IP_ATTEMPT_RETENTION)
    return old_enough.filter(~Q(status__in=LIVE) | _is_stale())


def old_handoffs() -> QuerySet[PhoneHandoff]:
    """Return the hand-offs to a phone whose links are too old, on every machine's clock."""
    return handoffs().filter(created_at__lt=timezone.now() - _HANDOFF_KEPT)


def with_claims(after: Any = None) -> PhoneVerificationQuerySet:
    """Return the attempts that have claims to encrypt again, behind the primary key `after`."""
    found = PhoneVerification.objects.on_primary().exclude(claims={})
    return found if after is None else found.filter(pk__gt=after)


def end_stale(batch_size: int = BATCH_SIZE) -> Iterator[int]:
    """End the stale attempts as ``expired`` or ``interrupted``, each with its signal."""
    while batch := list(stale()[:batch_size]):
        yield sum(flow.end_if_stale(verification) for verification in batch)


def empty_claims(batch_size: int = BATCH_SIZE) -> Iterator[int]:
    """Empty the old claims; the attempts stay."""
    yield from _in_batches(
        with_old_claims,
        batch_size,
        lambda pks: PhoneVerification.objects.on_primary().filter(pk__in=pks).update(claims={}),
    )


def delete_old(batch_size: int = BATCH_SIZE) -> Iterator[int]:
    """Delete the old attempts, what hangs on them, and what the admin noted about them."""
    yield from _in_batches(lambda: old().ended(), batch_size, personal_data.delete)


def delete_handoffs(batch_size: int = BATCH_SIZE) -> Iterator[int]:
    """Delete the old hand-offs; what came of them are attempts."""
    yield from _in_batches(
        old_handoffs, batch_size, lambda pks: handoffs().filter(pk__in=pks).delete()
    )


@dataclass(frozen=True)
class Reencrypted:
    """One batch of `reencrypt`."""

    #: Rows looked at.
    seen: int
    #: Rows that none of the keys opens; left as they are.
    unreadable: int
    #: The last primary key: where to go on from.
    last: Any


def reencrypt(batch_size: int = BATCH_SIZE, after: Any = None) -> Iterator[Reencrypted]:
    """Encrypt all claims with the first key, in the order of the primary key, behind `after`.

    A row that changes meanwhile is left alone: who changed it emptied it, or has the first key.
    """
    while True:
        page = with_claims(after).order_by("pk").values_list("pk", "claims")
        batch: list[tuple[Any, Sealed]] = list(page[:batch_size])
        if not batch:
            return
        changes = [change for pk, sealed in batch if (change := _Change.of(pk, sealed))]
        _store(changes)
        after = batch[-1][0]
        yield Reencrypted(len(batch), len(batch) - len(changes), after)


@dataclass(frozen=True)
class _Change:
    pk: Any
    before: Sealed
    after: Sealed

    @classmethod
    def of(cls, pk: Any, sealed: Sealed) -> "_Change | None":
        try:
            return cls(pk, sealed, sealed.reencrypt())
        except ClaimsUnreadable:
            return None


def _store(changes: list[_Change]) -> None:
    """Store the rows that nobody else holds together, and then each of the others by itself.

    A commit for each row takes most of the time. But a batch that waits for a row, while it holds
    others, could itself be waited for by who holds that row.
    """
    with transaction.atomic(using=PhoneVerification.objects.on_primary().db):
        free = _free(changes)
        _update([change for change in changes if change.pk in free])
    for change in changes:
        if change.pk not in free:
            _update([change])


def _free(changes: list[_Change]) -> set[Any]:
    """Lock those of the rows that nobody else holds, and return their primary keys."""
    pks = {change.pk for change in changes}
    features = connections[PhoneVerification.objects.on_primary().db].features
    if not features.has_select_for_update:
        # SQLite has one writer and no row locks.
        return pks
    if not features.has_select_for_update_skip_locked:
        return set()
    return set(
        _locked(PhoneVerification.objects.on_primary().filter(pk__in=pks)).values_list(
            "pk", flat=True
        )
    )


def _update(changes: list[_Change]) -> None:
    """Replace each token, unless it is not the one any more that was read."""
    for first in range(0, len(changes), _IN_ONE_STATEMENT):
        _execute(changes[first : first + _IN_ONE_STATEMENT])


def _execute(changes: list[_Change]) -> None:
    connection, meta = (
        connections[PhoneVerification.objects.on_primary().db],
        PhoneVerification._meta,
    )
    key = meta.pk
    names: dict[str, Any] = {"table": meta.db_table, "key": key.column, "claims": "claims"}
    # Claims that were emptied in between must not come back.
    replace = "WHEN {key} = %s AND {claims} = %s THEN %s " * len(changes)
    statement = (
        f"UPDATE {{table}} SET {{claims}} = CASE {replace}ELSE {{claims}} END "  # noqa: S608 # nosec B608
        f"WHERE {{key}} IN ({', '.join(['%s'] * len(changes))})"
    ).format(**{name: connection.ops.quote_name(value) for name, value in names.items()})
    keys = [key.get_db_prep_value(each.pk, connection) for each in changes]
    params = [
        value
        for pk, each in zip(keys, changes, strict=True)
        for value in (pk, each.before.token, each.after.token)
    ]
    with connection.cursor() as cursor:
        # The ORM's own CASE took seven times as long, for 1,000 rows on PostgreSQL.
        cursor.execute(statement, [*params, *keys])


def _is_stale() -> Q:
    now = timezone.now()
    exchange = timedelta(seconds=conf.PLASGATE_IP_TIMEOUT) + EXCHANGE_GRACE
    return Q(status=Status.PENDING, created_at__lt=now - conf.PLASGATE_IP_ATTEMPT_LIFETIME) | Q(
        status=Status.EXCHANGING, exchanging_at__lt=now - exchange
    )


def _older(than: timedelta | None) -> PhoneVerificationQuerySet:
    return (
        PhoneVerification.objects.on_primary().none()
        if than is None
        else PhoneVerification.objects.on_primary().filter(created_at__lt=timezone.now() - than)
    )


def _in_batches(
    query: Callable[[], QuerySet[Any]], size: int, act: Callable[[list[Any]], Any]
) -> Iterator[int]:
    """Give `act` the keys of the rows of `query`, oldest first; yield how many at a time."""
    since: dict[str, Any] = {}
    while True:
        page = query().filter(**since).order_by("created_at")
        with _transaction(page.db):
            batch = list(_locked(page).values_list("pk", "created_at")[:size])
            if not batch:
                return
            act([pk for pk, _ in batch])
        # Go on from here, instead of passing by what is done already, again each time.
        since = {"created_at__gte": batch[-1][1]}
        yield len(batch)


def _locked(page: QuerySet[Any]) -> QuerySet[Any]:
    """Hold the rows until they are changed; two runs at once would else wait in a circle.

    Has no effect on SQLite, which has no row locks.
    """
    features = connections[page.db].features
    return page.select_for_update(skip_locked=features.has_select_for_update_skip_locked)


def _transaction(using: str) -> AbstractContextManager[Any]:
    # SQLite has one writer and no row locks: a read that later writes fails there, if another
    # wrote in between, and a single statement does not.
    holds = connections[using].features.has_select_for_update
    return transaction.atomic(using=using) if holds else nullcontext()
