"""The two databases of a run: created, filled and dropped."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections, models

from benchmarks.options import Options
from benchmarks.sizes import use
from django_plasgate_ip.client.credentials import fingerprint
from django_plasgate_ip.encryption import Sealed
from django_plasgate_ip.models import PhoneVerification
from tests.visitor import VERIFIED

SIZES = {"large": "default", "small": "small"}
# The average number of verifications of a user.
PER_USER = 3
BATCH = 100_000
# Above the keys of the users that make requests.
FIRST_USER = 100_000_000

# The SQL of row n of {rows}. The rows span a year, the oldest first. Seven of ten are verified, and
# each reason is as frequent as on a real site. The rarest one has equally many rows in both tables.
_EXPRESSIONS = {
    "id": "md5('id' || n)::uuid",
    "user_id": f"{FIRST_USER} + (n::bigint * 7919) % {{users}}",
    "phone_number": "{number}",
    "operator": "CASE WHEN n % 10 < 5 THEN 'Smart' ELSE 'Metfone' END",
    "method": "'network'",
    "status": "CASE WHEN n % 100 < 70 THEN 'verified' WHEN n % 100 < 88 THEN 'failed'"
    " ELSE 'error' END",
    "reason": "CASE WHEN n % 100 BETWEEN 88 AND 99 AND n / 100 % ({rows} / 4000 + 1) = 0"
    " THEN 'user_changed' WHEN n % 100 < 70 THEN '' WHEN n % 100 < 82 THEN 'not_on_mobile_data'"
    " WHEN n % 100 < 87 THEN 'not_verified' WHEN n % 100 < 88 THEN 'number_mismatch'"
    " WHEN n % 100 < 95 THEN 'expired' WHEN n % 100 < 99 THEN 'superseded'"
    " ELSE 'provider_timeout' END",
    "sub": "CASE WHEN n % 100 < 70 THEN md5('s' || {number}) || md5('t' || {number}) ELSE '' END",
    "mobile_id": "CASE WHEN n % 100 < 70 THEN repeat(md5('m' || {number}), 4) ELSE '' END",
    "claims": "CASE WHEN n % 100 < 88 THEN %s ELSE '' END",
    "mobile_id_changed": "n % 200 = 0",
    "number_changed": "false",
    "claimed_at_login": "false",
    "acknowledged_at": "CASE WHEN n % 400 = 0 THEN now() END",
    "created_at": "now() - ({rows} - n) * (interval '365 days' / {rows})",
    "completed_at": "now() - ({rows} - n) * (interval '365 days' / {rows})"
    " + (3 + n % 17 + n::bigint * 7919 % 1000000 / 1e6) * interval '1 second'",
    "session_id": "md5('b' || n)",
    # Only in a hand-off it differs from session_id.
    "callback_session_id": "md5('b' || n)",
    "key_fingerprint": "md5('k')",
    "exchanging_at": "now() - ({rows} - n) * (interval '365 days' / {rows})",
}
_NUMBER = "'+85577' || lpad(((n::bigint * 7919) % {users} % 1000000)::text, 6, '0')"


@contextmanager
def databases() -> Iterator[None]:
    """Create both databases with all tables, and drop them at the end of the block."""
    with ExitStack() as stack:
        for alias in SIZES.values():
            creation = connections[alias].creation
            name = str(connections[alias].settings_dict["NAME"])
            with use(alias):
                creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
            stack.callback(creation.destroy_test_db, name, verbosity=0)
        yield


def environment() -> dict[str, str]:
    """Return the environment of a process of the site that uses these databases."""
    return {**os.environ, "BENCH_IS_SITE": "1"}


def fill_once(options: Options) -> None:
    """Fill both databases, unless they are filled already."""
    for alias, rows in (("default", options.rows), ("small", options.few)):
        with use(alias):
            if not User.objects.filter(pk=FIRST_USER).exists():
                fill(alias, rows)


def fill(alias: str, rows: int) -> None:
    """Insert `rows` verifications of a third as many users. PostgreSQL only."""
    with use(alias), connections[alias].cursor() as cursor:
        insert(cursor, rows)
        cursor.execute("VACUUM ANALYZE")


def insert(cursor: Any, rows: int) -> None:
    """Insert the rows of `fill` in the current transaction."""
    users = max(rows // PER_USER, 1)
    name = {
        "id": f"{FIRST_USER - 1} + n",
        "username": "'user' || lpad(n::text, 7, '0')",
        "email": "''",
    }
    _insert(cursor, User(password="!"), name, [], users)
    _insert(cursor, _template(), expressions(rows), [_token()], rows)


def expressions(rows: int) -> dict[str, str]:
    """Return the SQL of each column for the row `n` of `rows`."""
    users = max(rows // PER_USER, 1)
    number = _NUMBER.format(users=users)
    return {
        name: sql.format(rows=rows, users=users, number=number)
        for name, sql in _EXPRESSIONS.items()
    }


def _insert(
    cursor: Any, template: models.Model, varying: dict[str, str], params: list[Any], rows: int
) -> None:
    """Insert `rows` copies of the template; the columns in `varying` are SQL of ``n``."""
    values, constants = [], []
    fields = template._meta.concrete_fields
    for field in fields:
        if field.column in varying:
            values.append(varying[field.column])
            constants += params if "%s" in varying[field.column] else []
        else:
            values.append("%s")
            constants.append(field.get_db_prep_save(field.pre_save(template, True), cursor.db))
    columns = ", ".join(f'"{field.column}"' for field in fields)
    for first in range(1, rows + 1, BATCH):
        last = min(first + BATCH - 1, rows)
        cursor.execute(
            f'INSERT INTO "{template._meta.db_table}" ({columns}) SELECT {", ".join(values)}'  # noqa: S608
            f" FROM generate_series({first}, {last}) AS n".replace(" % ", " %% "),
            constants,
        )


def _template() -> PhoneVerification:
    return PhoneVerification(
        scopes="mobile_id phone_verify",
        redirect_uri="https://bench.example/phone/callback/",
        key_fingerprint=fingerprint(settings.PLASGATE_IP_PRIVATE_KEY),
        next_url="/members/",
        language="km",
    )


def _token() -> str:
    return Sealed.seal(VERIFIED).token
