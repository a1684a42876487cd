"""What PlasGate can be made to do: one `Play` for each `Reason` that it can cause."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.testing import answers

Body = Mapping[str, Any] | list[Any] | str | bytes | Exception


@dataclass(frozen=True)
class Visit:
    """What a browser came to PlasGate with."""

    #: As on the wire.
    scopes: tuple[str, ...]
    #: Digits; empty where none was sent, or nobody knows.
    phone_number: str = field(default="", repr=False)


@dataclass(frozen=True)
class Reply:
    """What the exchange answers; an exception as `body` is raised in the transport instead."""

    body: str | bytes | Exception = field(default="", repr=False)
    #: The HTTP status.
    status: int = 200


@dataclass(frozen=True)
class Play:
    """What happens to a visitor, and to the code that the visitor brings back."""

    reply: Callable[[Visit], Reply]
    #: The visitor comes back with an error, and with no code.
    denies: bool = False
    #: Only an attempt with a number can end so.
    needs_number: bool = False


def verifying(digits: str, claims: Mapping[str, Any]) -> Play:
    """Return the play of a network that finds the number `digits`, or if empty the one asked for.

    Asked about another number it says no, as PlasGate does. `claims`: see `answers.success`. Raises
    TypeError for a claim that JSON can't hold.
    """
    json.dumps(claims)  # now, where the test is told, and not inside of the call

    def reply(visit: Visit) -> Reply:
        found = digits or visit.phone_number or answers.DIGITS
        if visit.phone_number not in ("", found):
            return _json(answers.failure(visit.phone_number, answers.NOT_VERIFIED))
        return _json(answers.success(found, visit.scopes, claims))

    return Play(reply)


def failing(reason: str) -> Play:
    """Return the play that makes an attempt end with `reason`. Raises ValueError."""
    if reason not in _FAILING:
        known = ", ".join(sorted(_FAILING))
        raise ValueError(
            f"PlasGate can't cause {str(reason)!r}, but these reasons: {known}. For a row that "
            "ended with another one, use make_verification(user, reason=…)."
        )
    return _FAILING[Reason(reason)]


def answering(body: Body, status: int) -> Play:
    """Return the play of an exchange that answers just this.

    Raises TypeError for a `body` that JSON can't hold.
    """
    said = body if isinstance(body, (str, bytes, Exception)) else json.dumps(body)
    return Play(lambda visit: Reply(said, status))


def _json(answer: Mapping[str, Any]) -> Reply:
    return Reply(json.dumps(answer))


def _saying_no(text: str) -> Play:
    return Play(lambda visit: _json(answers.failure(visit.phone_number or answers.DIGITS, text)))


def _about_another_number(visit: Visit) -> Reply:
    another = answers.DIGITS if visit.phone_number != answers.DIGITS else "85577696128"
    return _json(answers.success(another, visit.scopes))


_REFUSED = answering("Forbidden", 403)
_FAILING = {
    Reason.NOT_ON_MOBILE_DATA: _saying_no(answers.NOT_ON_MOBILE_DATA),
    Reason.NOT_VERIFIED: _saying_no(answers.NOT_VERIFIED),
    Reason.NUMBER_MISMATCH: Play(_about_another_number, needs_number=True),
    # A code that PlasGate gave to nobody is refused.
    Reason.PROVIDER_DENIED: Play(_REFUSED.reply, denies=True),
    Reason.CREDENTIALS_REJECTED: _REFUSED,
    Reason.RATE_LIMITED: answering("Too Many Requests", 429),
    Reason.PROVIDER_ERROR: answering("Internal Server Error", 500),
    Reason.PROVIDER_UNREACHABLE: Play(lambda visit: Reply(requests.ConnectionError("played"))),
    Reason.PROVIDER_TIMEOUT: Play(lambda visit: Reply(requests.ReadTimeout("played"))),
    Reason.INVALID_RESPONSE: answering("<html>Welcome</html>", 200),
}
