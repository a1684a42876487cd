"""What a number's last two digits make the sandbox do: the one table of its magic numbers."""

from __future__ import annotations

from enum import Enum


class Outcome(Enum):
    """One way that a verification can go.

    `ending` is the last two digits that ask for it, `label` names it in a few words, `happens`
    says in a sentence what the sandbox does. Iterating gives the rows of a table.
    """

    VERIFIED = (
        "18",
        "verified",
        "The number is verified. So is every ending that has no row of its own.",
    )
    NOT_ON_MOBILE_DATA = (
        "19",
        "not on mobile data",
        "The exchange says failed: turn off Wi-Fi or use mobile data.",
    )
    ANOTHER_SIM = (
        "20",
        "another SIM",
        "The exchange says failed: the phone number is not verified.",
    )
    DENIED = (
        "21",
        "denied",
        "The callback carries error=access_denied and no code.",
    )
    KEYS_REFUSED = (
        "22",
        "keys refused",
        "The exchange answers 403, as for wrong keys or no balance.",
    )
    SERVER_ERROR = (
        "23",
        "server error",
        "The exchange answers 500 with an HTML page.",
    )
    NO_ANSWER_IN_TIME = (
        "24",
        "no answer in time",
        "The exchange sleeps for PLASGATE_IP_SANDBOX_DELAY seconds, then verifies the number.",
    )
    GARBAGE = (
        "25",
        "garbage",
        "The exchange answers 200 with an HTML page instead of JSON.",
    )
    NEVER_COMES_BACK = (
        "26",
        "never comes back",
        "The visitor stays on a page of the operator and is not sent back.",
    )
    NEW_MOBILE_ID = (
        "27",
        "new mobile_id",
        "The number is verified, with another mobile_id each time.",
    )
    ANOTHER_NUMBER = (
        "28",
        "another number",
        "The exchange says success, but about another number than the one asked for.",
    )

    def __init__(self, ending: str, label: str, happens: str) -> None:
        """Take a row of the table above apart."""
        self.ending = ending
        self.label = label
        self.happens = happens

    @property
    def phone_number(self) -> str:
        """A valid Cambodian number with this ending, in digits as the wire has them."""
        return f"855776961{self.ending}"

    @classmethod
    def of(cls, phone_number: str) -> Outcome:
        """Return what `phone_number` asks for; a start without a number (``""``) is verified."""
        by_ending = {outcome.ending: outcome for outcome in cls}
        return by_ending.get(phone_number[-2:], cls.VERIFIED)
