"""A month of verifications for the admin's pages."""

import random
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.testing import make_verification

STAFF = {"username": "staff", "password": "a password"}
NAMES = ("sokha", "bopha", "dara", "chanthy", "rithy", "srey", "vanna", "kosal")
# Of Cellcard, Smart and Metfone.
PREFIXES = ("77", "10", "97")
DAYS = 30
A_DAY = 6
REASONS = [
    *[None] * 14,
    *[Reason.NOT_ON_MOBILE_DATA] * 4,
    *[Reason.NOT_VERIFIED, Reason.EXPIRED],
    *[Reason.PROVIDER_TIMEOUT, Reason.SUPERSEDED],
]


@transaction.atomic
def write_history() -> None:
    """Store the superuser `STAFF`, and users with a month of verifications, always the same."""
    User.objects.create_superuser(**STAFF)
    users = [User.objects.create_user(name) for name in NAMES]
    now = timezone.now()
    chance = random.Random(855)  # noqa: S311
    for number in range(DAYS * A_DAY):
        at = now - timedelta(days=number / A_DAY, minutes=chance.randrange(5, 90))
        user = chance.choice(users)
        make_verification(
            user,
            reason=chance.choice(REASONS),
            phone_number=f"+855{PREFIXES[user.pk % len(PREFIXES)]}6961{10 + user.pk}",
            created_at=at,
            completed_at=at + timedelta(seconds=chance.lognormvariate(1.6, 0.5)),
        )
