"""Export and erasure of one person's data, and of nobody else's."""

import json
import sys
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.db.models.signals import post_delete, pre_delete
from django.utils import timezone

from django_plasgate_ip import personal_data
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.querysets import PhoneVerificationQuerySet
from django_plasgate_ip.reasons import Status
from tests.kept import CLAIMS, DAY, KEY, NEW_KEY, create
from tests.staff import detail, note, post, staff
from tests.visitor import MOBILE_ID, NUMBER, SUB, TYPED

pytestmark = pytest.mark.django_db

OTHER = "+85512345678"


def by_user(name: str = "teak") -> PhoneVerificationQuerySet:
    return personal_data.verifications_of_user(name)


def exported(verifications: PhoneVerificationQuerySet) -> list[dict[str, Any]]:
    return list(personal_data.export(verifications))


def test_a_user_has_the_verifications_of_every_status(user, other_user):
    theirs = {create(user=user, status=status) for status in Status.values}
    theirs.add(create(user=user, phone_number=OTHER))
    create(user=other_user)
    create()
    assert set(by_user()) == theirs
    with pytest.raises(User.DoesNotExist):
        by_user("nobody")


def test_a_user_whom_the_default_manager_hides_is_found(user, other_user, monkeypatch):
    manager: Any = User._default_manager
    shown = manager.exclude(pk=user.pk)
    hidden, others = create(user=user), create(user=other_user)
    monkeypatch.setattr(manager, "get_queryset", shown.all)
    # A site's rule: login names that differ in case are the same.
    monkeypatch.setattr(
        manager, "get_by_natural_key", lambda name: manager.get(username__iexact=name)
    )
    assert list(by_user()) == [hidden]
    assert list(by_user(other_user.username.upper())) == [others]
    with pytest.raises(User.DoesNotExist):
        by_user("nobody")


def test_a_number_has_the_verifications_of_every_user(user, other_user):
    its = {create(user=user), create(user=other_user, status="pending"), create()}
    create(user=user, phone_number=OTHER)
    create(user=user, phone_number="")
    assert set(personal_data.verifications_of_number(TYPED)) == its


def test_the_export_has_every_column_in_plain_text(user):
    row = create(
        user=user,
        operator="Smart",
        error_description="welcome",
        mobile_id_changed=True,
        acknowledged_at=timezone.now(),
        callback_session_id="a phone",
        key_fingerprint="0f" * 16,
        next_url="/wallet/of/teak/",
        language="km",
        address="hash of an address",
        exchanging_at=timezone.now(),
    )

    (values,) = exported(by_user())

    stored: Any = PhoneVerification.objects.values().get()
    assert set(values) == {field.name for field in PhoneVerification._meta.get_fields()}
    assert [name for name, value in values.items() if value in ("", None)] == ["reason"]
    line = json.loads(json.dumps(values, cls=DjangoJSONEncoder))
    assert (line["id"], line["claims"]) == (str(row.pk), CLAIMS)
    readable = {"user": "teak", "phone_number": NUMBER, "claims": CLAIMS}
    assert values == {name: stored.get(name) for name in values} | readable


@pytest.mark.parametrize(("name", "text"), [(855, "855"), (None, "")])
def test_a_login_name_is_exported_as_text(user, monkeypatch, name, text):
    create(user=user)
    verifications = by_user()
    monkeypatch.setattr(User, "get_username", lambda user: name)
    assert [values["user"] for values in exported(verifications)] == [text]


def test_the_newest_is_exported_first_without_a_server_side_cursor(
    user, monkeypatch, django_assert_num_queries
):
    """Behind PgBouncer in transaction mode, such a cursor has another connection's name."""
    monkeypatch.setattr(personal_data, "BATCH_SIZE", 2)
    monkeypatch.delattr(QuerySet, "iterator")
    newest, oldest, middle = [create(days * DAY, user=user).pk for days in (1, 3, 2)]
    verifications = by_user()
    with django_assert_num_queries(2):
        ids = [values["id"] for values in exported(verifications)]
    assert ids == [newest, middle, oldest]


