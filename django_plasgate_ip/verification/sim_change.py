"""A changed SIM: the same user and number, verified with another ``mobile_id`` than before.

``mobile_id`` is a hash of SIM card, handset and number. Another one means that the SIM or the
device changed, or that the operator gave the number to somebody else.
"""

from functools import partial
from typing import Any

from django.db import router, transaction
from django.http import HttpRequest

from django_plasgate_ip import signals
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.redaction import Hidden


def find_previous(user_id: Any, phone_number: Any, mobile_id: str) -> PhoneVerification | None:
    """Return the user's last verified row of this number, if it has another ``mobile_id``.

    Rows without a ``mobile_id`` do not count. Returns None for an anonymous visitor, and for scopes
    that give no number or no ``mobile_id``. Two first verifications at the same moment
    do not see each other.
    """
    if not (user_id and phone_number and mobile_id):
        return None
    verified = PhoneVerification.objects.on_primary().verified()
    same_number = verified.filter(user_id=user_id, phone_number=phone_number)
    # Every callback waits for this, and other values are rare.
    if not same_number.exclude(mobile_id__in=("", mobile_id)).exists():
        return None
    last = same_number.exclude(mobile_id="").order_by("-completed_at").first()
    return last if last and last.mobile_id != mobile_id else None


def assign(verification: PhoneVerification, user: Any) -> None:
    """Give an anonymous session's verified row to `user`, and compare its ``mobile_id``, too.

    SECURITY: otherwise a stolen number could be verified anonymously to avoid the comparison.
    """
    mobile_id = Hidden(verification.mobile_id)
    previous = find_previous(user.pk, verification.phone_number, mobile_id)
    if verification.transition(user=user, mobile_id_changed=previous is not None) and previous:
        transaction.on_commit(
            partial(send_signal, verification, previous, None),
            using=router.db_for_write(PhoneVerification),
            robust=True,
        )


def send_signal(
    verification: PhoneVerification, previous: PhoneVerification, request: HttpRequest | None
) -> None:
    """Send ``mobile_id_changed``."""
    signals.mobile_id_changed.send_robust(
        PhoneVerification, verification=verification, previous=previous, request=request
    )
