"""The keys, the encrypted value, and re-encryption with a new key."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from django_plasgate_ip import encryption
from django_plasgate_ip.encryption import Reencrypted, Sealed, cipher
from django_plasgate_ip.exceptions import ClaimsUnreadable
from django_plasgate_ip.models import PhoneVerification
from tests.kept import CLAIMS, KEY, NEW_KEY, OTHER_KEY, create, in_a_thread, skip

pytestmark = pytest.mark.django_db

# {"given_name": "Teak"}, encrypted with the key derived from "a secret key".
TOKEN = (
    "gAAAAABpgA6AD-qxDx1VRy-G8FrH4eYEJeBCdkRfo2kmEQNCFifd6trB8NNZ25mSjKXYFXiODTip_9lIdR-ZbvxR"
    "Am8OX7jbAognqgcEu-3OLgUwt77gcjA="
)


def use(settings: Any, *keys: str) -> None:
    settings.PLASGATE_IP_ENCRYPTION_KEYS = list(keys)


def test_the_first_key_encrypts_and_every_key_decrypts(settings):
    use(settings, KEY)
    before = Sealed.seal({"when": "before"})
    use(settings, NEW_KEY, KEY)
    after = Sealed.seal({"when": "after"})
    assert (before.decrypt(), after.decrypt()) == ({"when": "before"}, {"when": "after"})
    use(settings, KEY)
    with pytest.raises(ClaimsUnreadable):
        after.decrypt()


def test_without_keys_they_are_derived_from_the_secret_key_and_its_fallbacks(settings):
    settings.SECRET_KEY = "the first"
    sealed = Sealed.seal(CLAIMS)
    settings.SECRET_KEY = "the second"
    with pytest.raises(ClaimsUnreadable, match="SECRET_KEY_FALLBACKS"):
        sealed.decrypt()
    settings.SECRET_KEY_FALLBACKS = ["the first"]
    assert sealed.decrypt() == CLAIMS
    later = Sealed.seal(CLAIMS)
    settings.SECRET_KEY_FALLBACKS = []
    assert later.decrypt() == CLAIMS


def test_the_derived_key_does_not_change_between_releases(settings):
    settings.SECRET_KEY = "a secret key"
    assert Sealed(TOKEN).decrypt() == {"given_name": "Teak"}


# Among them: an environment variable that is not set, and a text instead of a list.
@pytest.mark.parametrize("keys", [[], 7, [None], KEY, [KEY, "not a key"]], ids=str)
def test_invalid_keys_are_refused_with_what_to_do(keys, settings):
    settings.PLASGATE_IP_ENCRYPTION_KEYS = keys
    for act in (cipher, lambda: Sealed.seal(CLAIMS), Sealed("token").decrypt):
        with pytest.raises(ImproperlyConfigured, match=r"ENCRYPTION_KEYS .*generate_key"):
            act()


def test_an_error_about_one_key_does_not_show_the_others(settings):
    use(settings, KEY, "not a key")
    with pytest.raises(ImproperlyConfigured) as caught:
        cipher()
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert KEY not in repr(caught.value)
    assert KEY not in repr([entry.locals for entry in caught.traceback[1:]])


def test_every_json_type_is_preserved(settings):
    # Each type, and values that a careless test for emptiness or equality confuses.
    values: list[Any] = [
        {"false": False, "zero": 0, "none": None, "empty": "", "float": 0.5, "big": 2**70},
        {"nested": {"list": [1, "1", True, None, {}, []], "address": {"a": {"b": {}}}}},
        {"khmer": "ភ្នំពេញ", "emoji": "\U0001f600", "control": "\x00\x1f", "quote": "\"'\\"},
        *({}, False, 0, None, "", []),
    ]
    use(settings, KEY)
    sealed = [Sealed.seal(value) for value in values]
    use(settings, NEW_KEY, KEY)
    again = [each.reencrypt() for each in sealed]
    # Compared as text, because 0 == False.
    assert json.dumps([each.decrypt() for each in sealed]) == json.dumps(values)
    use(settings, NEW_KEY)
    assert json.dumps([each.decrypt() for each in again]) == json.dumps(values)


def test_only_an_empty_dict_is_an_empty_text():
    assert Sealed.seal({}) == Sealed("") == Sealed("").reencrypt()
    others: list[Any] = [None, False, 0, "", []]
    assert "" not in [Sealed.seal(value).token for value in others]
    with pytest.raises(TypeError):
        Sealed.seal({"a": object()})


@pytest.mark.parametrize("token", ["gAAAAA", "ភ្នំពេញ", TOKEN[:50] + "A" + TOKEN[51:]])
def test_an_invalid_token_is_unreadable_and_not_shown(token, settings):
    settings.SECRET_KEY = "a secret key"
    for read in (Sealed(token).decrypt, Sealed(token).reencrypt):
        with pytest.raises(ClaimsUnreadable) as caught:
            read()
        assert token not in str(caught.value)
        assert caught.value.__suppress_context__  # the cause's frames hold the token


def reencrypt(batch_size: int = 1000) -> list[Reencrypted]:
    rows = PhoneVerification.objects.on_primary().exclude(claims={})
    return list(encryption.reencrypt(rows, batch_size))


def tokens() -> dict[Any, str]:
    """Return the column's values by primary key, in the database's order of the keys."""
    rows = PhoneVerification.objects.order_by("pk").values_list("pk", "claims")
    return {pk: sealed.token for pk, sealed in rows}


@pytest.mark.parametrize("batch_size", [2, 5])
def test_every_row_has_the_first_key_afterwards(settings, batch_size):
    use(settings, KEY)
    rows = [create(claims={"number": index}) for index in range(4)]
    empty = [create(claims={}), create(status="pending")]
    use(settings, NEW_KEY, KEY)
    rows.append(create(claims={"number": 4}))
    others: Any = PhoneVerification.objects.order_by("pk").values()
    before = [row | {"claims": ""} for row in others]

    batches = reencrypt(batch_size)

    full, rest = divmod(5, batch_size)
    sizes = [batch_size] * full + [rest] * bool(rest)
    assert [(batch.rows, batch.unreadable) for batch in batches] == [(size, 0) for size in sizes]
    use(settings, NEW_KEY)
    claims = [PhoneVerification.objects.get(pk=row.pk).claims for row in rows]
    assert claims == [{"number": index} for index in range(5)]
    assert [tokens()[row.pk] for row in empty] == ["", ""]
    assert [row | {"claims": ""} for row in others.all()] == before


def test_rows_from_before_there_were_keys_are_reencrypted(settings):
    settings.SECRET_KEY = "the first"
    row = create()
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = ["the first"], "the second"
    use(settings, KEY)
    with pytest.raises(ClaimsUnreadable):
        row.claims  # noqa: B018
    assert reencrypt() == [Reencrypted(1, 0, row.pk)]
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the third", []
    assert PhoneVerification.objects.get().claims == CLAIMS


def test_unreadable_rows_are_counted_and_unchanged(settings):
    use(settings, KEY)
    readable = create()
    use(settings, OTHER_KEY)
    unreadable = [create().pk, create().pk]
    use(settings, NEW_KEY, KEY)
    before = tokens()
    (batch,) = reencrypt(3)
    assert (batch.rows, batch.unreadable) == (3, 2)
    assert {pk for pk, token in tokens().items() if token == before[pk]} == set(unreadable)
    use(settings, NEW_KEY)
    assert PhoneVerification.objects.get(pk=readable.pk).claims == CLAIMS


@pytest.mark.parametrize(("can_skip", "statements"), [(True, [True, False]), (False, [False])])
def test_rows_that_a_batch_skips_follow_one_by_one(monkeypatch, can_skip, statements):
    locked, _other = create(), create()
    asked = skip(locked, monkeypatch, can_skip)
    monkeypatch.setattr(encryption, "_use_first_key", lambda row: False)

    (batch,) = reencrypt()

    assert (batch.rows, batch.unreadable) == (2, 2)
    assert asked == statements


@pytest.mark.django_db(transaction=True)
def test_each_batch_is_committed_and_says_where_the_next_one_starts():
    for _ in range(5):
        create()
    before = tokens()
    run = encryption.reencrypt(PhoneVerification.objects.on_primary(), 2)
    first, second = islice(run, 2)
    assert not connection.in_atomic_block
    changed = [pk for pk, token in tokens().items() if token != before[pk]]
    assert len(changed) == 4
    assert (first.last, second.last) == (changed[1], changed[3])


def test_no_frame_of_the_database_holds_decrypted_claims(monkeypatch):
    create()
    decrypted: list[Sealed] = []
    monkeypatch.setattr(Sealed, "decrypt", decrypted.append)
    reencrypt()
    assert decrypted == []


@pytest.mark.django_db(transaction=True)
def test_a_change_between_reading_and_writing_is_not_lost(monkeypatch):
    row = PhoneVerification.objects.filter(pk=create().pk)
    again = Sealed.reencrypt

    with ThreadPoolExecutor(1) as pool:

        def interrupted(sealed: Sealed) -> Sealed:
            changing = pool.submit(in_a_thread, lambda: row.update(claims={"newer": True}))
            # The change waits for the lock. Without a lock, it would be done by now.
            time.sleep(0.3)
            assert not changing.done()
            return again(sealed)

        monkeypatch.setattr(Sealed, "reencrypt", interrupted)
        reencrypt()

    assert row.get().claims == {"newer": True}
