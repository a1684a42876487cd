"""The two signals. Exactly one of them is sent, once, for every attempt that ends.

Both are sent after the row is committed, with ``send_robust``: a receiver that raises is logged by
Django and changes nothing. Receivers get

``sender``
    the `PhoneVerification` class,
``verification``
    the row, finished,
``request``
    the request that ended it, or None where no request did (the purge command).
"""

from django.dispatch import Signal

#: ``verification.status`` is ``verified``: the number, or the SIM's ``mobile_id``, is confirmed.
phone_verified = Signal()

#: ``verification.status`` is ``failed`` or ``error``; ``verification.reason`` says why.
phone_verification_failed = Signal()
