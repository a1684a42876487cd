"""All that is held about one person, to hand over or to erase."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model

from django_plasgate_ip import phones
from django_plasgate_ip.exceptions import ClaimsUnreadable
from django_plasgate_ip.handoff.models import handoffs
from django_plasgate_ip.models import PhoneVerification, PhoneVerificationQuerySet

BATCH_SIZE = 500


def login_name(user: Any) -> str:
    """Return the login name as text: a site's own may be a number, or missing."""
    name = user.get_username()
    return "" if name is None else str(name)


def attempts_of_user(name: str) -> PhoneVerificationQuerySet:
    """Return the attempts of the user with this login name.

    Raises the user model's DoesNotExist, or MultipleObjectsReturned where names need not be unique.
    """
    manager: Any = get_user_model()._default_manager
    return PhoneVerification.objects.on_primary().for_user(manager.get_by_natural_key(name))


def attempts_of_number(text: str) -> PhoneVerificationQuerySet:
    """Return the attempts with this number, whoever's they were. Raises `InvalidPhoneNumber`."""
    return PhoneVerification.objects.on_primary().filter(phone_number=phones.parse(text))


def export(attempts: PhoneVerificationQuerySet) -> Iterator[dict[str, Any]]:
    """Yield all columns of each attempt, its claims in clear; the oldest first."""
    oldest_first = attempts.select_related("user").order_by("created_at", "pk")
    for verification in oldest_first.iterator(BATCH_SIZE):
        yield _values(verification)


def erase(attempts: PhoneVerificationQuerySet) -> int:
    """Delete the attempts, with what the admin noted about them; return how many they were."""
    erased = 0
    while pks := list(attempts.values_list("pk", flat=True)[:BATCH_SIZE]):
        # Of those that were handed over, with which phone.
        handoffs().filter(pk__in=pks).delete()
        delete(pks)
        erased += len(pks)
    return erased


def delete(pks: list[Any]) -> None:
    """Delete the attempts with these keys, and what the admin's log noted about them."""
    _erase_notes(pks)
    PhoneVerification.objects.on_primary().filter(pk__in=pks).delete()


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
    try:
        return verification.claims
    except ClaimsUnreadable as error:
        # The rest is still theirs to have.
        return str(error)


def _erase_notes(pks: list[Any]) -> None:
    if not apps.is_installed("django.contrib.admin"):
        return
    # Models of apps that a site need not have.
    from django.contrib.admin.models import LogEntry
    from django.contrib.contenttypes.models import ContentType

    kind = ContentType.objects.get_for_model(PhoneVerification)
    notes = LogEntry.objects.filter(content_type=kind)
    # The log has no index for what comes now, and mostly nothing of ours.
    if notes.exists():
        notes.filter(object_id__in=map(str, pks)).delete()
