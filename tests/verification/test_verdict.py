"""What an answer proves for its scopes and its number."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from django_plasgate_ip import phones
from django_plasgate_ip.client import Answer
from django_plasgate_ip.reasons import Reason, Status
from django_plasgate_ip.verification import verdict
from tests.visitor import DIGITS, MOBILE_ID, NUMBER, PROFILE, SUB

OTHER_NUMBER = "+85512345678"
# Answers that say no, that do not say whether the number is verified, and that have no status.
NO: dict[str, Any] = {"phone_number_verified": False}
SILENT: dict[str, Any] = {"phone_number_verified": None}
UNSURE: dict[str, Any] = {"succeeded": None}


def success(**changes: Any) -> Answer:
    """Return the API page's success with `changes` to its fields."""
    confirmed: dict[str, Any] = {"succeeded": True, "phone_number_verified": True}
    person = {"login_hint": NUMBER, "sub": SUB, "mobile_id": MOBILE_ID, "claims": {"sub": SUB}}
    return Answer(**(confirmed | person | changes))


number = phones.Number.from_string


def judge(answer: Answer, scopes: str = "mobile_id phone_verify") -> verdict.Verdict:
    """Judge the answer for the API page's number, or for no number where the scopes need none."""
    needs_number = "phone_verify" in scopes or "profile" in scopes
    return verdict.judge(answer, scopes.split(), number(NUMBER) if needs_number else None)


def test_a_confirmed_number_is_verified_and_the_repr_of_the_verdict_hides_the_person():
    claims = PROFILE | {"sub": SUB}

    end = judge(success(claims=claims, phone_number=NUMBER, error_description="Fine"), "phone")

    assert (end.status, end.reason, end.error_description) == (Status.VERIFIED, None, "Fine")
    assert (end.sub, end.mobile_id, end.phone_number) == (SUB, MOBILE_ID, NUMBER)
    assert end.claims == claims
    assert not any(secret in repr(end) for secret in (NUMBER, SUB, MOBILE_ID, "Teak", "Fine"))
    with pytest.raises(FrozenInstanceError):
        end.reason = Reason.EXPIRED  # type: ignore[misc]


ABOUT_THE_NETWORK = """
Wi-Fi is on; PLEASE TURN OFF WI-FI; wifi_on; wi_fi; Wi Fi; WiFi's; disableWifi; WI - FI
Wi\u2011Fi; Wi\u2013Fi; Wi\u200bFi; wi\xadfi; \uff37\uff49\uff0d\uff26\uff49; a VPN is on; VPNs
No mobile data; MOBILE_DATA_REQUIRED; mobile-data; use the mobile network; use mobile internet
Not on cellular; cellular network is off; 4G only; use 3G/LTE; WLAN; turn the hotspot off
use mobile phone data; your mobile operator's network; mobile carrier\u2019s data; W-LAN
SIM card data; use the phone's data; a mobile connection; operator's network; ប្រតិបត្តិករទូរស័ព្ទ4G
អ៊ីនធឺណិតតាមរយៈទូរស័ព្ទ; ទិន្នន័យលើទូរ\u200bស័ព្ទ; ទិន្នន័យស៊ីម; វ៉ាយផាយ
សូមបិទវ៉ាយហ្វាយ; វ៉ាយ\u200bហ្វាយ; វ៉ាយ ហ្វៃ; វៃហ្វៃ; វាយហ្វាយ; វា៉យហ្វាយ
ប្រើទិន្នន័យទូរស័ព្ទ; ទិន្នន័យ\u200bទូរសព្ទ; ទិន្នន័យចល័ត; បណ្តាញទូរស័ព្ទ; បណ្ដាញចល័ត
អ៊ីនធឺណិតទូរសព្ទ; អ៊ិនធើណែត ទូរស័ព្ទ; អ៊ីនធឺណិតតាមទូរស័ព្ទ; អ៊ីនធឺណិតរបស់ទូរសព្ទនេះ
"""
NOT_ABOUT_THE_NETWORK = """
Phone number is not verified; I wonder now if I can; the twi fi; wife; fi-wi; 14gb; default
not verified by the mobile network operator; Your cellular provider says no; Mobile operator: no
wrong mobile number; cellular phone number differs
លេខទូរស័ព្ទមិនត្រឹមត្រូវ; ទិន្នន័យមិនត្រឹមត្រូវ; ប្រតិបត្តិករបណ្តាញទូរស័ព្ទមិនបានបញ្ជាក់
"""


@pytest.mark.parametrize(
    ("texts", "is_about_it"), [(ABOUT_THE_NETWORK, True), (NOT_ABOUT_THE_NETWORK, False)]
)
def test_words_for_wifi_and_mobile_data_in_english_and_khmer_are_known(texts, is_about_it):
    for text in texts.strip().replace("\n", "; ").split("; "):
        assert verdict.is_about_network(text) is is_about_it, text


