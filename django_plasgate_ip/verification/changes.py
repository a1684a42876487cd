"""What is new in a verified number of an account: the SIM or device, the number, a second holder.

``mobile_id`` is a hash of SIM card, handset and number. Another one means that the SIM or the
device changed, or that the operator gave the number to somebody else. Two first verifications at
the same moment do not see each other.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from django_plasgate_ip import phones, signals
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.querysets import PhoneVerificationQuerySet
from django_plasgate_ip.security_events import SecurityEvent, record


@dataclass(frozen=True)
class Changes:
    """How a verified number differs from what is stored."""

    #: The account's last verified row of this number, if it has another ``mobile_id``.
    previous: PhoneVerification | None = None
    #: Whether the account's last confirmed number is another one.
    number_changed: bool = False
    #: Whether another account holds this number, too.
    held_twice: bool = False

    @property
    def columns(self) -> dict[str, bool]:
        """The columns that store them."""
        changed = self.previous is not None
        return {"mobile_id_changed": changed, "number_changed": self.number_changed}

    def report(self, verification: PhoneVerification, request: HttpRequest | None) -> None:
        """Send ``mobile_id_changed``, and log a number of two accounts."""
        if self.held_twice:
            ids = {"verification": verification.pk, "user": verification.user_id}
            record(SecurityEvent.NUMBER_HELD_TWICE, **ids)
        if self.previous is not None:
            signals.mobile_id_changed.send_robust(
                PhoneVerification,
                verification=verification,
                previous=self.previous,
                request=request,
            )


def find(verification: PhoneVerification, phone_number: Any, mobile_id: str) -> Changes:
    """Return what changes for the account of `verification`, before it is stored as verified.

    `phone_number` and `mobile_id`: the verified ones, or empty texts. Nothing changes without an
    account or a number. Rows without a number or a ``mobile_id`` are not compared with it.
    """
    user_id = verification.user_id
    if not (user_id and phone_number):
        return Changes()
    is_unusual, held_twice = _compare(user_id, phone_number, mobile_id)
    if not is_unusual:
        return Changes(held_twice=held_twice)
    own = _confirmed().filter(user_id=user_id)
    with_id = own.filter(phone_number=phone_number).exclude(mobile_id="")
    last, same = (found.order_by("-completed_at").first() for found in (own, with_id))
    return Changes(
        previous=same if mobile_id and same and same.mobile_id != mobile_id else None,
        number_changed=bool(last and phones.e164(last.phone_number) != phones.e164(phone_number)),
        held_twice=held_twice,
    )


def _compare(user_id: Any, phone_number: Any, mobile_id: str) -> tuple[bool, bool]:
    """Return whether this account ever had another number or SIM, and whether others have this one.

    Every callback waits for its one query, which most often finds one row or none.
    """
    rows = PhoneVerification.objects.on_primary().verified()
    rows = rows.filter(Q(user_id=user_id) | Q(phone_number=phone_number))
    is_unusual = held_twice = False
    for holder, number, sim in rows.values_list("user_id", "phone_number", "mobile_id").distinct():
        # As in `_confirmed`. Two more conditions would make the query slower for every callback.
        if holder is None or not number:
            continue
        is_other_sim = bool(mobile_id) and sim not in ("", mobile_id)
        if holder != user_id:
            held_twice = True
        elif is_other_sim or phones.e164(number) != phones.e164(phone_number):
            is_unusual = True
    return is_unusual, held_twice


def _confirmed() -> PhoneVerificationQuerySet:
    return PhoneVerification.objects.on_primary().with_confirmed_number().exclude(user=None)
