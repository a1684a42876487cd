"""What the admin's search box finds: each kind of term by its index, and nothing by its parts."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from django_plasgate_ip import phones
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.models import PhoneVerification

# Users whose login name begins with what was searched; more than these is no search.
MAX_USERS = 50
# Longer than any column that is searched; SQLite fails on a pattern of 50 kB.
MAX_TERM_LENGTH = 255


def search(queryset: QuerySet[PhoneVerification], text: str) -> QuerySet[PhoneVerification]:
    """Return the attempts of this number, login name, sub or mobile ID; all for an empty text."""
    term = text.strip()
    if len(term) > MAX_TERM_LENGTH or "\0" in term:
        return queryset.none()
    return queryset.filter(_matches(term)) if term else queryset


def _matches(term: str) -> Q:
    """Return the condition for one search; the user's part is asked first, to stay indexed."""
    user_model: Any = get_user_model()
    name = user_model.USERNAME_FIELD
    users = user_model._default_manager.filter(**{f"{name}__startswith": term})
    # In order, so that the one whose whole name it is comes first.
    ids = list(users.order_by(name).values_list("pk", flat=True)[:MAX_USERS])
    found = Q(sub=term) | Q(mobile_id=term) | Q(user_id__in=ids)
    try:
        return found | Q(phone_number=phones.parse(term))
    except InvalidPhoneNumber:
        return found
