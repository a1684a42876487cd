"""The search of the admin's list: what a term finds, and what it does not reveal."""

from urllib.parse import quote
from uuid import UUID

import pytest

from django_plasgate_ip.admin.search import MAX_TERM_LENGTH, MAX_USERS, search
from django_plasgate_ip.models import PhoneVerification
from tests.kept import NONCE, User, failed, pending, verified
from tests.staff import LIST, cells, found, text
from tests.visitor import MASKED, MOBILE_ID, SUB

pytestmark = pytest.mark.django_db


def matches(term: str, with_claims: bool = True) -> list[PhoneVerification]:
    return list(search(PhoneVerification.objects.all(), term, with_claims))


def test_a_term_finds_the_number_login_name_sub_or_mobile_id_but_no_part_of_a_hidden_value():
    wanted = verified(user=User.objects.create_user("dara"))
    ids = {"sub": "another", "mobile_id": "another"}
    verified(user=User.objects.create_user("sok"), phone_number="+85577696119", **ids)
    for term in ("+85577696118", " 077 696 118 ", "+៨៥៥៧៧៦៩៦១១៨", "dar", SUB, f"  {MOBILE_ID}\t"):
        assert matches(term) == [wanted], term
    for term in ("7769611", "+8557769611", MASKED, "ara", SUB[:-1], MOBILE_ID[1:], "Teak", NONCE):
        assert matches(term) == [], term


def test_the_reference_on_a_page_or_a_whole_id_finds_the_verification(monkeypatch):
    starts, ends = ("12345678", "1234567f"), "0f"
    pks = [UUID(f"{start}-0000-4000-8000-{end * 12}") for start in starts for end in ends]
    rows = [verified(pk=pk) for pk in pks]

    for with_claims in (False, True):
        assert set(matches(rows[0].reference, with_claims)) == set(rows[:2])
        assert set(matches(" 1234567F ", with_claims)) == set(rows[2:])
        assert matches(str(pks[3]).upper(), with_claims) == [rows[3]]
        assert matches(pks[3].hex, with_claims) == [rows[3]]
    assert matches("1234567") == matches("1234567g") == matches("12345678-0000") == []
    # As on MariaDB, which orders ids by their last digits.
    name = "django_plasgate_ip.admin.search._is_in_order_of_first_digits"
    monkeypatch.setattr(name, lambda using: False)
    assert set(matches(" 1234567F ")) == set(rows[2:])


def test_only_staff_with_the_permission_search_for_a_sub_or_mobile_id(viewer, reader):
    wanted = verified()
    for term in (SUB, MOBILE_ID):
        assert found(viewer, q=term) == set()
        assert found(reader, q=term) == {wanted}
    offer = "You can also enter a full sub or a full mobile ID."
    assert [offer in text(client.get(LIST)) for client in (viewer, reader)] == [False, True]


@pytest.mark.parametrize("name", ["+85577696118", "077\u30fc696118", "tel:+85577696118"])
def test_the_start_of_a_number_finds_no_login_name_without_the_permission(name):
    wanted = verified(user=User.objects.create_user(name), phone_number="")
    assert matches(name, with_claims=False) == [wanted]
    for length in range(1, len(name)):
        assert matches(name[:length]) == [wanted]
        assert matches(name[:length], with_claims=False) == []


@pytest.mark.parametrize("number", ["077696118", "tel:+85577696118"])
def test_a_number_takes_no_place_among_the_names_that_a_term_finds(number):
    # Sorted, the number is before the last name and after the others.
    start = number[:3]
    names = [*(f"{start} {i:02}" for i in range(MAX_USERS - 1)), f"{start}x"]
    rows = [pending(user=User.objects.create_user(name)) for name in names]
    User.objects.create_user(number)
    assert set(matches(start, with_claims=False)) == (set(rows) if start == "tel" else set())


def test_a_login_name_finds_every_verification_of_the_user(viewer):
    dara = User.objects.create_user("dara")
    wrong, right, live = failed(user=dara), verified(user=dara), pending(user=dara)
    verified(user=User.objects.create_user("sok"))
    assert found(viewer, q="da") == {wrong, right, live}
    assert found(viewer, q="da", status__exact="failed") == {wrong}
    # The summary would come before the results on a phone.
    pages = [text(viewer.get(LIST, query)) for query in ({}, {"q": "da"})]
    assert ["The last 30 days" in page for page in pages] == [True, False]


def test_a_term_finds_a_limited_number_of_users_and_the_exact_name_first():
    # The exact name is neither among the oldest users nor among the newest ones.
    names = [f"dara{i}" for i in range(MAX_USERS)]
    users = [User.objects.create_user(name) for name in (*names, "dara", *(f"{n}x" for n in names))]
    PhoneVerification.objects.bulk_create(
        PhoneVerification(user=user, scopes="mobile_id") for user in users
    )
    rows = matches("dara")
    assert users[MAX_USERS] in [row.user for row in rows]
    assert len(rows) == MAX_USERS


def test_the_user_model_names_the_column_of_the_login_name(viewer, monkeypatch):
    wanted = verified(user=User.objects.create_user("dara", email="sok@example.com"))
    monkeypatch.setattr(User, "USERNAME_FIELD", "email")
    assert matches("sok@") == [wanted]
    assert matches("dara") == []
    assert [row["login"] for row in cells(viewer.get(LIST))] == ["sok@example.com"]


def test_an_empty_term_finds_everything():
    everything = {verified(), pending()}
    assert set(matches("")) == set(matches(" \u0085\u2028")) == everything


def test_a_term_that_is_too_long_or_has_nul_is_not_searched(django_assert_num_queries):
    longest = verified(mobile_id="m" * MAX_TERM_LENGTH)
    assert matches("m" * MAX_TERM_LENGTH) == [longest]
    with django_assert_num_queries(0):
        assert matches("m" * (MAX_TERM_LENGTH + 1)) == matches("dara\0") == []


def test_an_unusual_term_finds_nothing(viewer):
    verified(user=User.objects.create_user("dara"))
    surrogate, not_utf8 = "%ED%A0%80", "%FF%FE"
    for term in (quote("%" * 60_000), surrogate, not_utf8, quote("²"), quote("{0} {} %s")):
        assert cells(viewer.get(f"{LIST}?q={term}")) == [], term[:20]
