"""The export of the admin's list as a CSV file, which is streamed.

Rows are read in batches, so memory does not grow with the number of rows.

The names of columns and the codes are not translated, because programs read them. The file begins
with a byte order mark. Without it, Excel reads Khmer as Latin.
"""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, tzinfo
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header

from django_plasgate_ip import personal_data, phones
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.querysets import in_batches

BATCH_SIZE = 1_000
BYTE_ORDER_MARK = "\ufeff"
# Spreadsheets run a cell that starts with one of these signs as a formula. Japanese versions accept
# the full-width signs, too. A spreadsheet that is set to another separator divides our cells there.
_FORMULA = re.compile('(^|[;,|\t\r\n]"*)(?=[=+@\t\r\n\uff1d\uff0b\uff0d\uff20-])')
COLUMNS = (
    "id",
    "phone_number",
    "operator",
    "user",
    "status",
    "reason",
    "error_description",
    "method",
    "scopes",
    "mobile_id_changed",
    "number_changed",
    "claimed_at_login",
    "acknowledged_at",
    "created_at",
    "completed_at",
    "seconds",
)
# These need the permission view_claims.
CLAIMS_COLUMNS = ("sub", "mobile_id", "claims")


def response(
    request: HttpRequest, queryset: QuerySet[PhoneVerification], with_claims: bool
) -> StreamingHttpResponse:
    """Return a download of the verifications in `queryset`, newest first.

    With `with_claims`, the file has the columns of the claims and full numbers. Otherwise the
    numbers are masked, also those that are login names.
    """
    # Read now, because the request's time zone is no longer active when the parts are written.
    parts = _parts(queryset, with_claims, timezone.get_current_timezone())
    name = f"phone-verifications-{timezone.now():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        # Django collects the whole file in memory if a synchronous iterator reaches ASGI.
        _asynchronous(parts) if isinstance(request, ASGIRequest) else parts,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": content_disposition_header(True, name) or ""},
    )


async def _asynchronous(parts: Iterator[str]) -> AsyncIterator[str]:
    # An empty text marks the end, because StopIteration can't be raised out of a thread.
    following = sync_to_async(lambda: next(parts, ""))
    while part := await following():
        yield part


def _parts(queryset: QuerySet[PhoneVerification], with_claims: bool, zone: tzinfo) -> Iterator[str]:
    yield BYTE_ORDER_MARK + _lines([_columns(with_claims)])
    for batch in in_batches(queryset, BATCH_SIZE):
        yield _lines([_cells(verification, with_claims, zone) for verification in batch])


def _columns(with_claims: bool) -> tuple[str, ...]:
    return (*COLUMNS, *CLAIMS_COLUMNS) if with_claims else COLUMNS


def _lines(rows: list[Any]) -> str:
    text = io.StringIO(newline="")
    # Every cell is quoted, so that a separator in a cell does not start a new cell.
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([map(_harmless, row) for row in rows])
    return text.getvalue()


def _harmless(cell: str) -> str:
    # SECURITY: formula injection. A login name such as =HYPERLINK(…) would run when staff open the
    # file. The apostrophe makes it text, and preserves the plus sign of phone numbers.
    return _FORMULA.sub(r"\1'", cell)


def _cells(verification: PhoneVerification, with_claims: bool, zone: tzinfo) -> Iterator[str]:
    user, number, duration = verification.user, verification.phone_number, verification.duration
    name_of = personal_data.login_name if with_claims else personal_data.masked_login_name
    shown = {
        "phone_number": phones.e164(number) if number and with_claims else phones.mask(number),
        "user": name_of(user) if user else "",
        "seconds": f"{duration.total_seconds():.3f}" if duration else "",
    }
    if with_claims:
        shown["claims"] = claims_as_json(verification)
    for name in _columns(with_claims):
        yield shown[name] if name in shown else _text(getattr(verification, name), zone)


def _text(value: Any, zone: tzinfo) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        local = value.astimezone(zone) if settings.USE_TZ else value
        return local.isoformat(" ", "seconds")
    return "" if value is None else str(value)


def claims_as_json(verification: PhoneVerification, indent: int | None = None) -> str:
    """Return the claims as JSON, an empty text for no claims, or the error if no key works."""
    try:
        claims = verification.claims
    except ImproperlyConfigured as error:
        # ClaimsUnreadable is one. An invalid PLASGATE_IP_ENCRYPTION_KEYS raises it, too.
        return str(error)
    return json.dumps(claims, ensure_ascii=False, indent=indent, sort_keys=True) if claims else ""
