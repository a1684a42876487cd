"""The table of magic numbers: a number's last two digits select what the sandbox does."""

import secrets
from collections.abc import Iterable
from enum import Enum

from django_plasgate_ip.sandbox import answers


class Outcome(Enum):
    """One thing that the sandbox can do.

    `ending` is the last two digits that select it. `label` names it in a few words. `happens` is
    a sentence that says what the sandbox does.
    """

    VERIFIED = ("18", "verified", "The number is verified, as with every ending not listed here.")
    NOT_ON_MOBILE_DATA = ("19", "not on mobile data", "The exchange says failed: turn off Wi-Fi.")
    ANOTHER_SIM = ("20", "another SIM", "The exchange says failed: the number is not the SIM's.")
    DENIED = ("21", "denied", "The callback carries error=access_denied and no code.")
    KEYS_REFUSED = ("22", "keys refused", "The exchange answers 403, as for wrong keys.")
    SERVER_ERROR = ("23", "server error", "The exchange answers 500 with an HTML page.")
    NO_ANSWER_IN_TIME = (
        "24",
        "no answer in time",
        "The exchange sleeps for PLASGATE_IP_SANDBOX_DELAY seconds, then verifies the number.",
    )
    GARBAGE = ("25", "garbage", "The exchange answers 200 with an HTML page instead of JSON.")
    NEVER_COMES_BACK = ("26", "never comes back", "The visitor stays on a page of the operator.")
    NEW_MOBILE_ID = ("27", "new mobile_id", "Verified, with another mobile_id each time.")
    ANOTHER_NUMBER = ("28", "another number", "The exchange says success, but for another number.")
    OTHER_SCHEME = (
        "29",
        "other scheme",
        "The callback repeats redirect_uri in the other scheme, http or https. The app accepts it.",
    )

    def __init__(self, ending: str, label: str, happens: str) -> None:
        self.ending = ending
        self.label = label
        self.happens = happens

    @property
    def phone_number(self) -> str:
        """A valid Cambodian number with this ending, in digits as the wire has them."""
        return f"855776961{self.ending}"

    @classmethod
    def of(cls, phone_number: str) -> "Outcome":
        """Return what `phone_number` selects. Without a number (``""``), the start is verified."""
        by_ending = {outcome.ending: outcome for outcome in cls}
        return by_ending.get(phone_number[-2:], cls.VERIFIED)


_FIXED = {
    Outcome.KEYS_REFUSED: answers.KEYS_REFUSED,
    Outcome.SERVER_ERROR: answers.SERVER_ERROR,
    Outcome.GARBAGE: answers.NOT_JSON,
}
_FAILURES = {
    Outcome.NOT_ON_MOBILE_DATA: answers.NOT_ON_MOBILE_DATA,
    Outcome.ANOTHER_SIM: answers.NOT_VERIFIED,
}


def repeated(redirect_uri: str, phone_number: str) -> str:
    """Return the ``redirect_uri`` that the callback repeats for this number.

    The API page's start has ``https://``, and its callback has ``http://``.
    """
    if Outcome.of(phone_number) is not Outcome.OTHER_SCHEME:
        return redirect_uri
    scheme, _colon, rest = redirect_uri.partition(":")
    return f"{'http' if scheme.lower() == 'https' else 'https'}:{rest}"


def reply(phone_number: str, scopes: Iterable[str]) -> answers.Reply:
    """Return the exchange's reply to a code that was issued for this number and these scopes."""
    outcome = Outcome.of(phone_number)
    if outcome in _FIXED:
        return _FIXED[outcome]
    if outcome in _FAILURES:
        return answers.json_reply(answers.failure(phone_number, _FAILURES[outcome]))
    another = outcome is Outcome.ANOTHER_NUMBER
    found = answers.DIGITS if another else phone_number or answers.DIGITS
    answer = answers.success(found, scopes)
    if outcome is Outcome.NEW_MOBILE_ID and "mobile_id" in answer:
        answer["mobile_id"] = secrets.token_hex(64)
    return answers.json_reply(answer)
