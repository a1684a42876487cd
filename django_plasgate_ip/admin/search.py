"""The search box of the admin's list: each kind of term is looked up by an index."""

from contextlib import suppress
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from django_plasgate_ip import phones
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.models import PhoneVerification

# Users whose login name begins with the term. Further ones are ignored.
MAX_USERS = 50
# The longest column that is searched. SQLite raises an error for a pattern of 50 kB.
MAX_TERM_LENGTH = 255


def search(queryset: QuerySet[PhoneVerification], text: str) -> QuerySet[PhoneVerification]:
    """Return the verifications of this number, login name, sub or mobile ID.

    An empty text returns all of them.
    """
    term = text.strip()
    if not term:
        return queryset
    if len(term) > MAX_TERM_LENGTH or "\0" in term:
        return queryset.none()
    user_model: Any = get_user_model()
    name = user_model.USERNAME_FIELD
    # Users are looked up first: a join in the condition would rule out the indexes. They are in
    # order, so that the user with exactly this name comes first.
    users = user_model._default_manager.filter(**{f"{name}__startswith": term}).order_by(name)
    ids = list(users.values_list("pk", flat=True)[:MAX_USERS])
    found = Q(sub=term) | Q(mobile_id=term) | Q(user_id__in=ids)
    with suppress(InvalidPhoneNumber):
        found |= Q(phone_number=phones.parse(term))
    return queryset.filter(found)
