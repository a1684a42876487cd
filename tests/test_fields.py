"""The model fields: what the columns hold, and what a missing key breaks."""

import copy
import json
import pickle
from itertools import product
from typing import Any

import pytest
from django.core.exceptions import FieldError, ValidationError
from django.core.management import call_command
from django.db import connection, models, transaction
from django.db.models import F, Q
from django.db.models.signals import pre_delete
from django.test.utils import isolate_apps

from django_plasgate_ip.exceptions import ClaimsUnreadable
from django_plasgate_ip.fields import EncryptedJSONField
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.phones import parse
from tests.kept import CLAIMS, KEY, NEW_KEY, NONCE, create
from tests.visitor import MOBILE_ID

pytestmark = pytest.mark.django_db

# Only decrypted claims may contain these.
PLAIN = ("Teak", "1234567890", MOBILE_ID[:16], "street_address", "phone_number_verified")


def plain_in(text: str) -> list[str]:
    return [plain for plain in PLAIN if plain in text]


def stored(**values: Any) -> PhoneVerification:
    """Store a row. Return it as it is read from the database."""
    made = create(status="pending", **{"claims": CLAIMS} | values)
    return PhoneVerification.objects.get(pk=made.pk)


def claims() -> dict[Any, Any]:
    return {row.pk: row.claims for row in PhoneVerification.objects.all()}


