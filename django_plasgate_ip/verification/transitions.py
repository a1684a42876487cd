"""How an attempt ends: once, by one conditional UPDATE, with its signal after the commit."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import router, transaction
from django.http import HttpRequest
from django.utils import timezone

from django_plasgate_ip import phones, signals
from django_plasgate_ip.fields import Sealed
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason, Status
from django_plasgate_ip.verification import sim_change
from django_plasgate_ip.verification.verdict import Verdict


def finish(verification: PhoneVerification, end: Verdict, request: HttpRequest | None) -> bool:
    """End an attempt from inside whatever transaction is open; its signal waits for the commit."""
    if not verification.transition(**result_columns(end)):
        return False
    transaction.on_commit(
        partial(send_signals, verification, request),
        using=router.db_for_write(PhoneVerification),
        robust=True,
    )
    return True


def finish_if_live(
    verification: PhoneVerification,
    why: Callable[[PhoneVerification], Reason],
    request: HttpRequest | None,
) -> None:
    """End an attempt in whichever state it is: its code, if it still comes, counts no more."""
    live: PhoneVerification | None = verification
    # A callback may take the code between the look and the UPDATE; the status only moves forward.
    while live is not None and not finish(live, Verdict(why(live)), request):
        live = PhoneVerification.objects.on_primary().live().filter(pk=verification.pk).first()


def superseded(live: PhoneVerification) -> Reason:
    """Return why an attempt ends whose visitor starts again."""
    return Reason.INTERRUPTED if live.status == Status.EXCHANGING else Reason.SUPERSEDED


def result_columns(end: Verdict) -> dict[str, Any]:
    """Return the columns that say how it ended, as a row that is read has them."""
    values: dict[str, Any] = {
        "status": end.status.value,
        "reason": end.reason.value if end.reason else "",
        "error_description": end.error_description,
        "sub": end.sub,
        "mobile_id": end.mobile_id,
        # Sealed here: an error tracker keeps what lies in the frames of a failing database.
        "claims": Sealed.seal(end.claims),
        "completed_at": timezone.now(),
    }
    if end.phone_number:
        values["phone_number"] = phones.from_wire(end.phone_number)
    return values


def send_signals(
    verification: PhoneVerification,
    request: HttpRequest | None,
    previous: PhoneVerification | None = None,
) -> None:
    """Send the signals of an attempt that has ended; `previous`: see `sim_change`."""
    if verification.is_handed_over:
        # SECURITY: the request may be the phone's. A receiver that logs it in, or writes to its
        # session, would do that to the wrong browser.
        request = None
    verified = verification.status == Status.VERIFIED
    signal = signals.phone_verified if verified else signals.phone_verification_failed
    signal.send_robust(PhoneVerification, verification=verification, request=request)
    if previous is not None:
        sim_change.announce(verification, previous, request)
