"""The signals. Exactly one of the first two is sent, once, for every attempt that ends.

All are sent after the row is committed, with ``send_robust``: a receiver that raises is logged by
Django and changes nothing. Receivers get

``sender``
    the `PhoneVerification` class,
``verification``
    the row, finished; its ``status`` and ``reason`` are text, as of any row,
``request``
    the request that ended it, or None where no request of the visitor's own browser did: the purge
    command, and a phone that carried the attempt of a computer.
"""

from django.dispatch import Signal

#: ``verification.status`` is ``verified``: the number, or the SIM's ``mobile_id``, is confirmed.
phone_verified = Signal()

#: ``verification.status`` is ``failed`` or ``error``; ``verification.reason`` says why.
phone_verification_failed = Signal()

#: A user's number was verified with another ``mobile_id`` than the last time: the SIM or the device
#: changed, or the number is somebody else's now. Sent after ``phone_verified`` (with ``request``
#: None where a login claimed the attempt), with ``previous``: the verified row it differs from.
mobile_id_changed = Signal()
