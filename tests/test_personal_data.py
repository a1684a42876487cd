"""Export and erasure of one person's data, and of nobody else's."""

import json
import sys
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from django_plasgate_ip import personal_data
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.models import PhoneVerification, PhoneVerificationQuerySet
from tests.staff import detail, staff
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


def note(verification: PhoneVerification, user: User) -> LogEntry:
    """Store an entry in the admin log."""
    return LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(PhoneVerification),
        object_id=str(verification.pk),
        object_repr=str(verification),
        action_flag=2,
        change_message="Viewed the claims.",
    )


def by_user(name: str = "teak") -> PhoneVerificationQuerySet:
    return personal_data.verifications_of_user(name)


def by_number(typed: str = TYPED) -> PhoneVerificationQuerySet:
    return personal_data.verifications_of_number(typed)


# Which rows


def test_a_user_has_the_verifications_of_every_status(user: User, other_user: User) -> None:
    theirs = {made(user), failed(user), made(user, phone_number=OTHER)}
    made(other_user)
    made(None)

    assert set(by_user()) == theirs
    with pytest.raises(User.DoesNotExist):
        by_user("nobody")


@pytest.mark.parametrize("typed", [TYPED, NUMBER, "៨៥៥៧៧៦៩៦១១៨"])
def test_a_number_has_the_verifications_of_every_user(
    user: User, other_user: User, typed: str
) -> None:
    its = {made(user), failed(other_user), made(None)}
    made(user, phone_number=OTHER)
    made(user, phone_number="")

    assert set(by_number(typed)) == its


@pytest.mark.parametrize("typed", ["", "hello", "077 696 118 ext 5"])
def test_text_that_is_not_a_number_is_an_error(typed: str) -> None:
    made(None, phone_number="")

    with pytest.raises(InvalidPhoneNumber):
        by_number(typed)


