"""Store a number that the site has confirmed by its own means, such as a code by SMS."""

import re
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.db import router, transaction
from django.http import HttpRequest
from django.utils import timezone

from django_plasgate_ip import phones
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.phones import Number
from django_plasgate_ip.querysets import NETWORK
from django_plasgate_ip.reasons import Status
from django_plasgate_ip.verification import changes, transitions


def store(
    user: Any, phone_number: Number, method: str, request: HttpRequest | None
) -> PhoneVerification:
    """Store a verified row, which starts and ends now, and send its signal after the commit.

    It belongs to the account and to no session, and it has no scopes, ids and claims. A number that
    differs from the account's last one is a change, as if the network had confirmed it. Raises
    ValueError for a user who is not stored, and for an invalid method.
    """
    # SECURITY: the key of another model, such as a profile's, is another account's.
    if not isinstance(user, get_user_model()) or user.pk is None or user._state.adding:
        raise ValueError("The user must be a stored account. Anonymous visitors log in first.")
    if not isinstance(method, str) or not re.fullmatch(r"[a-z0-9_-]{1,32}", method):
        raise ValueError(
            'The method must be a short name such as "sms": at most 32 lower-case letters, digits, '
            "hyphens and underscores."
        )
    # SECURITY: such a row would count as the operator's proof.
    if method == NETWORK:
        raise ValueError(f'The method "{NETWORK}" is PlasGate\'s own. Choose another name.')
    now = timezone.now()
    verification = PhoneVerification(
        user_id=user.pk,
        phone_number=phone_number,
        operator=phones.operator(phone_number),
        method=method,
        status=Status.VERIFIED.value,
        created_at=now,
        completed_at=now,
    )
    found = changes.find(verification, phone_number, mobile_id="")
    for name, value in found.columns.items():
        setattr(verification, name, value)
    verification.save(force_insert=True)
    transaction.on_commit(
        partial(transitions.send_signals, verification, request, found),
        using=router.db_for_write(PhoneVerification),
        robust=True,
    )
    return verification
