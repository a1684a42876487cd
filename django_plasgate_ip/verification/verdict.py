"""Decide what an answer proves: verified, failed or error.

The functions are pure. Their arguments are an `Answer`, and the scopes and the number of a
verification. The facts are from the API page.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.client import Answer
from django_plasgate_ip.reasons import Reason, Status

_PROFILE_CLAIMS = (
    "given_name",
    "family_name",
    "birthdate",
    "gender",
    "personal_identification_number",
    "address",
)
# The API page: "Please turn off Wi-Fi or use Mobile data network".
_NETWORK_WORDS = ("wi-fi", "wifi", "mobile data")


@dataclass(frozen=True)
class Verdict:
    """How a verification ends. If `reason` is None, it is verified; only then it has ids."""

    reason: Reason | None = None
    error_description: str = field(default="", repr=False)
    #: E.164 of the number that the ``phone`` scope returned; empty for other scopes.
    phone_number: str = field(default="", repr=False)
    sub: str = field(default="", repr=False)
    mobile_id: str = field(default="", repr=False)
    claims: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def status(self) -> Status:
        """The status that the row ends with."""
        return self.reason.status if self.reason else Status.VERIFIED


def judge(answer: Answer, scopes: Iterable[str], phone_number: str) -> Verdict:
    """Return what `answer` proves for a verification with these scopes.

    `phone_number`: the requested number as E.164; empty if the scopes need no number.
    """
    names = scope_sets.bare(scopes)
    if answer.succeeded:
        reason = rejection_reason(answer, names, phone_number)
    else:
        reason = failure_reason(answer)
    if reason is not None:
        return Verdict(reason, answer.error_description, claims=answer.claims)
    return Verdict(
        error_description=answer.error_description,
        phone_number="" if phone_number else answer.phone_number,
        sub=answer.sub,
        mobile_id=answer.mobile_id,
        claims=answer.claims,
    )


def failure_reason(answer: Answer) -> Reason:
    """Return why the operator did not confirm the number."""
    if is_about_network(answer.error_description):
        return Reason.NOT_ON_MOBILE_DATA
    return Reason.NOT_VERIFIED


def is_about_network(text: str) -> bool:
    """Whether the provider's text says that the visitor was not on mobile data."""
    return any(word in text.lower() for word in _NETWORK_WORDS)


def rejection_reason(answer: Answer, names: frozenset[str], phone_number: str) -> Reason | None:
    """Return why a successful answer is rejected, or None. It must have what its scopes promise.

    `names`: the scopes without ``ip:``. `phone_number`: as for `judge`.
    """
    if scope_sets.needs_number(names):
        if answer.phone_number_verified is False:
            return failure_reason(answer)
        if answer.phone_number_verified is None or not answer.login_hint:
            return Reason.INVALID_RESPONSE
        # SECURITY: nothing else ties the answer to the number that this browser requested. If an
        # attacker injects a code of their own into a victim's session, it is rejected here.
        if answer.login_hint != phone_number:
            return Reason.NUMBER_MISMATCH
    if not _keeps_promises(answer, names):
        return Reason.INVALID_RESPONSE
    if phone_number and answer.phone_number not in ("", phone_number):
        return Reason.NUMBER_MISMATCH
    return None


def _keeps_promises(answer: Answer, names: frozenset[str]) -> bool:
    return (
        # The API page: "Every response will contain sub claim."
        bool(answer.claims.get("sub"))
        and ("mobile_id" not in names or bool(answer.mobile_id))
        and ("phone" not in names or bool(answer.phone_number))
        and ("profile" not in names or any(answer.claims.get(n) for n in _PROFILE_CLAIMS))
    )
