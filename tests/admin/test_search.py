"""What the search box of the staff's list finds, over its real URL."""

from urllib.parse import quote

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory

from django_plasgate_ip.admin.search import MAX_USERS
from django_plasgate_ip.models import PhoneVerification
from tests.staff import (
    LIST,
    MASKED,
    MOBILE_ID,
    NONCE,
    SUB,
    User,
    cells,
    failed,
    found,
    pending,
    pks,
    text,
    verified,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "term",
    [
        "+85577696118",
        "+855 77 696 118",
        "85577696118",
        "0085577696118",
        "077696118",
        "077 696 118",
        "077-696-118",
        " 077 696 118 ",
        "០៧៧ ៦៩៦ ១១៨",
        "+៨៥៥៧៧៦៩៦១១៨",
        "\u200b077\u00a0696\u00a0118",
        "dara",
        "dar",
        "dara@shop",
        SUB,
        MOBILE_ID,
        f"  {MOBILE_ID}\t",
    ],
)
def test_search_finds(viewer: Client, term: str) -> None:
    wanted = verified(user=User.objects.create_user("dara@shop"))
    verified(phone_number="+85577696119", sub="another", mobile_id="another")
    assert found(viewer, q=term) == pks(wanted)


@pytest.mark.parametrize(
    "term",
    ["69611", "7769611", "+8557769611", MASKED, "ara", SUB[:-1], MOBILE_ID[1:], "Teak", NONCE],
)
def test_search_does_not_spell_out(viewer: Client, term: str) -> None:
    verified(user=User.objects.create_user("dara"))
    assert found(viewer, q=term) == set()


def test_search_by_a_login_name_finds_every_verification_of_the_user(viewer: Client) -> None:
    dara, sok = User.objects.create_user("dara"), User.objects.create_user("sok")
    wanted = [verified(user=dara), failed(user=dara), pending(user=dara)]
    verified(user=sok)
    assert found(viewer, q="da") == pks(*wanted)


def test_search_prefers_the_name_typed_in_full_to_longer_ones(viewer: Client) -> None:
    User.objects.bulk_create(User(username=f"dara{i}") for i in range(MAX_USERS + 10))
    wanted = verified(user=User.objects.create_user("dara"))
    assert found(viewer, q="dara") == pks(wanted)


def test_search_and_list_use_the_login_name_that_the_user_model_names(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = verified(user=User.objects.create_user("dara", email="sok@example.com"))
    monkeypatch.setattr(User, "USERNAME_FIELD", "email")
    assert found(viewer, q="sok@") == pks(wanted)
    assert found(viewer, q="dara") == set()
    assert [row["login"] for row in cells(viewer.get(LIST))] == ["sok@example.com"]


def test_search_keeps_to_the_filter(viewer: Client) -> None:
    dara = User.objects.create_user("dara")
    verified(user=dara)
    wanted = failed(user=dara)
    assert found(viewer, q="dara", status__exact="failed") == pks(wanted)


@pytest.mark.parametrize("term", ["", "   ", "\u0085\u2028"])
def test_empty_search_shows_everything(viewer: Client, term: str) -> None:
    everything = pks(verified(), pending())
    assert found(viewer, q=term) == everything


@pytest.mark.parametrize(
    "term",
    [
        quote("x" * 10_000),
        quote("0" * 10_000),
        quote("%" * 60_000),
        quote("៧" * 10_000),
        quote("\U0001f4f5" * 10_000),
        "%ED%A0%80",  # a lone surrogate
        "%FF%FE",
        quote("\uffff"),
        quote("\u202e"),
        quote("\U0001d7d8"),  # a digit to Python
        quote("²"),
        quote("'\"\\"),
        quote("{0} {} %s"),
    ],
    ids=lambda term: term[:20],
)
def test_weird_search_finds_nothing(viewer: Client, term: str) -> None:
    verified(user=User.objects.create_user("dara"))
    response = viewer.get(f"{LIST}?q={term}")
    assert cells(response) == []


@pytest.mark.parametrize("term", ["%00", "dara%00", "%00dara", "077%00696118"])
def test_search_with_nul_is_told_so(viewer: Client, term: str) -> None:
    verified()
    assert "Null characters are not allowed." in text(viewer.get(f"{LIST}?q={term}"))


@pytest.mark.parametrize("term", ["\0", "dara\0", "x" * 10_000])
def test_search_by_an_autocomplete_box_finds_nothing_weird(term: str) -> None:
    # Django checks what comes from the list's own box, and passes on what comes from these.
    verified()
    model_admin = admin.site.get_model_admin(PhoneVerification)
    rows = PhoneVerification.objects.all()
    queryset, _ = model_admin.get_search_results(RequestFactory().get("/"), rows, term)
    assert list(queryset) == []
