"""Canaries, which are values that appear nowhere by chance, and the search for them."""

import gc
import html
import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import quote, quote_plus

from django.db import OperationalError, connections
from django.db.models import Manager, QuerySet
from django.forms import BaseForm
from phonenumber_field.phonenumber import PhoneNumber

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.sandbox import answers

TESTS = str(Path(__file__).parents[1])
OURS = "django_plasgate_ip."

SECRET_KEY = "$5$rounds=535000$canary-salt$canary-SECRET-key-9Qb7"
PRIVATE_KEY = "canary-PRIVATE-key_3Xw5"
ENCRYPTION_KEY = "Y2FuYXJ5LWVuY3J5cHRpb24ta2V5LTMyLWJ5dGVzISE="

NATIONAL = "096 873 1942"
DIGITS = "855968731942"
E164 = f"+{DIGITS}"
MASKED = "+855 96 *** **42"
#: The number as people type it: each is another text in the frames of a request.
TYPED = [NATIONAL, E164, "០៩៦ ៨៧៣ ១៩៤២"]

SUB = "canary-sub-4d1f"
SID = "canary-sid-77aa"
MOBILE_ID = "ca9a" * 30 + "0b1d5e1f"
ADDRESS = {"street_address": "7 Canary <Street> & Co", "locality": "Canaryville"}
PROFILE = {
    "given_name": "Canarygiven",
    "family_name": "កាណារីខ្មែរ",
    "birthdate": "1907-11-23",
    "gender": "canarygender",
    "personal_identification_number": "CANARY-555-PIN",
}
#: The provider's answer about the number.
VERIFIED = answers.success(DIGITS, ["phone_verify", "mobile_id"]) | PROFILE
VERIFIED |= {"sid": SID, "sub": SUB, "mobile_id": MOBILE_ID, "address": ADDRESS}


def _pattern(text: str) -> re.Pattern[str]:
    """Match the text as it is written in JSON, HTML, URLs and reprs."""
    in_urls = {quote(text), quote(text, safe=""), quote_plus(text)}
    quoted = {json.dumps(text), repr(text), ascii(text)}
    spellings = {text, html.escape(text), *in_urls, *(each[1:-1] for each in quoted)}
    return re.compile("|".join(map(re.escape, spellings)))


CANARIES = {
    "secret key": _pattern(SECRET_KEY),
    "private key": _pattern(PRIVATE_KEY),
    "encryption key": _pattern(ENCRYPTION_KEY),
    # In every format: only these digits are common to all.
    "number": re.compile(r"96[-+.%20()\s\xa0]{0,4}873[-+.%20()\s\xa0]{0,4}1942"),
}
for claim in (SUB, MOBILE_ID, SID, *PROFILE.values(), *ADDRESS.values()):
    CANARIES[f"claim {claim}"] = _pattern(claim)
NUMBERS = frozenset({"number"})
#: The provider puts it into the visitor's address bar, so every report of a request's URL has it.
IN_THE_ADDRESS = frozenset({"private key"})
_KHMER = str.maketrans("០១២៣៤៥៦៧៨៩", "0123456789")
# Django's database layer has the parameters of its queries, the number among them.
_SQL = re.compile(r"/(django/db/(backends|models/sql)|psycopg|MySQLdb)/")


class Broken(Exception):
    """An error that no code expects."""


def break_down(*args: Any, **kwargs: Any) -> Any:
    """Raise `Broken` in place of any function. The frame has its arguments."""
    raise Broken


def broken(path: str) -> Any:
    """Return a context in which this function of the package raises `Broken`."""
    return mock.patch(f"{OURS}{path}", break_down)


def broken_database(statement: str, column: str = "") -> Any:
    """Return a context in which the database fails at such a statement on our table."""

    def fail(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith(statement) and PhoneVerification._meta.db_table in sql and column in sql:
            raise OperationalError("the disk is full")
        return execute(sql, *rest)

    return mock.patch.object(connections["default"], "execute_wrappers", [fail])


class Search:
    """Looks for canaries, and collects what it finds."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def look(self, place: str, text: str, allowed: Iterable[str] = ()) -> None:
        """Look through `text`, in which the canaries `allowed` may appear."""
        text = text.translate(_KHMER)
        for name, pattern in CANARIES.items():
            if name not in allowed and (match := pattern.search(text)):
                around = text[max(0, match.start() - 60) : match.end() + 20]
                self.found.append(f"{name} in {place}: …{around}…")

    def look_at_objects_of_ours(self) -> None:
        """Look at the repr and str of each object of the package that exists now."""
        for value in gc.get_objects():
            kind = type(value)
            # The reprs of querysets and managers would query the database.
            if str(kind.__module__).startswith(OURS) and not issubclass(kind, (QuerySet, Manager)):
                # The str of a hidden text or number is its value; that of a form is its HTML.
                has_value = isinstance(value, (str, PhoneNumber, BaseForm))
                shown = repr(value) if has_value else f"{value!r} {value!s}"
                self.look(f"repr and str: {kind.__name__}", shown)

    def look_at_error(self, place: str, error: BaseException | None) -> None:
        """Look at what an error tracker stores of an error and of its causes."""
        if error is None:
            return
        self.look(f"{place}: text", f"{error!r} {error!s}")
        traceback = error.__traceback__
        while traceback is not None:
            frame, traceback = traceback.tb_frame, traceback.tb_next
            code = frame.f_code
            if code.co_filename.startswith(TESTS) and code is not break_down.__code__:
                continue
            where = f"{place}: {code.co_name} ({code.co_filename.rpartition('/')[2]})"
            # A request's repr is its URL.
            allowed = IN_THE_ADDRESS | (NUMBERS if _SQL.search(code.co_filename) else set())
            for name, value in list(frame.f_locals.items()):
                self.look(f"{where}: {name}", "\n".join(_collected(value)), allowed)
        self.look_at_error(place, error.__cause__)
        if error.__context__ is not error.__cause__:
            self.look_at_error(place, error.__context__)

    def look_at_log(self, records: list[logging.LogRecord]) -> None:
        for record in records:
            # At DEBUG, Django logs each query with its parameters.
            if record.name == "django.db.backends":
                continue
            self.look(f"log: {record.name}", logging.Formatter().format(record))
            for name, value in vars(record).items():
                # Django's records have the request, whose repr is its URL.
                allowed = IN_THE_ADDRESS if name == "request" else ()
                self.look(f"log: {record.name}: {name}", repr(value), allowed)
            # The text of a missing variable has the whole context already.
            if record.exc_info and record.name != "django.template":
                self.look_at_error(f"log: {record.name}", record.exc_info[1])


def _collected(value: Any, depth: int = 6) -> Iterator[str]:
    """Yield what an error tracker stores of a variable: reprs, also of what containers hold."""
    if isinstance(value, Mapping):
        yield from _collected([*value.keys(), *value.values()], depth)
    elif isinstance(value, (Sequence, Set)) and not isinstance(value, (str, bytes)) and depth:
        for each in list(value):
            yield from _collected(each, depth - 1)
    if not isinstance(value, (QuerySet, Manager)):
        yield repr(value)
