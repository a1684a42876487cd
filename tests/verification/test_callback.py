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
from django_plasgate_ip.sandbox import answers
from django_plasgate_ip.verification import callback
from django_plasgate_ip.verification.verdict import Verdict
from tests.verification.rows import unsaved
from tests.visitor import CODE, STATE, changed

KEY = site.PLASGATE_IP_PRIVATE_KEY
URI = "https://shop.example/phone/callback/"
NONCE = "a-nonce-of-this-row"
GENUINE = answers.callback(CODE, STATE, private_key=KEY, redirect_uri=URI)


def pending(**changes: Any) -> PhoneVerification:
    """Return a live verification of the user 7, not stored."""
    sent: dict[str, Any] = {"redirect_uri": URI, "key_fingerprint": fingerprint(KEY)}
    return unsaved(**({"user_id": 7} | sent | changes))


def request_of(user: Any = None, **changes: Any) -> HttpRequest:
    """Return the provider's callback; None in `changes` omits a parameter, a list repeats it."""
    request = RequestFactory().get("/phone/callback/", changed(GENUINE, changes))
    request.user = user or User(pk=7)
    return request


def cause(verification: PhoneVerification | None = None, **changes: Any) -> str:
    parameters = callback.read(request_of(**changes))
    return callback.refusal_cause(parameters, verification or pending(), KEY)


def end(verification: PhoneVerification, user: Any = None, **changes: Any) -> Verdict | None:
    request = request_of(user, **changes)
    return callback.end_before_exchange(request, callback.read(request), verification)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # The SDKs need no more than these two.
        {"private_key": None, "redirect_uri": None, "session_state": None},
        # The app does not read them.
        {"fbclid": ["1", "2"], "session_state": ["1", "1"], "unknown": "\x00" + "x" * 9000},
        {"error": " ", "error_description": "Welcome"},
        # The verification has no nonce to compare.
        {"nonce": "any"},
        {"code": "d%20e&f" + "x" * 4089, "state": "a b+c/ü="},
        {"redirect_uri": URI.replace("https", "http")},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_a_genuine_callback_may_be_exchanged(changes):
    assert cause(**changes) == ""
    assert end(pending(), **changes) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        *(({"private_key": key}, "private_key") for key in ("another", "")),
        *(({"redirect_uri": uri}, "redirect_uri") for uri in ("https://evil.example/", "")),
        # Two readers may each take another value of a repeated parameter.
        *(({name: [GENUINE[name]] * 2}, "malformed") for name in ("private_key", "redirect_uri")),
        *(({name: ["1", "2"]}, "malformed") for name in ("code", "state", "nonce")),
        *(({name: ["", "1"]}, "malformed") for name in ("error", "error_description")),
        *(({name: value}, "malformed") for name in ("code", "state") for value in (None, "")),
        ({"code": "a\x00b"}, "malformed"),
        ({"state": "a\r\nX-Secret: mine"}, "malformed"),
        ({"code": "x" * 4097}, "malformed"),
        ({"nonce": "\x00"}, "malformed"),
        ({"code": None, "error_description": "The user said no"}, "malformed"),
        # More parameters than Django reads.
        ({"unknown": ["1"] * 1001}, "malformed"),
        # The error of an implausible callback is not believed.
        ({"error": "access_denied", "private_key": "another"}, "private_key"),
        ({"error": "access_denied", "redirect_uri": "https://evil.example/"}, "redirect_uri"),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_an_implausible_callback_is_refused(changes, expected):
    assert cause(**changes) == expected


def test_a_verification_with_a_nonce_requires_it_for_a_code_and_for_an_error():
    with_nonce = pending(nonce=NONCE)

    for changes in ({}, {"code": None, "error": "access_denied"}):
        assert cause(with_nonce, nonce=NONCE, **changes) == ""
        for nonce in (None, "", "wrong", "ü"):
            assert cause(with_nonce, nonce=nonce, **changes) == "nonce"


