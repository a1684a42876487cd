"""The log of security events: one line for each, with ids, and without numbers, codes and keys.

All of them go to the logger ``django_plasgate_ip.security``. The names of the events are an
interface: a site's alerts search for them. The documentation lists them (Security).
"""

import logging
from enum import Enum
from typing import Any

logger = logging.getLogger("django_plasgate_ip.security")


class SecurityEvent(str, Enum):
    """What happened. The value is the first word of the line."""

    #: A limit refused a start.
    START_REFUSED = "start_refused"
    #: A callback was not plausible, or came to another browser than the one that started. Or an app
    #: had a wrong handle or code.
    CALLBACK_REFUSED = "callback_refused"
    #: At a login, the account took over a number that its anonymous session had verified.
    PHONE_CLAIMED = "phone_claimed"
    #: An account verified a number that another account holds, too.
    NUMBER_HELD_TWICE = "number_held_twice"
    #: On the phone of a hand-off, somebody tapped other characters than the computer shows.
    WRONG_TAP = "wrong_tap"
    #: Staff exported verifications.
    EXPORTED = "exported"
    #: Staff looked at the full number or the claims of a verification.
    CLAIMS_VIEWED = "claims_viewed"


_ROUTINE = (SecurityEvent.PHONE_CLAIMED, SecurityEvent.EXPORTED, SecurityEvent.CLAIMS_VIEWED)


def record(event: SecurityEvent, **ids: Any) -> None:
    """Log one line, such as ``wrong_tap verification=… user=7``.

    `ids`: primary keys and codes. None is written as ``-``. Never a number, a code or a key. What
    staff and visitors do every day has the level INFO; everything else has WARNING.
    """
    # SECURITY: a text may be a user's primary key. A line break in it would forge a second line.
    pairs = (f"{name}={'-' if v is None else ascii(str(v))[1:-1]}" for name, v in ids.items())
    level = logging.INFO if event in _ROUTINE else logging.WARNING
    logger.log(level, "%s", " ".join((event.value, *pairs)))
