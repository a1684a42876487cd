"""The token in the link: what it says, how long it is valid, and which ones are refused."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.core import signing

from django_plasgate_ip.handoff import tokens
from django_plasgate_ip.handoff.errors import Refusal
from django_plasgate_ip.verification import browser_session
from tests.handoff.devices import FIVE_MINUTES, new_token, offered, refused, request_of

pytestmark = pytest.mark.django_db
PK = "AAAAAAAAAAAAAAAAAAAAAA"  # a primary key in the form of a token


def sign(content: str, salt: str = tokens.SALT) -> str:
    return signing.TimestampSigner(salt=salt).sign(content)


def test_a_token_is_of_one_session_and_one_account(user, other_user):
    for someone, account in ((user, str(user.pk)), (None, "")):
        request = request_of(someone)
        token = new_token(request)

        assert token.session_id == browser_session.get_session_id(request) != ""
        assert token.account == account
        assert not token.is_expired
        assert token.is_of(request)
        assert len(token.auth_digest) == 8  # more would make the QR code too dense
        assert not replace(token, auth_digest=b"another").is_of(request)
        assert token.pk != new_token(request).pk
        assert not token.is_of(request_of(someone))
        request.user = other_user
        assert not token.is_of(request)


def test_a_new_password_ends_a_token(user):
    request = request_of(user)
    token = new_token(request)
    user.last_name = "Sok"
    assert token.has_password_of(user)

    user.set_password("another one")
    assert not token.has_password_of(user)
    # Nor does the computer show its characters any more.
    assert not token.is_of(request)
    assert new_token(request).is_of(request)


def test_a_user_model_may_have_no_session_auth_hash(user, monkeypatch):
    request = request_of(user)
    monkeypatch.delattr(AbstractBaseUser, "get_session_auth_fallback_hash")
    monkeypatch.delattr(AbstractBaseUser, "get_session_auth_hash")
    assert new_token(request).is_of(request)

    monkeypatch.setattr(User, "get_session_auth_hash", lambda user: None, raising=False)
    assert new_token(request).is_of(request)


def test_a_token_is_valid_for_five_minutes(user, later):
    issued = tokens.issue(request_of(user))

    for seconds, is_expired in ((FIVE_MINUTES, False), (FIVE_MINUTES + 1, True)):
        later(seconds)
        assert tokens.read(issued).is_expired == is_expired


def test_the_link_does_not_contain_next(visitor):
    token = offered(visitor.get("/phone/?next=/wallet/of/teak/")).split("/on/")[1]

    parts = [signing.b64_decode(part.encode()) for part in token.split(":")[0].split(".")[1:]]
    assert b"wallet" not in b"".join(parts) + token.encode()


def test_the_primary_key_of_an_account_may_be_any_text(user, monkeypatch):
    account = "sok@example.com.:/\u17e7"
    monkeypatch.setattr(User._meta.pk, "value_to_string", lambda user: account)
    token = tokens.issue(request_of(user))

    assert tokens.read(token).account == account
    assert urlsplit(f"/on/{token}/").path == f"/on/{token}/"


def test_a_token_that_was_changed_or_is_of_another_version_is_refused(user):
    token = tokens.issue(request_of(user))
    content = token.split(":")[0]
    assert tokens.read(sign(content)) == tokens.read(token)
    assert tokens.read(sign(f"a.{PK}.AAAA")).session_id == "a"

    changed = (token[:-1], token[1:], f"{token}x", token.replace(":", "", 1), "x", "\0", "")
    versions = map(sign, ("of.another", f"a.{PK}.AAAA.d", "a.AAAA.AAAA", f"a.{PK}._w"))
    for bad in (*changed, *versions, sign(content, salt="of something else")):
        assert refused(tokens.read, bad) is Refusal.INVALID, bad


def test_a_token_of_a_former_secret_key_is_valid(user, settings):
    request = request_of(user)
    issued = tokens.issue(request)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new fake key, for tests only"
    assert tokens.read(issued).is_of(request)

    settings.SECRET_KEY_FALLBACKS = []
    assert refused(tokens.read, issued) is Refusal.INVALID
