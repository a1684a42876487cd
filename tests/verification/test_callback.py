"""Whether a callback belongs to a verification, and whether its code may be exchanged."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as site
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from django_plasgate_ip.client.credentials import fingerprint
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.verification import callback
from django_plasgate_ip.verification.verdict import Verdict
from tests.visitor import CODE, SESSION_STATE, STATE, changed

KEY = site.PLASGATE_IP_PRIVATE_KEY
URI = "https://shop.example/phone/callback/"
NONCE = "a-nonce-of-this-row"
INVALID = Verdict(Reason.INVALID_CALLBACK)
GENUINE = {
    "code": CODE,
    "private_key": KEY,
    "redirect_uri": URI,
    "session_state": SESSION_STATE,
    "state": STATE,
}


def pending(**changes: Any) -> PhoneVerification:
    """Return a live verification of the user 7, not stored."""
    values: dict[str, Any] = {
        "user_id": 7,
        "session_id": "browser",
        "callback_session_id": "browser",
        "redirect_uri": URI,
        "key_fingerprint": fingerprint(KEY),
    }
    return PhoneVerification(**(values | changes))


def request_of(user: Any = None, **changes: Any) -> HttpRequest:
    """Return the provider's callback; None in `changes` omits a parameter, a list repeats it."""
    request = RequestFactory().get("/phone/callback/", changed(GENUINE, changes))
    request.user = user or User(pk=7)
    return request


def validate(verification: PhoneVerification | None = None, **changes: Any) -> Verdict | None:
    return callback.validate(request_of(**changes), verification or pending(), KEY)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # The SDKs need no more than these two.
        {"private_key": None, "redirect_uri": None, "session_state": None},
        {"unknown": "1"},
        {"error": "", "error_description": " "},
        {"error": " ", "error_description": ""},
        # The verification has no nonce to compare.
        {"nonce": "any"},
    ],
    ids=str,
)
def test_a_genuine_callback_may_be_exchanged(changes: dict[str, Any]) -> None:
    assert validate(**changes) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"private_key": "another"},
        {"private_key": ""},
        {"redirect_uri": "https://evil.example/phone/callback/"},
        {"redirect_uri": URI + "?x=1"},
        {"redirect_uri": ""},
        # Two readers may each take another value of a repeated parameter.
        {"code": [CODE, CODE]},
        {"state": [STATE, "other"]},
        {"private_key": [KEY, KEY]},
        {"redirect_uri": [URI, URI]},
        {"error": ["", ""]},
        {"unknown": ["1", "1"]},
        {"code": None},
        {"code": ""},
        {"state": None},
        {"state": ""},
        # The error of an untrusted callback is not believed.
        {"error": "access_denied", "private_key": "another"},
        {"error": "access_denied", "redirect_uri": "https://evil.example/"},
        {"error": ["access_denied", "x"]},
    ],
    ids=str,
)
def test_an_untrusted_or_incomplete_callback_is_invalid(changes: dict[str, Any]) -> None:
    assert validate(**changes) == INVALID


def test_a_verification_with_a_nonce_requires_it() -> None:
    with_nonce = pending(nonce=NONCE)

    assert validate(with_nonce, nonce=NONCE) is None
    for nonce in (None, "", "wrong", "ü", [NONCE, NONCE]):
        assert validate(with_nonce, nonce=nonce) == INVALID


def test_another_tenants_keys_do_not_finish_a_verification() -> None:
    theirs = pending(key_fingerprint=fingerprint("another key"))

    assert validate(theirs, private_key=None) == INVALID


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"error": "access_denied", "code": None}, "access_denied"),
        ({"error": "access_denied"}, "access_denied"),
        ({"error": "access_denied", "error_description": " The user said no "}, "The user said no"),
        ({"error_description": "The user said no", "code": None}, "The user said no"),
        ({"error": "access_denied", "error_description": " "}, "access_denied"),
        # SECURITY: text from a URL is data: one printable line, cut, and never a reason.
        ({"error": "a\r\nb\x00c\u202e\ud7ff" + "d" * 600}, "a b c " + "d" * 494),
        ({"error_description": "a\r\nb\x00c" + "d" * 600}, "a b c" + "d" * 495),
        ({"error": "not_on_mobile_data"}, "not_on_mobile_data"),
        ({"error": "Please turn off Wi-Fi"}, "Please turn off Wi-Fi"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_trusted_error_is_a_denial_with_its_text(changes: dict[str, Any], text: str) -> None:
    assert validate(**changes) == Verdict(Reason.PROVIDER_DENIED, text)


def test_a_late_callback_is_expired_before_anything_else_is_checked() -> None:
    late = pending(created_at=timezone.now() - timedelta(minutes=6))

    assert validate(late, user=User(pk=8), private_key="another") == Verdict(Reason.EXPIRED)


@pytest.mark.parametrize(
    ("values", "user", "same"),
    [
        ({}, User(pk=8), False),
        ({}, AnonymousUser(), False),
        ({"user_id": None}, User(pk=7), False),
        ({"user_id": None}, AnonymousUser(), True),
        # The phone of a hand-off may be signed in to any account.
        ({"callback_session_id": "phone"}, User(pk=8), True),
    ],
    ids=str,
)
def test_a_change_of_the_account_ends_the_verification(
    values: dict[str, Any], user: Any, same: bool
) -> None:
    trusted = validate(pending(**values), user=user)
    assert trusted == (None if same else Verdict(Reason.USER_CHANGED))
    # All other rules hold for the same account, and come after a change.
    untrusted = validate(pending(**values), user=user, error="access_denied", private_key="another")
    assert untrusted == (INVALID if same else Verdict(Reason.USER_CHANGED))


def test_the_query_is_read_as_utf_8_whatever_charset_the_request_names() -> None:
    request = RequestFactory().get(
        "/", {"code": "+AGE-", "state": "ü"}, headers={"Content-Type": "text/plain; charset=utf-7"}
    )
    request.user = User(pk=7)

    assert callback.validate(request, pending(), KEY) is None
    assert (request.GET["code"], request.GET["state"]) == ("+AGE-", "ü")
