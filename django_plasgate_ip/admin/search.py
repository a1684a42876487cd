"""The search of the admin's list. An index serves each kind of term."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.personal_data import login_number

# The maximum number of users whose login name starts with the term. Further users are ignored.
MAX_USERS = 50
# The length of the longest column that is searched. SQLite refuses patterns of more than 50 kB.
MAX_TERM_LENGTH = 255


def search(
    queryset: QuerySet[PhoneVerification], text: str, with_claims: bool
) -> QuerySet[PhoneVerification]:
    """Return the verifications that match the search text; all of them if it is empty.

    The text is a phone number or the start of a login name; `with_claims`, also a sub or a mobile
    ID. Without it, only the whole number finds a login name that is a phone number.
    """
    term = text.strip()
    if not term:
        return queryset
    if len(term) > MAX_TERM_LENGTH or "\0" in term:
        return queryset.none()
    found = Q(user_id__in=_users(term, with_claims))
    if number := login_number(term):
        found |= Q(phone_number=number)
    if with_claims:
        found |= Q(sub=term) | Q(mobile_id=term)
    return queryset.filter(found)


def _users(term: str, with_claims: bool) -> list[Any]:
    """Return the primary keys of the users whose login name starts with the term."""
    user_model: Any = get_user_model()
    name = user_model.USERNAME_FIELD
    # Users are found by a query of their own, because the database uses no index for an OR across
    # a join. They are ordered, so the user with exactly this name comes first.
    users = user_model._default_manager.filter(**{f"{name}__startswith": term}).order_by(name)
    found = users.values_list("pk", name)[:MAX_USERS]
    # SECURITY: the start of a number finds no login name, or it would reveal the masked rest of it
    # digit by digit.
    allowed = (None, login_number(term))
    return [pk for pk, login in found if with_claims or login_number(login) in allowed]
