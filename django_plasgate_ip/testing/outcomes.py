"""What the fake PlasGate can do: one `Outcome` for each `Reason` that PlasGate can cause."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.sandbox import answers
from django_plasgate_ip.sandbox.answers import Reply, json_reply

Body = Mapping[str, Any] | list[Any] | str | bytes | Exception


@dataclass(frozen=True)
class Visit:
    """What a start sent to PlasGate."""

    #: As on the wire.
    scopes: tuple[str, ...]
    #: Digits; empty if none was sent or it is unknown.
    phone_number: str = field(default="", repr=False)


#: What the exchange does with a code: it replies, or the transport raises the exception.
Outcome = Callable[[Visit], Reply | Exception]


def verified(digits: str, claims: Mapping[str, Any]) -> Outcome:
    """Return the outcome for a phone with the number `digits`; if empty, with the one sent.

    Another number fails, as with PlasGate. `claims`: see `answers.changed`. Raises TypeError for
    a claim that JSON can't hold.
    """
    json_reply(claims)  # raises here, where the test sets it, and not during the exchange

    def reply(visit: Visit) -> Reply:
        found = digits or visit.phone_number or answers.DIGITS
        if visit.phone_number not in ("", found):
            return json_reply(answers.failure(visit.phone_number, answers.NOT_VERIFIED))
        return json_reply(answers.changed(answers.success(found, visit.scopes), claims))

    return reply


def failed(reason: str) -> Outcome:
    """Return the outcome with which a verification ends with `reason`. Raises ValueError."""
    if reason not in _FAILED:
        known = ", ".join(sorted(_FAILED))
        raise ValueError(
            f"PlasGate can't cause {str(reason)!r}, but these reasons: {known}. For a row that "
            "ended with another one, use make_verification(user, reason=…)."
        )
    return _FAILED[Reason(reason)]


def answered(body: Body, status: int) -> Outcome:
    """Return the outcome of an exchange that answers exactly this.

    Raises TypeError for a `body` that JSON can't hold.
    """
    if isinstance(body, str):
        body = body.encode()
    if isinstance(body, bytes):
        return _always(Reply(body, status))
    return _always(body if isinstance(body, Exception) else json_reply(body, status))


def denied(visit: Visit) -> Reply:
    """Refuse a code that the test invented: the callback carries an error, and no code."""
    return answers.KEYS_REFUSED


def about_another_number(visit: Visit) -> Reply:
    """Reply with a success about another number than the one sent."""
    another = answers.DIGITS if visit.phone_number != answers.DIGITS else "85577696128"
    return json_reply(answers.success(another, visit.scopes))


def _always(reply: Reply | Exception) -> Outcome:
    return lambda visit: reply


def _not_verified(text: str) -> Outcome:
    return lambda visit: json_reply(answers.failure(visit.phone_number or answers.DIGITS, text))


_FAILED: dict[Reason, Outcome] = {
    Reason.NOT_ON_MOBILE_DATA: _not_verified(answers.NOT_ON_MOBILE_DATA),
    Reason.NOT_VERIFIED: _not_verified(answers.NOT_VERIFIED),
    Reason.NUMBER_MISMATCH: about_another_number,
    Reason.PROVIDER_DENIED: denied,
    Reason.CREDENTIALS_REJECTED: _always(answers.KEYS_REFUSED),
    Reason.RATE_LIMITED: _always(answers.TOO_MANY_REQUESTS),
    Reason.PROVIDER_ERROR: _always(answers.SERVER_ERROR),
    Reason.PROVIDER_UNREACHABLE: _always(requests.ConnectionError("fake PlasGate")),
    Reason.PROVIDER_TIMEOUT: _always(requests.ReadTimeout("fake PlasGate")),
    Reason.INVALID_RESPONSE: _always(answers.NOT_JSON),
}
