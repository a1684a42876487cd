"""Decide what an answer proves: verified, failed or error.

The functions are pure. Their arguments are an `Answer`, and the scopes and the number of a
verification. The facts are from the API page.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from phonenumbers import region_code_for_number

from django_plasgate_ip import phones
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.client import Answer
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.reasons import Reason, Status

_PROFILE_CLAIMS = (
    "given_name",
    "family_name",
    "birthdate",
    "gender",
    "personal_identification_number",
    "address",
)
_GAP = r"[\W_]{0,3}"
_KHMER_NETWORK = "(?:បណ្[តដ]ាញ)"
# A phone, mobile, or a SIM card. Khmer keyboards put zero-width spaces between parts of a word.
_KHMER_MOBILE = rf"(?:ទូរ{_GAP}ស័?ព្ទ|ចល័ត|សីម)"
# Names of a company or a number: "not verified by the mobile network operator". But "the operator's
# network" is a network.
_COMPANY = re.compile(
    rf"(?:mobile|cellular){_GAP}(?:network|phone)?{_GAP}(?:operator|provider|carrier|company|number)"
    rf"(?!(?:['\u2019]?s)?{_GAP}(?:data|network|internet))"
    rf"|(?:ប្រតិបត្តិករ|ក្រុមហុន){_GAP}{_KHMER_NETWORK}?{_GAP}{_KHMER_MOBILE}"
)
# The API page: "Please turn off Wi-Fi or use Mobile data network". An operator may use other words,
# or Khmer. A doubtful text counts, because Wi-Fi is by far the most common trouble.
_NETWORK = re.compile(
    r"wifi|wlan|vpn|hotspot|cellular|(?<![^\W_])(?:wi[\W_]{1,3}fi|[345]g|lte)(?![^\W_])"
    r"|(?<![^\W_])w[\W_]{1,3}lan(?![^\W_])"
    rf"|(?:mobile|phone|sim(?:{_GAP}card)?|operator|provider|carrier)(?:['\u2019]?s)?{_GAP}"
    rf"(?:phone|connection)?{_GAP}(?:data|network|internet)|mobile{_GAP}connection"
    rf"|វ(?:ាយ|ៃ){_GAP}(?:ហ្វ|ផ)(?:ាយ|ៃ|ី)"
    rf"|(?:ទិន្នន័យ|អ[ិី]នធ[ឺើ]ណ[ិេែ]ត|{_KHMER_NETWORK}){_GAP}"
    rf"(?:តាមរយៈ|តាម|របស់|ពី|នៃ|លើ|ក្នុង)?{_GAP}{_KHMER_MOBILE}"
)


@dataclass(frozen=True)
class Verdict:
    """How a verification ends. If `reason` is None, it is verified; only then it has claims."""

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


def judge(answer: Answer, scopes: Iterable[str], requested: phones.Number | None) -> Verdict:
    """Return what `answer` proves for a verification with these scopes.

    `requested`: the number that was typed; None if the scopes need no number. A rejected verdict
    keeps nothing of the answer but its ``error_description``.
    """
    phone_number = phones.e164(requested) if requested else ""
    region = region_code_for_number(requested) if requested else None
    answer = replace(
        answer,
        login_hint=_e164(answer.login_hint, region),
        phone_number=_e164(answer.phone_number, region),
    )
    reason = rejection_reason(answer, scope_sets.bare(scopes), phone_number)
    if reason is not None:
        return Verdict(reason, answer.error_description)
    return Verdict(
        error_description=answer.error_description,
        phone_number="" if phone_number else answer.phone_number,
        sub=answer.sub,
        mobile_id=answer.mobile_id,
        claims=answer.claims,
    )


def rejection_reason(answer: Answer, names: frozenset[str], phone_number: str) -> Reason | None:
    """Return why the answer does not verify, or None. It must have what its scopes promise.

    The numbers of `answer` are E.164. `names`: the scopes without ``ip:``. `phone_number`: the
    requested number as E.164; empty if the scopes need no number.
    """
    needs_number = scope_sets.needs_number(names)
    if _says_no(answer, needs_number):
        is_wifi = is_about_network(answer.error_description)
        return Reason.NOT_ON_MOBILE_DATA if is_wifi else Reason.NOT_VERIFIED
    if needs_number:
        if answer.phone_number_verified is None or not answer.login_hint:
            return Reason.INVALID_RESPONSE
        # SECURITY: nothing else ties the answer to the number that this browser requested. If an
        # attacker injects a code of their own into a victim's session, it is rejected here.
        if answer.login_hint != phone_number:
            return Reason.NUMBER_MISMATCH
    # The API page: "Every response will contain sub claim." Without a number, nothing but `sub`
    # says that the operator recognised the SIM card.
    elif not answer.sub or (answer.succeeded is None and answer.claims.get("error")):
        return Reason.INVALID_RESPONSE
    if not _keeps_promises(answer, names):
        return Reason.INVALID_RESPONSE
    if phone_number and answer.phone_number not in ("", phone_number):
        return Reason.NUMBER_MISMATCH
    return None


def is_about_network(text: str) -> bool:
    """Whether the provider's text means that the visitor was not on mobile data."""
    usual = unicodedata.normalize("NFKC", text).lower()
    # Khmer words are written with and without these two marks.
    plain = re.sub("[\u17c9\u17ca]", "", usual)
    return bool(_NETWORK.search(_COMPANY.sub(" ", plain)))


def _says_no(answer: Answer, needs_number: bool) -> bool:
    """Whether the operator did not confirm the number or, without a number, the SIM card."""
    if answer.succeeded is False or answer.phone_number_verified is False:
        return True
    if needs_number and answer.phone_number_verified:
        return False
    # Without a status, an error text is the only word about success.
    has_error = answer.succeeded is None and answer.error_description != ""
    return has_error or (answer.is_anonymous and not needs_number)


def _keeps_promises(answer: Answer, names: frozenset[str]) -> bool:
    return (
        ("mobile_id" not in names or bool(answer.mobile_id))
        and ("phone" not in names or bool(answer.phone_number))
        and ("profile" not in names or any(answer.claims.get(n) for n in _PROFILE_CLAIMS))
    )


def _e164(text: str, region: str | None) -> str:
    """Return the number in an answer; an empty text if it is missing or can't be read.

    `region`: the region of a national number; None for the site's default one.
    """
    try:
        return phones.e164(phones.from_wire(text, region))
    except InvalidPhoneNumber:
        return ""
