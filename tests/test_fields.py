"""The model fields: what the columns hold, and what a missing key breaks."""

import copy
import io
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import FieldError
from django.core.management import call_command
from django.db import connection
from django.db.models import F, Q

from django_plasgate_ip.exceptions import ClaimsUnreadable
from django_plasgate_ip.models import PhoneVerification
from tests.kept import CLAIMS, JSON_VALUES
from tests.visitor import MOBILE_ID

# Only decrypted claims may contain these.
PLAIN = ("Omeng", "1234567890", MOBILE_ID[:16], "street_address", "phone_number_verified")


def stored(**values: Any) -> PhoneVerification:
    """Store a row. Return it as it is read from the database."""
    values = {"scopes": "profile", "session_id": "b", "claims": CLAIMS} | values
    made = PhoneVerification.objects.create(**values)
    return PhoneVerification.objects.get(pk=made.pk)


def raw(column: str = "claims") -> list[Any]:
    """Return the column's values without the field's conversion."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM django_plasgate_ip_phoneverification")  # noqa: S608
        return [value for row in cursor.fetchall() for value in row]


def new_key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def lost_key(db: None, settings: Any) -> PhoneVerification:
    """Return a row whose key is not in the settings any more."""
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new_key()]
    row = stored()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new_key()]
    return PhoneVerification.objects.get(pk=row.pk)


# Values


@pytest.mark.django_db
def test_every_json_type_is_preserved() -> None:
    read = [stored(claims=value).claims for value in JSON_VALUES]

    # Compared as text, because 0 == False.
    assert json.dumps(read) == json.dumps(JSON_VALUES)


@pytest.mark.django_db
def test_claims_can_be_read_before_and_after_saving() -> None:
    assert PhoneVerification(claims={"a": 1}).claims == {"a": 1}
    assert PhoneVerification().claims == {}

    row = stored()
    row.claims = {"b": 2}
    row.save()
    row.refresh_from_db()
    assert row.claims == {"b": 2}


@pytest.mark.django_db
def test_changing_a_dict_that_was_read_does_not_change_the_row() -> None:
    row = stored()
    row.claims["given_name"] = "Mallory"

    assert row.claims == CLAIMS


@pytest.mark.django_db
def test_updates_and_bulk_writes_encrypt() -> None:
    row = stored(claims={})
    PhoneVerification.objects.update(claims={"family_name": "Omeng"})
    PhoneVerification.objects.bulk_create([PhoneVerification(session_id="c", claims=CLAIMS)])
    other = PhoneVerification.objects.get(session_id="c")
    other.claims = {"gender": "male"}
    PhoneVerification.objects.bulk_update([other], ["claims"])

    row.refresh_from_db()
    other.refresh_from_db()
    assert row.claims == {"family_name": "Omeng"}
    assert other.claims == {"gender": "male"}
    assert "Omeng" not in str(raw())


def test_a_value_that_json_cannot_represent_is_refused_when_it_is_assigned() -> None:
    with pytest.raises(TypeError):
        PhoneVerification(claims={"a": object()})


def test_validation_does_not_change_the_claims() -> None:
    row = PhoneVerification(scopes="profile", session_id="b", redirect_uri="/", claims=CLAIMS)
    row.clean_fields()

    assert row.claims == CLAIMS


@pytest.mark.django_db
def test_a_deferred_column_is_loaded_when_it_is_read(django_assert_num_queries: Any) -> None:
    row = PhoneVerification.objects.defer("claims").get(pk=stored().pk)
    with django_assert_num_queries(1):
        assert row.claims == CLAIMS


# At rest


@pytest.mark.django_db
def test_no_column_holds_plain_text() -> None:
    stored()

    everything = str(raw("*"))
    assert [plain for plain in PLAIN if plain in everything] == []


@pytest.mark.django_db(transaction=True)
def test_the_database_file_holds_no_plain_text() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only the file of SQLite can be read")
    stored()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA database_list")
        path = Path(cursor.fetchone()[2])
    # The database and its write-ahead log.
    files = b"".join(each.read_bytes() for each in path.parent.glob(path.name + "*"))

    assert raw()[0][:100].encode() in files
    assert [plain for plain in PLAIN if plain.encode() in files] == []


@pytest.mark.django_db
def test_an_empty_dict_is_stored_as_an_empty_text() -> None:
    stored(claims={})

    assert raw() == [""]


@pytest.mark.django_db
def test_a_pickle_holds_the_token() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        frozen = pickle.dumps(stored(), protocol)
        assert [plain for plain in PLAIN if plain.encode() in frozen] == []
        assert pickle.loads(frozen).claims == CLAIMS  # noqa: S301 - written above


@pytest.mark.django_db
def test_copies_and_reprs_hold_the_token() -> None:
    row = stored()
    row.claims  # noqa: B018 - reading it must not store the plain value
    PhoneVerification.objects.filter(pk=row.pk).update(scopes="phone")

    for each in (row, copy.copy(row), copy.deepcopy(row), PhoneVerification(claims=CLAIMS)):
        assert each.claims == CLAIMS
        assert [plain for plain in PLAIN if plain in repr((each, vars(each)))] == []
    assert repr(vars(row)["claims"]) == "<Sealed>"


@pytest.mark.django_db
def test_values_are_encrypted() -> None:
    stored()

    rows = [*PhoneVerification.objects.values("claims"), *PhoneVerification.objects.values()]
    assert [plain for plain in PLAIN if plain in repr(rows)] == []
    assert rows[0]["claims"].decrypt() == CLAIMS


@pytest.mark.parametrize("file_format", ["json", "xml"])
@pytest.mark.django_db
def test_a_fixture_holds_the_token(file_format: str, tmp_path: Path) -> None:
    full, empty = stored(), stored(claims={})
    fixture = tmp_path / f"rows.{file_format}"
    call_command(
        "dumpdata", "django_plasgate_ip.phoneverification", format=file_format, output=str(fixture)
    )
    PhoneVerification.objects.all().delete()
    call_command("loaddata", str(fixture), verbosity=0)

    assert [plain for plain in PLAIN if plain in fixture.read_text()] == []
    assert PhoneVerification.objects.get(pk=full.pk).claims == CLAIMS
    assert PhoneVerification.objects.get(pk=empty.pk).claims == {}


# Without the key


def test_reading_claims_without_their_key_names_the_setting(lost_key: PhoneVerification) -> None:
    with pytest.raises(ClaimsUnreadable, match="PLASGATE_IP_ENCRYPTION_KEYS") as caught:
        lost_key.claims  # noqa: B018

    assert raw()[0] not in str(caught.value)


def test_a_row_is_listed_without_its_key(lost_key: PhoneVerification) -> None:
    assert list(PhoneVerification.objects.filter(scopes="profile")) == [lost_key]
    assert lost_key.session_id == "b"
    assert str(lost_key)
    assert "claims" in str(PhoneVerification.objects.values().get())


def test_a_row_is_saved_without_its_key(lost_key: PhoneVerification) -> None:
    before = raw()
    lost_key.scopes = "phone"
    lost_key.save()
    lost_key.save(update_fields=["claims", "session_id"])

    assert PhoneVerification.objects.get().scopes == "phone"
    assert raw() == before


def test_a_row_is_dumped_pickled_and_deleted_without_its_key(lost_key: PhoneVerification) -> None:
    out = io.StringIO()
    call_command("dumpdata", "django_plasgate_ip.phoneverification", stdout=out)
    assert raw()[0] in out.getvalue()

    pickle.loads(pickle.dumps(copy.deepcopy(lost_key))).delete()  # noqa: S301 - written here
    assert not PhoneVerification.objects.exists()


def test_a_row_gets_new_claims_without_its_key(lost_key: PhoneVerification) -> None:
    lost_key.claims = {}
    lost_key.save()

    assert PhoneVerification.objects.get().claims == {}


# Lookups


@pytest.mark.django_db
def test_rows_without_claims_are_found_without_a_key(settings: Any) -> None:
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new_key()]
    empty, full = stored(claims={}), stored()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [new_key()]
    rows = PhoneVerification.objects

    assert list(rows.filter(claims={})) == [empty]
    assert list(rows.filter(Q(claims__exact={}))) == [empty]
    assert list(rows.exclude(claims={})) == [full]


@pytest.mark.parametrize(
    "lookup",
    [
        {"claims": CLAIMS},
        {"claims": None},
        {"claims": ""},
        {"claims": False},
        {"claims": F("scopes")},
        {"claims__in": [{}]},
        {"claims__isnull": True},
        {"claims__startswith": "gAAAAA"},
        {"claims__given_name": "Teak"},
    ],
    ids=str,
)
@pytest.mark.django_db
def test_every_other_lookup_is_refused(lookup: dict[str, Any]) -> None:
    stored()

    for query in (PhoneVerification.objects.filter, PhoneVerification.objects.exclude):
        with pytest.raises(FieldError):
            list(query(**lookup))


# Phone numbers


@pytest.mark.django_db
@pytest.mark.parametrize("db_format", ["NATIONAL", "RFC3966"])
def test_numbers_are_stored_as_e164_with_every_format_of_the_site(
    db_format: str, settings: Any
) -> None:
    settings.PHONENUMBER_DB_FORMAT = db_format
    row = PhoneVerification.objects.create(phone_number="+14155552671")

    assert str(PhoneVerification.objects.get(pk=row.pk).phone_number.as_e164) == "+14155552671"
    assert PhoneVerification.objects.filter(phone_number="+14155552671").exists()
    assert raw("phone_number") == ["+14155552671"]


@pytest.mark.django_db
def test_numbers_are_masked_in_every_repr() -> None:
    row = stored(phone_number="+14155552671")
    found = [row.phone_number, *PhoneVerification.objects.values_list("phone_number", flat=True)]

    assert [repr(number) for number in found] == ["<Number +1 415 *** **71>"] * 2
