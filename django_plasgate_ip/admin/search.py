"""The search of the admin's list. An index serves each kind of term."""

from contextlib import suppress
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from django_plasgate_ip import phones
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.models import PhoneVerification

# The maximum number of users whose login name starts with the term. Further users are ignored.
MAX_USERS = 50
# The length of the longest column that is searched. SQLite refuses patterns of more than 50 kB.
MAX_TERM_LENGTH = 255


def search(queryset: QuerySet[PhoneVerification], text: str) -> QuerySet[PhoneVerification]:
    """Return the verifications that match the search text; all of them if it is empty.

    The text is a phone number, the start of a login name, a sub or a mobile ID.
    """
    term = text.strip()
    if not term:
        return queryset
    if len(term) > MAX_TERM_LENGTH or "\0" in term:
        return queryset.none()
    user_model: Any = get_user_model()
    name = user_model.USERNAME_FIELD
    # Users are found by a query of their own, because the database uses no index for an OR across
    # a join. They are ordered, so the user with exactly this name comes first.
    users = user_model._default_manager.filter(**{f"{name}__startswith": term}).order_by(name)
    ids = list(users.values_list("pk", flat=True)[:MAX_USERS])
    found = Q(sub=term) | Q(mobile_id=term) | Q(user_id__in=ids)
    with suppress(InvalidPhoneNumber):
        found |= Q(phone_number=phones.parse(term))
    return queryset.filter(found)
