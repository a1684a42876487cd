"""The token in the link: what it says, and which ones are refused."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core import signing
from django.http import HttpRequest

from django_plasgate_ip.handoff import tokens
from django_plasgate_ip.handoff.errors import HandoffRefused, Refusal
from django_plasgate_ip.handoff.models import PhoneHandoff
from django_plasgate_ip.verification import browser_session
from tests.handoff.devices import FIVE_MINUTES, SECOND, later, offered, text, token_of
from tests.visitor import Visitor

pytestmark = pytest.mark.django_db


def request_of(user: Any) -> HttpRequest:
    request = HttpRequest()
    request.user, request.session = user, SessionStore()
    return request


def test_a_token_names_the_session_and_the_account(user: User) -> None:
    for someone, account in ((user, str(user.pk)), (AnonymousUser(), "")):
        request = request_of(someone)

        token = tokens.read(tokens.issue(request))

        assert token.session_id == browser_session.get_session_id(request) != ""
        assert token.account == account
        assert not token.is_expired
        assert token.is_of(request)


def test_each_token_has_a_primary_key_of_its_own(user: User) -> None:
    request = request_of(user)

    assert len({tokens.read(tokens.issue(request)).pk for _ in range(10)}) == 10


def test_a_token_is_of_one_session_and_one_account(user: User, other_user: User) -> None:
    request = request_of(user)
    token = tokens.read(tokens.issue(request))

    assert not token.is_of(request_of(user))
    for someone in (other_user, AnonymousUser()):
        request.user = someone
        assert not token.is_of(request)


def test_a_token_expires_after_five_minutes(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    at = later(monkeypatch)
    issued = tokens.issue(request_of(user))

    at(FIVE_MINUTES - SECOND)
    assert not tokens.read(issued).is_expired
    at(FIVE_MINUTES + SECOND)
    assert tokens.read(issued).is_expired


def test_the_link_holds_no_next(visitor: Visitor) -> None:
    token = token_of(offered(visitor.get("/phone/?next=/wallet/of/teak/")))

    parts = token.split(":")[0].split(".")
    plain = b"".join(signing.b64_decode(part.encode()) for part in parts[1:])
    assert b"wallet" not in plain
    assert "wallet" not in token


def test_the_primary_key_may_be_any_text(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    account = "sok@example.com.:/\u17e7"
    monkeypatch.setattr(User._meta.pk, "value_to_string", lambda user: account)

    token = tokens.issue(request_of(user))

    assert tokens.read(token).account == account
    assert urlsplit(f"/on/{token}/").path == f"/on/{token}/"


@pytest.mark.parametrize("signed", ["of.another", "", "a.b.c", "a..", "a.AAAA.AAAA", "a.b.c.d"])
def test_what_another_version_signed_is_refused(signed: str) -> None:
    with pytest.raises(HandoffRefused) as caught:
        tokens.read(signing.TimestampSigner(salt=tokens.SALT).sign(signed))

    assert caught.value.reason is Refusal.INVALID


def test_a_token_that_was_changed_is_refused(visitor: Visitor, phone: Visitor, link: str) -> None:
    token = token_of(link)
    other = signing.TimestampSigner(salt="something else").sign(token.split(":")[0])
    tampered = (token[:-1], token[1:], f"{token}x", token.replace(":", "", 1), "x", "%00")
    for bad in (*tampered, other):
        refused = phone.get(f"/phone/on/{bad}/")

        assert refused.status_code == 404
        assert "not complete, or not one of ours" in text(refused)
        assert visitor.get(f"/phone/on/{bad}/screen/").status_code == 404
    assert not PhoneHandoff.objects.exists()


def test_a_token_signed_with_a_former_key_still_works(
    visitor: Visitor, phone: Visitor, link: str, settings: Any
) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new fake key, for tests only"

    assert phone.get(link).status_code == 200


def test_nothing_is_stored_when_the_code_is_shown_but_the_sessions_id(
    visitor: Visitor, passer_by: Visitor
) -> None:
    for browser in (visitor, passer_by):
        browser.get("/phone/")
        before = Session.objects.get(session_key=browser.session.session_key).session_data
        assert list(set(browser.session.keys()) & {"plasgate_ip"})
        browser.get("/phone/")
        after = Session.objects.get(session_key=browser.session.session_key).session_data
        assert before == after
    assert not PhoneHandoff.objects.exists()
