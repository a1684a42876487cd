"""The search of the admin's list. An index serves each kind of term."""

import re
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connections
from django.db.models import Q, QuerySet

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.personal_data import login_number

# The maximum number of users whose login name starts with the term. Further users are ignored.
MAX_USERS = 50
# The length of the longest column that is searched. SQLite refuses patterns of more than 50 kB.
MAX_TERM_LENGTH = 255
# A letter that no phone number has. `phones.parse` reads the two Japanese long vowels as dashes.
_LETTER = re.compile(r"[^\W\d_\u30fc\uff70]")
# The digits of `PhoneVerification.reference`.
REFERENCE_LENGTH = 8
# A reference, or the whole id. Most databases show it without its dashes.
_ID = re.compile("[0-9a-f]{8}((-?[0-9a-f]{4}){3}-?[0-9a-f]{12})?", re.IGNORECASE)
# The beginning of a link to a phone number.
_LINK = "tel:"


def search(
    queryset: QuerySet[PhoneVerification], text: str, with_claims: bool
) -> QuerySet[PhoneVerification]:
    """Return the verifications that match the search text; all of them if it is empty.

    The text is a phone number, the start of a login name, an id or its reference; `with_claims`,
    also a sub or a mobile ID. Without it, a text that could begin a number finds only the login
    name that is equal to it.
    """
    term = text.strip()
    if not term:
        return queryset
    if len(term) > MAX_TERM_LENGTH or "\0" in term:
        return queryset.none()
    found = Q(user_id__in=_users(term, with_claims))
    if number := login_number(term):
        found |= Q(phone_number=number)
    if _ID.fullmatch(term):
        found |= _has_id(term, queryset.db)
    if with_claims:
        found |= Q(sub=term) | Q(mobile_id=term)
    return queryset.filter(found)


def _has_id(term: str, using: str) -> Q:
    """Return the condition that the id is `term`, or begins with these eight digits."""
    if len(term) > REFERENCE_LENGTH:
        return Q(pk=UUID(term))
    if _is_in_order_of_first_digits(using):
        return Q(pk__range=(UUID(term.ljust(32, "0")), UUID(term.ljust(32, "f"))))
    # Found by a query of its own, which reads the index of ids from end to end, and no row.
    found = PhoneVerification.objects.using(using).filter(pk__startswith=term.lower())
    return Q(pk__in=list(found.values_list("pk", flat=True)[:MAX_USERS]))


def _is_in_order_of_first_digits(using: str) -> bool:
    """Whether a range of ids is those with the same first digits. MariaDB's type UUID differs."""
    connection = connections[using]
    return connection.vendor != "mysql" or not connection.features.has_native_uuid_field


def _users(term: str, with_claims: bool) -> list[Any]:
    """Return the primary keys of the users whose login name starts with the term."""
    user_model: Any = get_user_model()
    name = user_model.USERNAME_FIELD
    # Users are found by a query of their own, because the database uses no index for an OR across
    # a join. They are ordered, so the user with exactly this name comes first.
    users = user_model._default_manager.filter(**{f"{name}__startswith": term}).order_by(name)
    if not with_claims:
        # SECURITY: the start of a number must not match a number, or it would reveal the masked
        # rest digit by digit. The query decides: a number that is removed after the limit has
        # taken a place, which an attacker's own login names can detect.
        if _LETTER.search(term) and _LINK not in term.lower():
            users = users.exclude(**{f"{name}__icontains": _LINK})
        else:
            users = users.filter(**{f"{name}__iexact": term})
    return list(users.values_list("pk", flat=True)[:MAX_USERS])
