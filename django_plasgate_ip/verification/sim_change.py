"""A changed SIM: the same user and number, verified with another ``mobile_id`` than before.

``mobile_id`` is a hash of SIM card, handset and number, so another one means that the SIM or the
device changed, or that the operator gave the number to somebody else.
"""

from functools import partial
from typing import Any

from django.db import transaction
from django.http import HttpRequest

from django_plasgate_ip import signals
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.redaction import Hidden


def changed(attempt: Any, number: Any, mobile_id: str) -> PhoneVerification | None:
    """Return what `changed_from` does for an attempt that comes from `newest.for_callback`.

    `number`: its own, or the one that its answer has told.
    """
    # Nearly always there is none, or it is the same one, and no row is needed. Where the last one
    # came without a ``mobile_id``, the one before it counts.
    if attempt.phone_number and attempt.last_mobile_id in (None, mobile_id):
        return None
    return changed_from(attempt.user_id, number, mobile_id)


def changed_from(user_id: Any, phone_number: Any, mobile_id: str) -> PhoneVerification | None:
    """Return the user's last verified row of this number, if its ``mobile_id`` is another.

    None for an anonymous visitor, for scopes that give no number or no ``mobile_id``, and for the
    first time.
    """
    if not (user_id and phone_number and mobile_id):
        return None
    same = (
        PhoneVerification.objects.on_primary()
        .verified()
        .filter(user_id=user_id, phone_number=phone_number)
    )
    last = same.exclude(mobile_id="").order_by("-completed_at").first()
    return last if last is not None and last.mobile_id != mobile_id else None


def claim(verification: PhoneVerification, user: Any) -> None:
    """Give a verified row of the session to `user`, with the same question asked.

    Otherwise a stolen number could be brought in anonymously, past the question.
    """
    mobile_id = Hidden(verification.mobile_id)
    previous = changed_from(user.pk, verification.phone_number, mobile_id)
    if verification.transition(user=user, mobile_id_changed=previous is not None) and previous:
        transaction.on_commit(
            partial(announce, verification, previous, None),
            using=PhoneVerification.objects.on_primary().db,
            robust=True,
        )


def announce(
    verification: PhoneVerification, previous: PhoneVerification, request: HttpRequest | None
) -> None:
    """Send ``mobile_id_changed``."""
    signals.mobile_id_changed.send_robust(
        PhoneVerification, verification=verification, previous=previous, request=request
    )