@pytest.mark.parametrize("succeeded", [True, None])
@pytest.mark.parametrize("scopes", ["ip:phone_verify mobile_id", "profile"])
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"succeeded": False}, Reason.NOT_VERIFIED),
        (NO | {"error_description": "Use Mobile data"}, Reason.NOT_ON_MOBILE_DATA),
        # The operator's no comes first, for any number.
        (NO | {"login_hint": OTHER_NUMBER}, Reason.NOT_VERIFIED),
        (SILENT | {"login_hint": OTHER_NUMBER}, Reason.INVALID_RESPONSE),
        (SILENT | {"is_anonymous": True}, Reason.INVALID_RESPONSE),
        (SILENT | UNSURE | {"error_description": "VPN"}, Reason.NOT_ON_MOBILE_DATA),
        # An attacker's own code in a victim's session.
        ({"login_hint": OTHER_NUMBER}, Reason.NUMBER_MISMATCH),
        ({"phone_number": OTHER_NUMBER}, Reason.NUMBER_MISMATCH),
        # The mismatch comes before a missing claim.
        ({"login_hint": OTHER_NUMBER, "claims": {}}, Reason.NUMBER_MISMATCH),
        # What can't be read is missing.
        *[({"login_hint": t}, Reason.INVALID_RESPONSE) for t in ("", "N/A", "381", "1" * 5000)],
    ],
    ids=str,
)
def test_an_answer_that_does_not_confirm_the_number_is_rejected(scopes, changes, reason, succeeded):
    answer = success(**({"succeeded": succeeded, "claims": PROFILE} | changes))

    assert judge(answer, scopes) == verdict.Verdict(reason, answer.error_description)


@pytest.mark.parametrize(
    ("scopes", "changes"),
    [
        ("mobile_id", {"mobile_id": ""}),
        ("phone", {"phone_number": ""}),
        ("profile", {}),
        ("ip:profile phone_verify", {"claims": {"sub": SUB, "given_name": ""}}),
        # Nothing says that the operator recognised the SIM card.
        *[(scopes, {"sub": "", "phone_number": NUMBER}) for scopes in ("mobile_id", "phone")],
        ("mobile_id", UNSURE | {"claims": {"error": "server_error"}}),
    ],
)
def test_an_answer_without_the_claims_of_its_scopes_is_invalid(scopes, changes):
    end = judge(success(**changes), scopes)

    assert (end.status, end.reason) == (Status.ERROR, Reason.INVALID_RESPONSE)


@pytest.mark.parametrize(
    ("scopes", "changes", "kept"),
    [
        # No scope requested the claim.
        ("phone_verify", {"mobile_id": "", "phone_number": "N/A"}, ("", SUB, "")),
        ("mobile_id", {"login_hint": "none", "phone_number": "?"}, ("", SUB, MOBILE_ID)),
        # The row has this number already.
        ("phone phone_verify", {"phone_number": NUMBER}, ("", SUB, MOBILE_ID)),
        # The confirmed number is the identity.
        ("mobile_id phone_verify", {"sub": "", "is_anonymous": True}, ("", "", MOBILE_ID)),
        # Without a status, an explicit true counts more than a text.
        ("phone_verify", UNSURE | {"error_description": "Fine"}, ("", SUB, MOBILE_ID)),
        ("mobile_id", UNSURE, ("", SUB, MOBILE_ID)),
        # One claim is enough for a profile.
        *[("profile", {"claims": {n: PROFILE[n]}}, ("", SUB, MOBILE_ID)) for n in PROFILE],
    ],
    ids=str,
)
def test_a_success_with_the_claims_of_its_scopes_is_verified(scopes, changes, kept):
    end = judge(success(**changes), scopes)

    assert end.status == Status.VERIFIED
    assert (end.phone_number, end.sub, end.mobile_id) == kept


@pytest.mark.parametrize("scopes", ["phone", "ip:phone phone", "phone mobile_id openid"])
def test_without_a_requested_number_the_returned_one_is_read_in_the_sites_region(settings, scopes):
    settings.PLASGATE_IP_DEFAULT_REGION = "TH"
    for returned, stored in ((NUMBER, NUMBER), ("081 234 5678", "+66812345678")):
        changes = {"login_hint": OTHER_NUMBER, "phone_number": returned}
        end = judge(success(phone_number_verified=None, **changes), scopes)
        assert (end.status, end.phone_number) == (Status.VERIFIED, stored)


@pytest.mark.parametrize("scopes", ["mobile_id", "ip:phone"])
@pytest.mark.parametrize(
    "changes",
    [
        # The wire's failure has a mobile_id, too. Here even the client lets the ids through.
        {"succeeded": False},
        NO,
        NO | UNSURE,
        {"is_anonymous": True, "sub": ""},
        UNSURE | {"is_anonymous": True, "sub": ""},
        UNSURE | {"error_description": "Not found"},
        UNSURE | SILENT | {"error_description": "Turn off Wi-Fi"},
    ],
    ids=str,
)
def test_an_explicit_no_counts_without_a_number(scopes, changes):
    end = judge(success(**({"phone_number": NUMBER} | changes)), scopes)

    text = changes.get("error_description", "")
    reason = Reason.NOT_ON_MOBILE_DATA if "Wi-Fi" in text else Reason.NOT_VERIFIED
    assert (end, end.status) == (verdict.Verdict(reason, text), Status.FAILED)


@pytest.mark.parametrize(
    ("requested", "answered", "reason"),
    [
        *[(NUMBER, text, None) for text in ("077696118", "77696118", DIGITS, f"00{DIGITS}")],
        ("+66812345678", "081 234 5678", None),
        ("+14165550123", "(416) 555-0123", None),
        # Text of the same digits is another number in another region.
        ("+66812345678", "077696118", Reason.NUMBER_MISMATCH),
        (NUMBER, "+66812345678", Reason.NUMBER_MISMATCH),
    ],
)
def test_a_national_number_is_read_in_the_region_of_the_requested_one(requested, answered, reason):
    for name in ("login_hint", "phone_number"):
        answer = success(**{"login_hint": requested, "phone_number": requested, name: answered})
        assert verdict.judge(answer, ["phone_verify", "phone"], number(requested)).reason is reason


def test_a_requested_number_that_the_site_no_longer_accepts_is_not_verified():
    end = verdict.judge(success(), ["phone_verify"], number("+855123"))
    assert end.reason is Reason.NUMBER_MISMATCH
