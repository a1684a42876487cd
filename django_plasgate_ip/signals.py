"""The signals. For every verification that ends, exactly one of the first two is sent, once.

All are sent after the commit, with ``send_robust``. Django logs a receiver that raises; the other
receivers and the verification are not affected. Receivers get

``sender``
    the `PhoneVerification` class,
``verification``
    the finished row; its ``status`` and ``reason`` are plain text,
``request``
    the request of the visitor's own browser that ended it. It is None if the purge command ended
    it, if a phone confirmed it in a hand-off, or if its callback came to another browser. For
    `flow.confirm`, it is what the site passed.
"""

from django.dispatch import Signal

#: ``verification.status`` is ``verified``: the operator confirmed the number or the ``mobile_id``.
#: Or the site has confirmed the number by its own means: then ``verification.method`` is not
#: ``network``.
phone_verified = Signal()

#: ``verification.status`` is ``failed`` or ``error``; ``verification.reason`` says why.
phone_verification_failed = Signal()

#: A user's number was verified with another ``mobile_id`` than the last time: the SIM or the device
#: changed, or the number belongs to somebody else now. It is sent after ``phone_verified``.
#: ``previous`` is the earlier verified row. ``request`` is None if a login claimed the
#: verification.
mobile_id_changed = Signal()

#: A login claimed ``verification``, a verified row of its anonymous session: it belongs to the
#: argument ``user`` now. ``request`` is the login's. Unless the account holds the same number, SIM
#: and device already, it has to acknowledge the row before it can log in by phone.
phone_claimed = Signal()
