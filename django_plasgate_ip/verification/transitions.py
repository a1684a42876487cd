"""Store, claim and end a verification: each once, with the signal sent after the commit."""

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import router, transaction
from django.http import HttpRequest
from django.utils import timezone

from django_plasgate_ip import phones, signals
from django_plasgate_ip.encryption import Sealed
from django_plasgate_ip.exceptions import TooManyStarts
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason, Status
from django_plasgate_ip.verification import changes, connection, limits
from django_plasgate_ip.verification.changes import Changes
from django_plasgate_ip.verification.verdict import Verdict

logger = logging.getLogger("django_plasgate_ip")

# How many earlier verifications of its session a start reads. Older ones ended long ago.
MAX_EARLIER = 100
# Two requests that end one row at once conflict if the database isolates them more than by default.
# The second one finds the row moved as soon as it tries again.
CONFLICT = timedelta(seconds=1)


def store(verification: PhoneVerification, request: HttpRequest | None) -> None:
    """Store a new verification and end the live ones of its session.

    `request`: the request that receivers get for the verifications that end. Raises
    `TooManyStarts`; then the new one is not stored, and the live ones stay as they are.
    """
    verifications = PhoneVerification.objects.on_primary()
    earlier = list(verifications.for_session(verification.session_id)[:MAX_EARLIER])
    verification.created_at = timezone.now()
    if earlier:
        # The callback is for the newest verification. The clock of the machine that stored the
        # last one may be ahead of this one's.
        after_newest = earlier[0].created_at + timedelta(microseconds=1)
        verification.created_at = max(verification.created_at, after_newest)
    verification.operator = phones.operator(verification.phone_number)
    verification.save(force_insert=True)
    try:
        limits.check(verification)
    except TooManyStarts:
        # Another request of this session may have ended it already, and sent its signal.
        verification.if_unmoved().delete()
        raise
    # End only those that were stored before. Otherwise two starts at once would end each other.
    for live in filter(lambda each: each.is_live, earlier):
        finish_if_live(live, _superseded, request)


def require_no_transaction() -> None:
    """Raise RuntimeError inside a transaction. An enclosing ``TestCase`` does not count."""
    using = router.db_for_write(PhoneVerification)
    if transaction.get_connection(using).in_atomic_block:
        with transaction.atomic(using=using, durable=True):
            pass


def claim(verification: PhoneVerification) -> bool:
    """Claim a pending verification's code for this request; return False if it was claimed.

    The claim must be committed before the provider is called (see `require_no_transaction`).
    """
    values = {"status": Status.EXCHANGING.value, "exchanging_at": timezone.now()}
    return connection.retry(lambda: verification.transition(**values), timezone.now() + CONFLICT)


def finish(
    verification: PhoneVerification,
    end: Verdict,
    request: HttpRequest | None,
    *,
    autocommit: bool = False,
) -> bool:
    """End a verification; return False if its stored status is no longer this instance's.

    `request`: the request that receivers get. The signals are sent after the commit of the open
    transaction. `autocommit`: the caller has checked that no transaction is open (see
    `require_no_transaction`), so they are sent at once. Inside a site's ``TestCase``, they would
    otherwise never be sent. The caller has also claimed the verification, if it is exchanging: the
    answer can't be had again, so saving it is tried until the exchange would be interrupted.
    """
    is_answer = autocommit and verification.status == Status.EXCHANGING
    until = (is_answer and verification.exchange_ends_at) or timezone.now() + CONFLICT
    columns = result_columns(end)
    number = columns.get("phone_number", verification.phone_number)
    found = Changes()
    if end.status == Status.VERIFIED:
        # Not in one step with the UPDATE. If that is repeated, the row may be verified already.
        found = connection.retry(lambda: changes.find(verification, number, end.mobile_id), until)
    columns |= found.columns

    def save() -> bool:
        return verification.transition(**columns) or (
            is_answer and _is_saved(verification, columns)
        )

    if not connection.retry(save, until):
        return False
    send = partial(send_signals, verification, request, found)
    if autocommit:
        send()
    else:
        using = router.db_for_write(PhoneVerification)
        transaction.on_commit(send, using=using, robust=True)
    return True


