"""What the admin log and the log of security events record of staff. Neither has personal data."""

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.utils.translation import gettext as _

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.security_events import SecurityEvent, record


def record_export(request: HttpRequest, changelist: ChangeList, with_claims: bool) -> None:
    """Record an export of this list. The admin log has those with claims only."""
    record(SecurityEvent.EXPORTED, staff=request.user.pk, claims=with_claims)
    if not with_claims:
        return
    # SECURITY: names only. A value may be a person's number or id, which the log must not keep.
    filters = sorted(changelist.get_filters_params())
    if changelist.query:
        filters.append(SEARCH_VAR)
    LogEntry.objects.create(
        user_id=str(request.user.pk),
        content_type_id=ContentType.objects.get_for_model(changelist.model).pk,
        object_repr=_("Claims, exported as CSV"),
        action_flag=CHANGE,
        change_message=_("Exported: %(query)s") % {"query": ", ".join(filters) or "*"},
    )


def without_number(verification: PhoneVerification) -> PhoneVerification:
    """Return an instance whose ``str`` has the primary key in place of the masked number."""
    return PhoneVerification(pk=verification.pk, status=verification.status)
