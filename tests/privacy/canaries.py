"""Canaries, which are values that appear nowhere by chance, and the search for them.

Each secret has one, and so have the number and each leaf of the claims. A place that shows a canary
has leaked it.
"""

import gc
import html
import json
import logging
import re
import sys
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from django.db.models import Manager, QuerySet
from django.forms import BaseForm
from phonenumber_field.phonenumber import PhoneNumber

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
PROFILE = {
    "given_name": "Canarygiven",
    "family_name": "កាណារីខ្មែរ",
    "birthdate": "1907-11-23",
    "gender": "canarygender",
    "personal_identification_number": "CANARY-555-PIN",
    "address": {
        "street_address": "7 Canary <Street> & Co",
        "locality": "Canaryville",
        "postal_code": "CAN-12000",
    },
}
#: The provider's answer about the number.
VERIFIED = {
    "status": "success",
    "error_description": " ",
    "login_hint": DIGITS,
    "phone_number_verified": "true",
    "sid": SID,
    "sub": SUB,
    "mobile_id": MOBILE_ID,
    **PROFILE,
}
FAILED = VERIFIED | {
    "status": "failed",
    "error_description": "Please turn off Wi-Fi or use Mobile data network",
    "phone_number_verified": "false",
    "sub": "anonymous",
}


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)
    else:
        yield value


_CLAIMS = {SUB, MOBILE_ID, SID, *_leaves(PROFILE)}


def _spellings(text: str) -> set[str]:
    """Return the text as it is written in JSON, HTML, URLs and reprs."""
    return {
        text,
        html.escape(text),
        json.dumps(text)[1:-1],
        quote(text),
        quote(text, safe=""),
        quote_plus(text),
        repr(text)[1:-1],
        ascii(text)[1:-1],
    }


def _pattern(*texts: str) -> re.Pattern[str]:
    spellings = {spelling for text in texts for spelling in _spellings(text)}
    return re.compile("|".join(map(re.escape, sorted(spellings))))


CANARIES: dict[str, re.Pattern[str]] = {
    "secret key": _pattern(SECRET_KEY),
    "private key": _pattern(PRIVATE_KEY),
    "encryption key": _pattern(ENCRYPTION_KEY),
    # In every format: only these digits are common to all.
    "number": re.compile(r"96[-+.%20()\s\xa0]{0,4}873[-+.%20()\s\xa0]{0,4}1942"),
    **{f"claim {text}": _pattern(text) for text in sorted(_CLAIMS)},
}
NUMBERS = frozenset({"number"})
#: The provider puts it into the visitor's address bar, so every report of a request's URL has it.
IN_THE_ADDRESS = frozenset({"private key"})
_KHMER = str.maketrans("០១២៣៤៥៦៧៨៩", "0123456789")


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

    def end(self) -> None:
        """Fail if anything was found."""
        assert not self.found, "\n".join(self.found)

    def look_at_objects_of_ours(self) -> None:
        """Look at the repr and str of each object of the package that exists now."""
        for value in _objects_of_ours():
            self.look(f"repr and str: {type(value).__name__}", _shown(value))

    def look_at_error(self, place: str, error: BaseException) -> None:
        """Look at what an error tracker stores of an error and of its causes."""
        for each in _chain(error):
            self.look(f"{place}: text", f"{each!r} {each!s}")
            for frame in _frames(each):
                code = frame.f_code
                where = f"{place}: {code.co_name} ({code.co_filename.rpartition('/')[2]})"
                # A request's repr is its URL. Django's database layer has the parameters of
                # its queries, the number among them.
                allowed = IN_THE_ADDRESS | (NUMBERS if _is_sql(code.co_filename) else set())
                for name, value in list(frame.f_locals.items()):
                    self.look(f"{where}: {name}", "\n".join(_collected(value)), allowed)

    def look_at_log(
        self, records: Iterable[logging.LogRecord], without: Iterable[str] = ()
    ) -> None:
        """Look at the log records, except for those of the loggers `without`."""
        for record in records:
            # At DEBUG, Django logs each query with its parameters.
            if record.name in ("django.db.backends", *without):
                continue
            self.look(f"log: {record.name}", logging.Formatter().format(record))
            for name, value in vars(record).items():
                # Django's records have the request, whose repr is its URL.
                allowed = IN_THE_ADDRESS if name == "request" else ()
                self.look(f"log: {record.name}: {name}", repr(value), allowed)
            # The text of a missing variable has the whole context already.
            if record.exc_info and record.exc_info[1] and record.name != "django.template":
                self.look_at_error(f"log: {record.name}", record.exc_info[1])


def _objects_of_ours() -> list[object]:
    kinds = _kinds_of_ours()
    return [value for value in gc.get_objects() if type(value) in kinds]


def _kinds_of_ours() -> set[type]:
    modules = [each for name, each in sys.modules.items() if name.startswith(OURS)]
    found = [value for module in modules for value in vars(module).values()]
    # Their reprs would query the database.
    querying = (QuerySet, Manager)
    return {
        kind
        for kind in found
        if isinstance(kind, type) and kind.__module__.startswith(OURS)
        if not issubclass(kind, querying)
    }


def _shown(value: object) -> str:
    # The str of a hidden text or number is its value, and the str of a form is its HTML.
    if isinstance(value, (str, PhoneNumber, BaseForm)):
        return repr(value)
    return f"{value!r} {value!s}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__]


def _frames(error: BaseException) -> Iterator[types.FrameType]:
    """Yield the frames of an error, except for those of tests."""
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if not frame.f_code.co_filename.startswith(TESTS) or frame.f_code is BREAK_DOWN:
            yield frame
        traceback = traceback.tb_next


def _is_sql(filename: str) -> bool:
    return bool(re.search(r"/(django/db/(backends|models/sql)|psycopg|MySQLdb)/", filename))


def _collected(value: Any, depth: int = 6) -> Iterator[str]:
    """Yield what an error tracker stores of a variable: reprs, also of what containers hold."""
    if isinstance(value, Mapping) and depth:
        for key, each in list(value.items()):
            yield from _collected(key, depth - 1)
            yield from _collected(each, depth - 1)
    elif isinstance(value, (Sequence, Set)) and not isinstance(value, (str, bytes)) and depth:
        for each in list(value):
            yield from _collected(each, depth - 1)
    if not isinstance(value, (QuerySet, Manager)):
        yield repr(value)


class Broken(Exception):
    """An error that no code expects."""


def break_down(*args: Any, **kwargs: Any) -> Any:
    """Raise `Broken` in place of any function. The frame has its arguments."""
    raise Broken("broken")


BREAK_DOWN = break_down.__code__
