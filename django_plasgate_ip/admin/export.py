"""The admin's list as a CSV file, which is written while it is sent.

Rows are read in batches, each after the last row of the one before, so memory does not grow with
the rows. Server-side cursors need PostgreSQL without a pooler; MariaDB's driver fetches all rows.

Columns and codes are the API's in every language, because programs read them. Without the byte
order mark at the start, Excel reads Khmer as Latin.
"""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, tzinfo
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIRequest
from django.db.models import Q, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header

from django_plasgate_ip import personal_data, phones
from django_plasgate_ip.models import PhoneVerification

BATCH_SIZE = 1_000
BYTE_ORDER_MARK = "\ufeff"
# Spreadsheets read a cell that begins so as a formula; Japanese ones read the wide signs, too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
COLUMNS = (
    "id",
    "phone_number",
    "user",
    "status",
    "reason",
    "error_description",
    "scopes",
    "mobile_id_changed",
    "mobile_id_acknowledged_at",
    "created_at",
    "completed_at",
    "seconds",
)
# Only with the permission view_claims.
CLAIMS_COLUMNS = ("sub", "mobile_id", "claims")


def response(
    request: HttpRequest, queryset: QuerySet[PhoneVerification], with_claims: bool
) -> StreamingHttpResponse:
    """Return the verifications in `queryset` as a file to download, newest first.

    `with_claims` adds the claims' columns and shows numbers in full. Otherwise they are masked.
    """
    # The parts are written after the request, whose time zone is then no longer active.
    parts = _parts(queryset, with_claims, timezone.get_current_timezone())
    name = f"phone-verifications-{timezone.now():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        # Django collects an iterator of the wrong kind in memory before it sends it.
        _asynchronous(parts) if isinstance(request, ASGIRequest) else parts,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": content_disposition_header(True, name) or ""},
    )


async def _asynchronous(parts: Iterator[str]) -> AsyncIterator[str]:
    # "" at the end, because StopIteration can't leave a thread.
    following = sync_to_async(lambda: next(parts, ""))
    while part := await following():
        yield part


def _parts(queryset: QuerySet[PhoneVerification], with_claims: bool, zone: tzinfo) -> Iterator[str]:
    columns = (*COLUMNS, *CLAIMS_COLUMNS) if with_claims else COLUMNS
    yield BYTE_ORDER_MARK + _lines([columns])
    for batch in _batches(queryset):
        yield _lines([_cells(verification, with_claims, zone) for verification in batch])


def _batches(queryset: QuerySet[PhoneVerification]) -> Iterator[list[PhoneVerification]]:
    newest_first = queryset.order_by("-created_at", "-pk")
    batch = list(newest_first[:BATCH_SIZE])
    while batch:
        yield batch
        last = batch[-1]
        # The condition on created_at alone is apart, so that an index can find it.
        is_later = Q(created_at__lt=last.created_at) | Q(pk__lt=last.pk)
        following = newest_first.filter(is_later, created_at__lte=last.created_at)
        batch = list(following[:BATCH_SIZE])


def _lines(rows: list[Any]) -> str:
    text = io.StringIO(newline="")
    # Every cell is quoted, so a separator in a cell does not start a new one.
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([map(_harmless, row) for row in rows])
    return text.getvalue()


def _harmless(cell: str) -> str:
    # SECURITY: a login name such as =HYPERLINK(…) would run when staff open the file. The
    # apostrophe makes it text. It also keeps the plus sign of phone numbers.
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _cells(verification: PhoneVerification, with_claims: bool, zone: tzinfo) -> list[str]:
    user, number, duration = verification.user, verification.phone_number, verification.duration
    shown = phones.e164(number) if number and with_claims else verification.masked_number
    cells = [
        str(verification.pk),
        shown,
        personal_data.login_name(user) if user else "",
        verification.status,
        verification.reason,
        verification.error_description,
        verification.scopes,
        "true" if verification.mobile_id_changed else "false",
        _moment(verification.mobile_id_acknowledged_at, zone),
        _moment(verification.created_at, zone),
        _moment(verification.completed_at, zone),
        f"{duration.total_seconds():.3f}" if duration else "",
    ]
    if with_claims:
        cells += [verification.sub, verification.mobile_id, claims_as_json(verification)]
    return cells


def _moment(moment: datetime | None, zone: tzinfo) -> str:
    if moment is None:
        return ""
    local = moment.astimezone(zone) if settings.USE_TZ else moment
    return local.isoformat(" ", "seconds")


def claims_as_json(verification: PhoneVerification, indent: int | None = None) -> str:
    """Return the claims, an empty text if there are none, or why they can't be read."""
    try:
        claims = verification.claims
    except ImproperlyConfigured as error:
        # ClaimsUnreadable, or PLASGATE_IP_ENCRYPTION_KEYS has no usable key.
        return str(error)
    return json.dumps(claims, ensure_ascii=False, indent=indent, sort_keys=True) if claims else ""
