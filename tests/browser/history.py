"""A month of verifications for the admin's pages."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason, Status

STAFF = {"username": "staff", "password": "a password"}
NAMES = ("sokha", "bopha", "dara", "chanthy", "rithy", "srey", "vanna", "kosal")
DAYS = 30
A_DAY = 6
REASONS = [
    *[None] * 14,
    *[Reason.NOT_ON_MOBILE_DATA] * 4,
    *[Reason.NOT_VERIFIED, Reason.EXPIRED],
    *[Reason.PROVIDER_TIMEOUT, Reason.SUPERSEDED],
]


def write_history() -> None:
    """Store the superuser `STAFF`, and users with a month of verifications, always the same."""
    User.objects.create_superuser(**STAFF)
    users = [User.objects.create_user(name) for name in NAMES]
    PhoneVerification.objects.bulk_create(_verifications(users, random.Random(855)))  # noqa: S311


def _verifications(users: list[User], chance: random.Random) -> Iterator[PhoneVerification]:
    now = timezone.now()
    for number in range(DAYS * A_DAY):
        at = now - timedelta(days=number / A_DAY, minutes=chance.randrange(5, 90))
        yield _verification(chance.choice(users), at, chance)


def _verification(user: User, at: datetime, chance: random.Random) -> PhoneVerification:
    reason = chance.choice(REASONS)
    verification = PhoneVerification(
        user=user,
        phone_number=f"+855776961{10 + user.pk}",
        scopes="mobile_id phone_verify",
        status=reason.status if reason else Status.VERIFIED,
        reason=reason or "",
        created_at=at,
        completed_at=at + timedelta(seconds=chance.lognormvariate(1.6, 0.5)),
    )
    if not reason:
        verification.sub, verification.mobile_id = f"{user.pk:064x}", f"{user.pk:0128x}"
    return verification