def _is_saved(verification: PhoneVerification, columns: dict[str, Any]) -> bool:
    """Whether an earlier try was committed, and only its confirmation was lost. Load it then."""
    same = {name: columns[name] for name in ("status", "reason", "completed_at")}
    if not PhoneVerification.objects.on_primary().filter(pk=verification.pk, **same).exists():
        return False
    verification.refresh_from_db()
    return True


def finish_if_live(
    verification: PhoneVerification,
    reason_for: Callable[[PhoneVerification], Reason],
    request: HttpRequest | None,
) -> None:
    """End a verification that is pending or exchanging. A code that arrives later is ignored.

    `reason_for`: returns the reason for the verification as it is stored at that moment.
    """
    live: PhoneVerification | None = verification
    # A callback may claim the code between the read and the UPDATE. The loop ends, because a status
    # only moves forward.
    while live is not None and not finish(live, Verdict(reason_for(live)), request):
        live = PhoneVerification.objects.on_primary().live().filter(pk=verification.pk).first()


def finish_if_stale(verification: PhoneVerification, request: HttpRequest | None = None) -> bool:
    """End a verification that has a ``stale_reason``; return whether this call ended it."""
    reason = verification.stale_reason
    return reason is not None and finish(verification, Verdict(reason), request)


def ended_if_stale(
    verification: PhoneVerification, request: HttpRequest | None
) -> PhoneVerification | None:
    """End a verification that can't continue. Return it, as it is stored; None if deleted."""
    if verification.stale_reason is None or finish_if_stale(verification, request):
        return verification
    return PhoneVerification.objects.on_primary().filter(pk=verification.pk).first()


def result_columns(end: Verdict) -> dict[str, Any]:
    """Return the columns that store a verdict."""
    columns: dict[str, Any] = {
        "status": end.status.value,
        "reason": end.reason.value if end.reason else "",
        "error_description": end.error_description,
        "sub": end.sub,
        "mobile_id": end.mobile_id,
        # SECURITY: claims are encrypted here already, because an error tracker stores the local
        # variables of a save that fails.
        "claims": Sealed.seal(end.claims),
        "completed_at": timezone.now(),
    }
    if end.phone_number:
        number = phones.from_wire(end.phone_number)
        columns |= {"phone_number": number, "operator": phones.operator(number)}
    return columns


def send_signals(
    verification: PhoneVerification,
    request: HttpRequest | None,
    found: Changes,
) -> None:
    """Log a verification that has ended, send its signals, and report what has changed."""
    _log_end(verification)
    if verification.is_handed_over:
        # SECURITY: this may be the phone's request. A receiver that logs in the request's user, or
        # writes to its session, would do so in the wrong browser.
        request = None
    is_verified = verification.status == Status.VERIFIED
    signal = signals.phone_verified if is_verified else signals.phone_verification_failed
    signal.send_robust(PhoneVerification, verification=verification, request=request)
    found.report(verification, request)


def _log_end(verification: PhoneVerification) -> None:
    """Log one line. The names in ``extra`` are an interface. The documentation lists them."""
    # SECURITY: no number, not even a masked one.
    duration = verification.duration or timedelta(0)
    facts = {
        "verification": str(verification.pk),
        "status": str(verification.status),
        "reason": str(verification.reason),
        "operator": verification.operator,
        "method": verification.method,
        "seconds": round(duration.total_seconds(), 3),
    }
    outcome = facts["reason"] or facts["status"]
    logger.info("Verification %s ended: %s", verification.pk, outcome, extra=facts)


def _superseded(live: PhoneVerification) -> Reason:
    return Reason.INTERRUPTED if live.status == Status.EXCHANGING else Reason.SUPERSEDED
