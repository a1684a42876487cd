"""The signals. Exactly one of the first two is sent, once, for every verification that ends.

All are sent after the commit, with ``send_robust``: Django logs a receiver that raises, and nothing
else changes. Receivers get

``sender``
    the `PhoneVerification` class,
``verification``
    the row, finished; its ``status`` and ``reason`` are text, as of any row,
``request``
    the request that ended it, or None where no request of the visitor's own browser did: for the
    purge command, and for the phone of a hand-off.
"""

from django.dispatch import Signal

#: ``verification.status`` is ``verified``: the number, or the SIM's ``mobile_id``, is confirmed.
phone_verified = Signal()

#: ``verification.status`` is ``failed`` or ``error``; ``verification.reason`` says why.
phone_verification_failed = Signal()

#: A user's number was verified with another ``mobile_id`` than the last time: the SIM or the device
#: changed, or the number belongs to somebody else now. Sent after ``phone_verified``, with
#: ``previous``: the verified row that it differs from. Where a login claimed the verification,
#: ``request`` is None.
mobile_id_changed = Signal()
