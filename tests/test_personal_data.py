"""Exporting and erasing one person: everything about them, and nothing about others."""

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from phonenumber_field.phonenumber import PhoneNumber

from django_plasgate_ip import personal_data
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.models import PhoneVerification, PhoneVerificationQuerySet
from tests.visitor import FAILED, MOBILE_ID, NUMBER, PROFILE, SUB, TYPED, VERIFIED, Visitor

pytestmark = pytest.mark.django_db

CLAIMS = VERIFIED | PROFILE
OTHER = "+85512345678"


def made(user: User | None = None, **values: Any) -> PhoneVerification:
    """Store a verification with a value in every column."""
    defaults = {
        "phone_number": NUMBER,
        "scopes": "profile phone_verify",
        "status": "verified",
        "error_description": "welcome",
        "sub": SUB,
        "mobile_id": MOBILE_ID,
        "claims": CLAIMS,
        "mobile_id_changed": True,
        "mobile_id_acknowledged_at": timezone.now(),
        "completed_at": timezone.now(),
        "session_id": "a browser",
        "callback_session_id": "a phone",
        "redirect_uri": "https://www.example.com/phone/callback/?nonce=abc",
        "nonce": "abc",
        "key_fingerprint": "0f" * 16,
        "next_url": "/wallet/of/teak/",
        "language": "km",
        "address": "hash of an address",
        "exchanging_at": timezone.now(),
    }
    return PhoneVerification.objects.create(user=user, **(defaults | values))


def failed(user: User | None = None) -> PhoneVerification:
    ids = {"sub": "", "mobile_id": ""}
    return made(user, status="failed", reason="not_verified", claims=FAILED, **ids)


def exported(verifications: PhoneVerificationQuerySet) -> list[dict[str, Any]]:
    return list(personal_data.export(verifications))


def note(verification: PhoneVerification, staff: User) -> LogEntry:
    """Make an entry in the admin log."""
    return LogEntry.objects.create(
        user=staff,
        content_type=ContentType.objects.get_for_model(PhoneVerification),
        object_id=str(verification.pk),
        object_repr=str(verification),
        action_flag=2,
        change_message="Viewed the claims.",
    )


# Which rows


def test_a_users_verifications_are_found_however_they_ended(user: User, other_user: User) -> None:
    theirs = {made(user), failed(user), made(user, phone_number=OTHER)}
    made(other_user)
    made(None)

    assert set(personal_data.verifications_of_user("teak")) == theirs


@pytest.mark.parametrize("typed", [TYPED, NUMBER, "85577696118", "០៧៧ ៦៩៦ ១១៨"])
def test_a_numbers_verifications_are_found_whoever_made_them(
    user: User, other_user: User, typed: str
) -> None:
    its = {made(user), failed(other_user), made(None)}
    made(user, phone_number=OTHER)
    made(user, phone_number="")

    assert set(personal_data.verifications_of_number(typed)) == its


@pytest.mark.parametrize("typed", ["", "077", "hello", "077 696 118 ext 5"])
def test_text_that_is_not_a_number_does_not_match_rows_without_a_number(typed: str) -> None:
    made(None, phone_number="")

    with pytest.raises(InvalidPhoneNumber):
        personal_data.verifications_of_number(typed)


def test_an_unknown_login_name_is_an_error(user: User) -> None:
    with pytest.raises(User.DoesNotExist):
        personal_data.verifications_of_user("nobody")