def test_a_verification_without_user_and_number_can_be_exported():
    create(phone_number="", claims={})
    (values,) = exported(PhoneVerification.objects.on_primary())
    assert [values[name] for name in ("user", "phone_number", "claims")] == [None, "", {}]


def test_claims_without_their_key_do_not_stop_the_export(user, settings):
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [KEY]
    lost = create(3 * DAY, user=user)
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [NEW_KEY]
    create(user=user)
    second, first = exported(by_user())
    assert "PLASGATE_IP_ENCRYPTION_KEYS" in first["claims"]
    assert (first["id"], first["mobile_id"]) == (lost.pk, MOBILE_ID)
    assert second["claims"] == CLAIMS


def test_only_the_log_entries_about_them_are_deleted(user, other_user):
    row, others = create(user=user), create(user=other_user)
    note(other_user, row)
    staff("view_phoneverification", "view_claims").get(detail(row))
    assert LogEntry.objects.count() == 2
    kept = {note(other_user, others), note(other_user, user, row.pk)}
    personal_data.erase(by_user())
    assert set(LogEntry.objects.all()) == kept


def test_a_site_without_the_admin_can_erase(user, settings, monkeypatch):
    create(user=user)
    # Importing the admin's models fails on such a site.
    monkeypatch.setitem(sys.modules, "django.contrib.admin.models", None)
    apps = [name for name in settings.INSTALLED_APPS if name != "django.contrib.admin"]
    settings.INSTALLED_APPS = apps
    settings.ROOT_URLCONF = "django_plasgate_ip.urls"
    call_command("plasgate_ip_erase", "--user", "teak", "--no-input", verbosity=0)
    assert not PhoneVerification.objects.exists()


@pytest.mark.parametrize("number", [4, 5])
def test_all_batches_are_erased(user, monkeypatch, number):
    monkeypatch.setattr(personal_data, "BATCH_SIZE", 2)
    for _ in range(number):
        note(user, create(user=user))
    with mock.patch.object(personal_data, "delete", wraps=personal_data.delete) as delete:
        assert personal_data.erase(by_user()) == number
    assert [len(call.args[0]) for call in delete.call_args_list] == [2, 2, 1][: number - 2]
    assert PhoneVerification.objects.count() == LogEntry.objects.count() == 0


def test_the_hand_off_app_forgets_a_verification_before_it_is_deleted(user, monkeypatch):
    row = create(user=user)
    forgotten = []

    def forget(pks: list[Any]) -> None:
        forgotten.append((pks, PhoneVerification.objects.count()))

    monkeypatch.setattr(personal_data, "handoff_app", lambda: SimpleNamespace(forget=forget))
    personal_data.erase(by_user())
    assert forgotten == [([row.pk], 1)]


DELETIONS: dict[str, Any] = {
    "erase": lambda row: personal_data.erase(PhoneVerification.objects.all()),
    "instance": lambda row: row.delete(),
    "account": lambda row: row.user.delete(),
    "admin": lambda row: post(staff(is_superuser=True), detail(row, "delete"), post="yes"),
}


@pytest.mark.parametrize("way", DELETIONS)
def test_receivers_of_a_deletion_get_no_claims(user, way):
    row = create(user=user)
    received = []

    def audit(instance: PhoneVerification, **kwargs: Any) -> None:
        field: Any = PhoneVerification._meta.get_field("claims")
        received.append((instance.sub, instance.claims, field.value_to_string(instance)))

    # A signal has a weak reference to its receiver, so this one ends with the test.
    for signal in (pre_delete, post_delete):
        signal.connect(audit, sender=PhoneVerification)
    DELETIONS[way](row)
    assert received == [(SUB, {}, "")] * 2


def test_an_account_is_deleted_with_the_log_entries_about_its_verifications(user, other_user):
    class Customer(User):
        class Meta:
            proxy, app_label = True, "auth"

    try:
        apps.get_app_config("django_plasgate_ip").ready()  # as if it were a model of the site
        kept = note(other_user, create(user=other_user))
        for model in (User, Customer):
            account: Any = model.objects.create_user("dara")
            note(other_user, create(user=account))
            account.delete()
            assert list(LogEntry.objects.all()) == [kept]
    finally:
        del apps.all_models["auth"]["customer"]
        apps.clear_cache()