def test_another_tenants_keys_do_not_finish_a_verification():
    theirs = pending(key_fingerprint=fingerprint("another key"))
    assert cause(theirs, private_key=None) == "other_keys"


@pytest.mark.parametrize(
    ("sent", "echoed", "same"),
    [
        (URI, "HTTP://SHOP.example:80/phone/callback", True),
        ("http://shop.example", "https://shop.example:443/", True),
        (f"{URI}?nonce=a", URI, True),
        (f"{URI}?nonce=a", f"{URI.replace('https', 'http')}?nonce=a", True),
        ("https://shop.example:8443/a", "http://shop.example:8443/a/", True),
        (f"{URI}?nonce=a", f"{URI}?nonce=b", False),
        (URI, f"{URI}?nonce=a", False),
        (URI, f"{URI}#a", False),
        (URI, URI.replace("callback", "Callback"), False),
        (URI, URI + "/", False),
        (URI, URI.replace("shop", "shop.evil"), False),
        (URI, URI.replace("//", "//evil@"), False),
        (URI, URI.replace("https", "ftp"), False),
        ("https://shop.example:8443/a", "https://shop.example/a", False),
        ("https://shop.example/a", "https://shop.example:80/a", False),
        (URI, "https://[", False),
    ],
)
def test_a_redirect_uri_may_be_spelt_differently_but_not_name_another_place(sent, echoed, same):
    assert callback.is_same_redirect_uri(sent, echoed) is same


@pytest.mark.parametrize(
    ("error", "description", "reason", "text"),
    [
        ("consent_required", None, "provider_denied", "consent_required"),
        ("access_denied", " The user said no ", "provider_denied", "The user said no"),
        ("access_denied", " ", "provider_denied", "access_denied"),
        # SECURITY: text from a URL is data: one printable line, and cut.
        ("a\r\nb\x00c\u202e\ud7ff" + "d" * 600, None, "provider_denied", "a b c " + "d" * 494),
        # A fault of the site or of the provider is no answer about the number.
        ("server_error", "Sorry", "provider_error", "Sorry"),
        ("invalid_grant", "Sorry", "provider_error", "Sorry"),
        (" Temporarily_Unavailable ", "Sorry", "provider_error", "Sorry"),
        ("access_denied", "Please turn off Wi-Fi", "not_on_mobile_data", "Please turn off Wi-Fi"),
        ("invalid_request", "Use mobile data", "not_on_mobile_data", "Use mobile data"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_an_error_of_the_provider_ends_with_its_reason_and_text(error, description, reason, text):
    for code in (CODE, None):
        query = {"error": error, "error_description": description, "code": code}
        assert cause(**query) == ""
        assert end(pending(), **query) == Verdict(Reason(reason), text)


def test_a_late_callback_is_expired_whatever_it_carries():
    late = pending(created_at=timezone.now() - timedelta(minutes=6))

    assert end(late, User(pk=8), error="access_denied") == Verdict(Reason.EXPIRED)


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
def test_a_change_of_the_account_ends_the_verification(values, user, same):
    changed_user = Verdict(Reason.USER_CHANGED)
    assert end(pending(**values), user) == (None if same else changed_user)
    denied = Verdict(Reason.PROVIDER_DENIED, "no")
    assert end(pending(**values), user, error="no") == (denied if same else changed_user)


def test_the_repr_of_what_was_read_hides_the_code():
    parameters = callback.read(request_of())

    assert parameters["code"] == CODE
    assert CODE not in repr(parameters)


def test_the_query_is_read_as_utf_8_whatever_charset_the_request_names(settings):
    settings.DEFAULT_CHARSET = "latin-1"
    request = RequestFactory().get(
        "/", {"code": "+AGE-", "state": "ü"}, headers={"Content-Type": "text/plain; charset=utf-7"}
    )

    assert callback.read(request) == {"code": "+AGE-", "state": "ü"}
