"""Export or erase everything that the app stores about one person."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from phonenumber_field.phonenumber import PhoneNumber

from django_plasgate_ip import phones
from django_plasgate_ip.apps import handoff_app
from django_plasgate_ip.exceptions import ClaimsUnreadable, InvalidPhoneNumber
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.querysets import PhoneVerificationQuerySet, in_batches

BATCH_SIZE = 500


def login_name(user: Any) -> str:
    """Return the login name as text. A custom user model may have a number or None instead."""
    name = user.get_username()
    return "" if name is None else str(name)


def masked_login_name(user: Any) -> str:
    """Return the login name as text, masked if it is a phone number."""
    return phones.mask(login_number(user.get_username())) or login_name(user)


def login_number(name: Any) -> phones.Number | None:
    """Return the phone number that this login name is, or None.

    The name decides, not the type of its field: many sites keep numbers in a plain text field.
    """
    with suppress(InvalidPhoneNumber):
        return phones.parse(name if isinstance(name, PhoneNumber) else str(name))
    return None


def verifications_of_user(name: str) -> PhoneVerificationQuerySet:
    """Return the verifications of the user with this login name.

    The default manager's rules apply first, such as ignoring case. A user whom it does not find is
    found by the exact name.

    Raises the user model's DoesNotExist, or MultipleObjectsReturned if login names are not unique.
    """
    users: Any = get_user_model()
    try:
        user = users._default_manager.get_by_natural_key(name)
    except users.DoesNotExist:
        # The default manager may hide users, such as deactivated ones.
        user = users._base_manager.get(**{users.USERNAME_FIELD: name})
    return PhoneVerification.objects.on_primary().for_user(user)


def verifications_of_number(text: str) -> PhoneVerificationQuerySet:
    """Return the verifications of this number, of any user. Raises `InvalidPhoneNumber`."""
    return PhoneVerification.objects.on_primary().filter(phone_number=phones.parse(text))


def export(verifications: PhoneVerificationQuerySet) -> Iterator[dict[str, Any]]:
    """Yield all columns of each verification, newest first, with decrypted claims.

    If no key decrypts the claims, ``claims`` is the text of the error.
    """
    for batch in in_batches(verifications.select_related("user"), BATCH_SIZE):
        yield from map(_values, batch)


def erase(verifications: PhoneVerificationQuerySet) -> int:
    """Delete the verifications in batches, as `delete` does. Return their number."""
    erased = 0
    while pks := list(verifications.values_list("pk", flat=True)[:BATCH_SIZE]):
        delete(pks)
        erased += len(pks)
    return erased


def delete(pks: list[Any]) -> None:
    """Delete the verifications with these primary keys, and their entries in the admin log.

    Their hand-offs forget the account and the session.
    """
    _delete_log_entries(pks)
    if handoff := handoff_app():
        handoff.forget(pks)
    PhoneVerification.objects.on_primary().filter(pk__in=pks).defer("claims").delete()


def on_account_deletion(sender: Any, instance: Any, **kwargs: Any) -> None:
    """Delete the admin log entries about the user's verifications. Django deletes the latter."""
    verifications = PhoneVerification.objects.on_primary().for_user(instance)
    _delete_log_entries(list(verifications.values_list("pk", flat=True)))


def _values(verification: PhoneVerification) -> dict[str, Any]:
    number, user = verification.phone_number, verification.user
    readable = {
        "phone_number": phones.e164(number) if number else "",
        "user": login_name(user) if user else None,
        "claims": _claims(verification),
    }
    names = [field.name for field in PhoneVerification._meta.concrete_fields]
    return {n: readable[n] if n in readable else getattr(verification, n) for n in names}


def _claims(verification: PhoneVerification) -> Any:
    """Return the claims or the error's text: a lost key must not stop the export."""
    try:
        return verification.claims
    except ClaimsUnreadable as error:
        return str(error)


def _delete_log_entries(pks: list[Any]) -> None:
    if not apps.is_installed("django.contrib.admin"):
        return
    # Imported here, because these apps are optional.
    from django.contrib.admin.models import LogEntry
    from django.contrib.contenttypes.models import ContentType

    ours = ContentType.objects.get_for_model(PhoneVerification)
    LogEntry.objects.filter(content_type=ours, object_id__in=map(str, pks)).delete()