def raw(column: str = "claims") -> list[Any]:
    """Return the column's values without the field's conversion."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM django_plasgate_ip_phoneverification")  # noqa: S608
        return [value for row in cursor.fetchall() for value in row]


@pytest.fixture
def lost_key(db: None, settings: Any) -> PhoneVerification:
    """Return a row whose key is not in the settings any more."""
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [KEY]
    row = stored()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [NEW_KEY]
    return row


def test_every_json_type_is_preserved():
    values = [CLAIMS, {"false": False, "none": None}, False, 0, None, "", []]
    # Compared as text, because 0 == False.
    assert json.dumps([stored(claims=value).claims for value in values]) == json.dumps(values)


def test_claims_can_be_read_before_and_after_saving(django_assert_num_queries):
    assert PhoneVerification(claims={"a": 1}).claims == {"a": 1}
    assert PhoneVerification().claims == {}

    row = stored()
    row.claims = {"b": 2}
    row.save()
    row.refresh_from_db()
    row.claims["b"] = "a change to what was read"
    assert row.claims == {"b": 2}
    row.clean_fields(exclude=["redirect_uri"])
    with django_assert_num_queries(1):
        deferred = PhoneVerification.objects.defer("claims").get()
    with django_assert_num_queries(1):
        assert deferred.claims == {"b": 2}


def test_each_way_to_write_encrypts_and_no_column_holds_plain_text():
    updated = stored(claims={})
    PhoneVerification.objects.update(claims=CLAIMS)
    saved = stored()
    PhoneVerification.objects.bulk_create([PhoneVerification(session_id="c", claims={"a": "Teak"})])
    written = PhoneVerification.objects.get(session_id="c")
    assert written.claims == {"a": "Teak"}
    written.claims = CLAIMS
    PhoneVerification.objects.bulk_update([written], ["claims"])

    assert claims() == dict.fromkeys((updated.pk, saved.pk, written.pk), CLAIMS)
    values = [*PhoneVerification.objects.values("claims"), *PhoneVerification.objects.values()]
    assert plain_in(f"{raw('*')} {values!r}") == []
    assert values[0]["claims"].decrypt() == CLAIMS


def test_copies_pickles_and_reprs_hold_the_token():
    row = stored()
    row.claims  # noqa: B018 - reading it must not store the plain value
    PhoneVerification.objects.filter(pk=row.pk).update(scopes="phone")
    for each in (row, copy.copy(row), copy.deepcopy(row), PhoneVerification(claims=CLAIMS)):
        assert each.claims == CLAIMS
        frozen = pickle.dumps(each)
        assert plain_in(f"{each!r} {vars(each)} {frozen!r}") == []
        assert pickle.loads(frozen).claims == CLAIMS  # noqa: S301 - written above
    assert repr(vars(row)["claims"]) == "<Sealed>"


def test_a_fixture_holds_the_token(tmp_path):
    full, empty = stored(), stored(claims={})
    fixture = tmp_path / "rows.json"
    call_command("dumpdata", "django_plasgate_ip.phoneverification", output=str(fixture))
    PhoneVerification.objects.all().delete()
    call_command("loaddata", str(fixture), verbosity=0)
    assert plain_in(fixture.read_text()) == []
    assert claims() == {full.pk: CLAIMS, empty.pk: {}}


def test_only_reading_the_claims_needs_their_key(lost_key):
    before = raw()
    assert list(PhoneVerification.objects.filter(nonce=NONCE)) == [lost_key]
    lost_key.scopes = "phone"
    lost_key.save()
    lost_key.save(update_fields=["claims", "session_id"])
    PhoneVerification.objects.update(language="km")
    lost_key.refresh_from_db()
    assert lost_key.language == "km"
    assert "phone" in str(PhoneVerification.objects.values().get())
    assert raw() == before
    with pytest.raises(ClaimsUnreadable, match="PLASGATE_IP_ENCRYPTION_KEYS") as caught:
        lost_key.claims  # noqa: B018
    assert before[0] not in str(caught.value)

    lost_key.claims = {}
    lost_key.save()
    assert raw() == [""]


def test_a_row_is_dumped_pickled_and_deleted_without_its_key(lost_key, capsys):
    call_command("dumpdata", "django_plasgate_ip.phoneverification")
    assert raw()[0] in capsys.readouterr().out
    pickle.loads(pickle.dumps(copy.deepcopy(lost_key))).delete()  # noqa: S301 - written here
    assert not PhoneVerification.objects.exists()


@isolate_apps("tests")
def test_a_receiver_that_was_connected_earlier_gets_no_deleted_claims():
    def audit(instance: Any, **kwargs: Any) -> Any:
        return instance.claims

    pre_delete.connect(audit)

    class Person(models.Model):  # noqa: DJ008
        claims = EncryptedJSONField()

        class Meta:
            app_label = "tests"

    assert not dict(pre_delete.send(Person, instance=Person(claims=CLAIMS)))[audit]


def test_a_deletion_that_is_rolled_back_and_a_save_preserve_the_claims():
    row = stored()
    with transaction.atomic():
        row.delete()
        transaction.set_rollback(True)
    row.pk, row.language = PhoneVerification.objects.get().pk, "km"  # Django has removed the key
    row.save()
    row = PhoneVerification.objects.get()
    assert (row.claims, row.language) == (CLAIMS, "km")
    row.delete()
    row.save()
    assert raw() == [""]


def test_rows_without_claims_are_found_without_a_key(lost_key):
    empty = stored(claims={})
    rows = PhoneVerification.objects
    assert list(rows.filter(claims={})) == list(rows.filter(Q(claims__exact={}))) == [empty]
    assert list(rows.exclude(claims={})) == [lost_key]


def test_every_other_lookup_is_refused():
    stored()
    lookups: list[dict[str, Any]] = [
        *({"claims": value} for value in (CLAIMS, None, "", False, F("scopes"))),
        *({"claims__in": [{}]}, {"claims__isnull": True}, {"claims__startswith": "gAAAAA"}),
        {"claims__given_name": "Teak"},
    ]
    queries = (PhoneVerification.objects.filter, PhoneVerification.objects.exclude)
    for lookup, query in product(lookups, queries):
        with pytest.raises(FieldError):
            list(query(**lookup))


@pytest.mark.parametrize("db_format", ["NATIONAL", "RFC3966"])
def test_numbers_are_stored_as_e164_with_every_db_format(db_format, settings):
    settings.PHONENUMBER_DB_FORMAT = db_format
    row = PhoneVerification.objects.create(phone_number="+14155552671")
    assert str(PhoneVerification.objects.get(pk=row.pk).phone_number.as_e164) == "+14155552671"
    assert PhoneVerification.objects.filter(phone_number="+14155552671").exists()
    assert raw("phone_number") == ["+14155552671"]


@pytest.mark.parametrize("written", ["+85520123456", "+999012345678"])
def test_a_possible_number_is_stored_found_and_read_like_others(written, settings):
    settings.PLASGATE_IP_NUMBER_VALIDATION = "possible"
    row = stored(phone_number=parse(written))
    row.clean_fields(exclude=["redirect_uri"])

    settings.PLASGATE_IP_NUMBER_VALIDATION = "valid"
    with pytest.raises(ValidationError):
        row.clean_fields(exclude=["redirect_uri"])
    # A row that is stored already stays as it is.
    row.save()
    row = PhoneVerification.objects.get(phone_number=written)
    assert raw("phone_number") == [written] == [str(row.phone_number.as_e164)]
    assert row.masked_number.endswith(f"*{written[-2:]}")
