"""How a verification is stored, claimed and ended: once, and with its signal after the commit."""

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
from django_plasgate_ip.verification import limits, sim_change
from django_plasgate_ip.verification.verdict import Verdict

# How many earlier verifications of a session a start looks at. Older ones have ended long ago.
MAX_EARLIER = 100


def store(verification: PhoneVerification, signal_request: HttpRequest | None) -> None:
    """Store a new verification and end the live ones of its session.

    `signal_request`: what receivers get for those that end. Raises `TooManyStarts`; then nothing
    is stored, and nothing ends.
    """
    verifications = PhoneVerification.objects.on_primary()
    earlier = list(verifications.for_session(verification.session_id).defer("claims")[:MAX_EARLIER])
    verification.created_at = timezone.now()
    if earlier:
        # The clock of another machine may be ahead, and the callback is for the newest one.
        after_newest = earlier[0].created_at + timedelta(microseconds=1)
        verification.created_at = max(verification.created_at, after_newest)
    _insert(verification)
    # Only those that were there before. Of two starts at once, each would else end the other.
    for live in filter(lambda each: each.is_live, earlier):
        finish_if_live(live, _superseded, signal_request)


def require_no_transaction() -> None:
    """Raise RuntimeError inside a transaction. An enclosing ``TestCase`` does not count."""
    using = router.db_for_write(PhoneVerification)
    if transaction.get_connection(using).in_atomic_block:
        with transaction.atomic(using=using, durable=True):
            pass


def claim(verification: PhoneVerification) -> bool:
    """Claim a pending verification's code for this request; return whether it was unclaimed.

    The claim has to be committed before the provider is called: see `require_no_transaction`.
    """
    return verification.transition(status=Status.EXCHANGING.value, exchanging_at=timezone.now())


def finish(
    verification: PhoneVerification,
    end: Verdict,
    request: HttpRequest | None,
    *,
    autocommit: bool = False,
) -> bool:
    """End a verification; return whether it was still in this instance's status.

    `request`: the one that receivers get. The signals are sent after the commit of whatever
    transaction is open. `autocommit`: none is (see `require_no_transaction`), so they are sent at
    once. In a site's ``TestCase`` they would otherwise wait for ever.
    """
    columns = result_columns(end)
    previous = sim_change.find_previous(
        verification.user_id,
        columns.get("phone_number", verification.phone_number),
        end.mobile_id,
    )
    if not verification.transition(**columns, mobile_id_changed=previous is not None):
        return False
    send = partial(send_signals, verification, request, previous)
    if autocommit:
        send()
    else:
        using = router.db_for_write(PhoneVerification)
        transaction.on_commit(send, using=using, robust=True)
    return True


def finish_if_live(
    verification: PhoneVerification,
    reason_for: Callable[[PhoneVerification], Reason],
    request: HttpRequest | None,
) -> None:
    """End a verification whichever live status it is in. A code that arrives later is ignored."""
    live: PhoneVerification | None = verification
    # A callback may claim the code between the look and the UPDATE. The status only moves forward.
    while live is not None and not finish(live, Verdict(reason_for(live)), request):
        live = PhoneVerification.objects.on_primary().live().filter(pk=verification.pk).first()


def finish_if_stale(verification: PhoneVerification, request: HttpRequest | None = None) -> bool:
    """End a verification that can't continue; return whether this call did.

    It ends as ``expired`` if it came back too late, as ``interrupted`` if its exchange was cut off.
    """
    reason = verification.stale_reason
    return reason is not None and finish(verification, Verdict(reason), request)


def result_columns(end: Verdict) -> dict[str, Any]:
    """Return the columns that store a verdict."""
    columns: dict[str, Any] = {
        "status": end.status.value,
        "reason": end.reason.value if end.reason else "",
        "error_description": end.error_description,
        "sub": end.sub,
        "mobile_id": end.mobile_id,
        # SECURITY: encrypted here. An error tracker stores the local variables of a failing save.
        "claims": Sealed.seal(end.claims),
        "completed_at": timezone.now(),
    }
    if end.phone_number:
        columns["phone_number"] = phones.from_wire(end.phone_number)
    return columns


def send_signals(
    verification: PhoneVerification,
    request: HttpRequest | None,
    previous: PhoneVerification | None = None,
) -> None:
    """Send the signals of a verification that has ended; `previous`: see `sim_change`."""
    if verification.is_handed_over:
        # SECURITY: the request may be the phone's. A receiver that logs it in, or writes to its
        # session, would do so in the wrong browser.
        request = None
    is_verified = verification.status == Status.VERIFIED
    signal = signals.phone_verified if is_verified else signals.phone_verification_failed
    signal.send_robust(PhoneVerification, verification=verification, request=request)
    if previous is not None:
        sim_change.send_signal(verification, previous, request)


def _insert(verification: PhoneVerification) -> None:
    verification.save(force_insert=True)
    try:
        limits.check(verification)
    except TooManyStarts:
        # Only if it is still pending: another request of this session may have ended it and sent
        # its signal.
        verification.if_unmoved().delete()
        raise


def _superseded(live: PhoneVerification) -> Reason:
    return Reason.INTERRUPTED if live.status == Status.EXCHANGING else Reason.SUPERSEDED