def test_the_manager_of_the_user_model_finds_the_login_name(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = made(user)
    by_email = SimpleNamespace(get_by_natural_key=lambda email: User.objects.get(email=email))
    accounts = SimpleNamespace(_default_manager=by_email)
    monkeypatch.setattr(personal_data, "get_user_model", lambda: accounts)

    assert list(by_user("teak@example.com")) == [row]


def test_the_user_model_names_the_column_of_the_login_name(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(user)
    monkeypatch.setattr(User, "USERNAME_FIELD", "email")

    (values,) = exported(by_user("teak@example.com"))
    assert values["user"] == "teak@example.com"
    with pytest.raises(User.DoesNotExist):
        by_user("teak")


# Export


@pytest.mark.parametrize(("name", "text"), [(855, "855"), (None, "")])
def test_a_login_name_is_exported_as_text(
    user: User, monkeypatch: pytest.MonkeyPatch, name: Any, text: str
) -> None:
    made(user)
    verifications = by_user()
    monkeypatch.setattr(User, "get_username", lambda user: name)

    assert [values["user"] for values in exported(verifications)] == [text]


def test_the_export_has_every_column(user: User) -> None:
    row = made(user)

    (values,) = exported(by_user())

    stored: Any = PhoneVerification.objects.values().get()
    assert set(values) == {field.name for field in PhoneVerification._meta.get_fields()}
    assert values.pop("user") == "teak"
    assert values.pop("phone_number") == NUMBER
    assert values.pop("claims") == CLAIMS
    for name, value in values.items():
        assert value == stored[name]
        assert value not in ("", None) or name == "reason"
    assert values["id"] == row.pk


def test_the_export_is_json_that_is_neither_encrypted_nor_masked(user: User) -> None:
    made(user)
    failed(user)

    lines = [
        json.loads(json.dumps(values, cls=DjangoJSONEncoder)) for values in exported(by_user())
    ]

    assert [line["claims"] for line in lines] == [CLAIMS, FAILED]
    assert "***" not in str(lines)
    assert "gAAAA" not in str(lines)


def test_a_verification_without_user_and_number_can_be_exported() -> None:
    made(None, phone_number="", claims={})

    (values,) = exported(PhoneVerification.objects.on_primary())

    assert (values["user"], values["phone_number"], values["claims"]) == (None, "", {})


def test_the_oldest_verification_is_exported_first(user: User) -> None:
    rows = [made(user, created_at=timezone.now() - timedelta(days=days)) for days in (1, 3, 2)]

    assert [values["id"] for values in exported(by_user())] == [rows[i].pk for i in (1, 2, 0)]


def test_claims_without_their_key_do_not_stop_the_export(user: User, settings: Any) -> None:
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    lost = made(user)
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    made(user)

    first, second = exported(by_user())

    assert "PLASGATE_IP_ENCRYPTION_KEYS" in first["claims"]
    assert (first["id"], first["mobile_id"]) == (lost.pk, MOBILE_ID)
    assert second["claims"] == CLAIMS


def test_an_export_makes_one_query(user: User, django_assert_num_queries: Any) -> None:
    for _ in range(5):
        made(user)
    verifications = by_user()

    with django_assert_num_queries(1):
        assert len(exported(verifications)) == 5


# Erase


def test_erasing_a_user_keeps_the_account_and_other_users(user: User, other_user: User) -> None:
    made(user)
    failed(user)
    kept = {made(other_user), made(None)}

    assert personal_data.erase(by_user()) == 2

    assert set(PhoneVerification.objects.all()) == kept
    assert User.objects.filter(pk=user.pk).exists()
    assert personal_data.erase(by_user()) == 0


def test_erasing_a_number_erases_it_for_every_user(user: User, other_user: User) -> None:
    for owner in (user, other_user, None):
        made(owner)
    kept = made(user, phone_number=OTHER)

    assert personal_data.erase(by_number()) == 3

    assert list(PhoneVerification.objects.all()) == [kept]


def test_only_the_log_entries_about_them_are_deleted(user: User, other_user: User) -> None:
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

    personal_data.erase(by_user())

    assert set(LogEntry.objects.all()) == {kept, same_id}


def test_a_log_entry_of_the_admin_is_deleted(user: User) -> None:
    reader = staff("view_phoneverification", "view_claims")
    reader.get(detail(made(user)))
    assert LogEntry.objects.count() == 1

    personal_data.erase(by_user())

    assert not LogEntry.objects.exists()


def test_a_site_without_the_admin_can_erase(
    user: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(user)
    # Importing the admin's models fails on such a site.
    monkeypatch.setitem(sys.modules, "django.contrib.admin.models", None)
    settings.INSTALLED_APPS = [
        name for name in settings.INSTALLED_APPS if name != "django.contrib.admin"
    ]
    settings.ROOT_URLCONF = "django_plasgate_ip.urls"

    call_command("plasgate_ip_erase", "--user", "teak", "--no-input", verbosity=0)

    assert not PhoneVerification.objects.exists()


@pytest.mark.parametrize("number", [4, 5])
def test_several_batches_are_erased(
    user: User, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(personal_data, "BATCH_SIZE", 2)
    for _ in range(number):
        note(made(user), user)

    assert personal_data.erase(by_user()) == number

    assert not PhoneVerification.objects.exists()
    assert not LogEntry.objects.exists()


def test_the_hand_off_app_forgets_a_verification_before_it_is_deleted(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = made(user)
    forgotten = []

    def forget(pks: list[Any]) -> None:
        forgotten.append((pks, PhoneVerification.objects.count()))

    monkeypatch.setattr(personal_data, "handoff_app", lambda: SimpleNamespace(forget=forget))
    personal_data.erase(by_user())

    assert forgotten == [([row.pk], 1)]


def test_a_visitor_can_start_again_after_an_erasure(visitor: Visitor) -> None:
    visitor.start()
    personal_data.erase(by_user())

    assert visitor.come_back().status_code == 400
    assert visitor.start().status_code == 302