def test_the_user_model_says_which_column_the_login_name_is(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = made(user)
    monkeypatch.setattr(User, "USERNAME_FIELD", "email")

    assert list(personal_data.verifications_of_user("teak@example.com")) == [row]
    assert (
        exported(personal_data.verifications_of_user("teak@example.com"))[0]["user"]
        == "teak@example.com"
    )
    with pytest.raises(User.DoesNotExist):
        personal_data.verifications_of_user("teak")


# Export


def test_a_login_name_that_is_a_number_can_be_exported(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(user)
    verifications = personal_data.verifications_of_user("teak")
    monkeypatch.setattr(User, "get_username", lambda user: PhoneNumber.from_string(NUMBER))

    (values,) = exported(verifications)

    assert json.loads(json.dumps(values["user"])) == NUMBER


def test_the_export_has_every_column_that_there_is(user: User) -> None:
    row = made(user)

    (values,) = exported(personal_data.verifications_of_user("teak"))

    stored: Any = PhoneVerification.objects.values().get()
    assert set(values) == {field.name for field in PhoneVerification._meta.get_fields()}
    assert values.pop("user") == "teak"
    assert values.pop("phone_number") == NUMBER
    assert values.pop("claims") == CLAIMS
    for name, value in values.items():
        assert value == stored[name]
        assert value not in ("", None) or name == "reason"
    assert values["id"] == row.pk


def test_an_export_is_json_with_nothing_encrypted_or_masked(user: User) -> None:
    made(user)
    failed(user)

    lines = [
        json.loads(json.dumps(values, cls=DjangoJSONEncoder))
        for values in exported(personal_data.verifications_of_user("teak"))
    ]

    assert [line["claims"] for line in lines] == [CLAIMS, FAILED]
    assert "***" not in str(lines)
    assert "gAAAA" not in str(lines)


def test_a_verification_without_user_and_number_can_be_exported() -> None:
    made(None, phone_number="", claims={})

    (values,) = exported(PhoneVerification.objects.get_queryset())  # type: ignore[arg-type]

    assert (values["user"], values["phone_number"], values["claims"]) == (None, "", {})


def test_the_oldest_comes_first(user: User) -> None:
    rows = [made(user, created_at=timezone.now() - timedelta(days=days)) for days in (1, 3, 2)]

    ids = [values["id"] for values in exported(personal_data.verifications_of_user("teak"))]

    assert ids == [rows[1].pk, rows[2].pk, rows[0].pk]


def test_claims_that_no_key_decrypts_do_not_stop_the_export(user: User, settings: Any) -> None:
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    lost = made(user)
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    made(user)

    first, second = exported(personal_data.verifications_of_user("teak"))

    assert "PLASGATE_IP_ENCRYPTION_KEYS" in first["claims"]
    assert (first["id"], first["mobile_id"]) == (lost.pk, MOBILE_ID)
    assert second["claims"] == CLAIMS


def test_an_export_asks_the_database_once(user: User, django_assert_num_queries: Any) -> None:
    for _ in range(5):
        made(user)
    verifications = personal_data.verifications_of_user("teak")

    with django_assert_num_queries(1):
        assert len(exported(verifications)) == 5


# Erase


By = Callable[[], PhoneVerificationQuerySet]


def by_user() -> PhoneVerificationQuerySet:
    return personal_data.verifications_of_user("teak")


def by_number() -> PhoneVerificationQuerySet:
    return personal_data.verifications_of_number(TYPED)


def test_erasing_a_user_leaves_the_account_and_everybody_else(user: User, other_user: User) -> None:
    made(user)
    failed(user)
    kept = {made(other_user), made(None)}

    assert personal_data.erase(by_user()) == 2

    assert set(PhoneVerification.objects.all()) == kept
    assert User.objects.filter(pk=user.pk).exists()
    assert personal_data.erase(by_user()) == 0


def test_erasing_a_number_erases_it_with_everybody(user: User, other_user: User) -> None:
    for whose in (user, other_user, None):
        made(whose)
    kept = made(user, phone_number=OTHER)

    assert personal_data.erase(by_number()) == 3

    assert list(PhoneVerification.objects.all()) == [kept]


@pytest.mark.parametrize("by", [by_user, by_number])
def test_the_admin_log_entries_about_them_are_deleted_and_no_others(
    user: User, other_user: User, by: By
) -> None:
    row, others = made(user), made(other_user, phone_number=OTHER)
    note(row, other_user)
    note(row, other_user)
    kept = note(others, other_user)
    same_id = LogEntry.objects.create(
        user=other_user,
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(row.pk),
        action_flag=2,
    )

    personal_data.erase(by())

    assert set(LogEntry.objects.all()) == {kept, same_id}


def test_an_entry_that_the_admin_itself_made_is_deleted(user: User, other_user: User) -> None:
    row = made(user)
    other_user.is_staff = True
    other_user.save()
    for codename in ("view_claims", "view_phoneverification"):
        other_user.user_permissions.add(Permission.objects.get(codename=codename))
    staff = Visitor()
    staff.force_login(other_user)
    staff.get(f"/admin/django_plasgate_ip/phoneverification/{row.pk}/change/")
    assert LogEntry.objects.count() == 1

    personal_data.erase(by_user())

    assert not LogEntry.objects.exists()


def test_a_site_without_the_admin_erases_too(
    user: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(user)
    # Its models can't be imported there.
    monkeypatch.setitem(sys.modules, "django.contrib.admin.models", None)
    settings.INSTALLED_APPS = [
        name for name in settings.INSTALLED_APPS if name != "django.contrib.admin"
    ]
    settings.ROOT_URLCONF = "django_plasgate_ip.urls"

    call_command("plasgate_ip_erase", "--user", "teak", "--no-input", verbosity=0)

    assert not PhoneVerification.objects.exists()


def test_more_verifications_than_a_batch_holds_are_all_erased(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(personal_data, "BATCH_SIZE", 2)
    rows = [made(user) for _ in range(5)]
    for row in rows:
        note(row, user)

    assert personal_data.erase(by_user()) == 5

    assert not PhoneVerification.objects.exists()
    assert not LogEntry.objects.exists()


def test_a_visitor_whose_verification_was_erased_can_start_again(
    visitor: Visitor, user: User
) -> None:
    visitor.start()
    personal_data.erase(by_user())

    assert visitor.come_back().status_code == 400
    assert visitor.start().status_code == 302


def test_the_sites_own_user_manager_looks_the_login_name_up(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = made(user)
    by_email = SimpleNamespace(get_by_natural_key=lambda email: User.objects.get(email=email))
    accounts = SimpleNamespace(_default_manager=by_email)
    monkeypatch.setattr(personal_data, "get_user_model", lambda: accounts)

    assert list(personal_data.verifications_of_user("teak@example.com")) == [row]
