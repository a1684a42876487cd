"""Values that are found nowhere by chance, and the search for them.

Everything that a person or a provider trusts the site with has one: the secrets, the number, and
each leaf of the claims. A place that shows one has leaked it.
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

from tests import figures

TESTS = str(Path(__file__).parents[1])
OURS = "django_plasgate_ip."

SECRET_KEY = "$5$rounds=535000$canary-salt$canary-SECRET-key-9Qb7"
PRIVATE_KEY = "canary-PRIVATE-key_3Xw5"
ENCRYPTION_KEY = "Y2FuYXJ5LWVuY3J5cHRpb24ta2V5LTMyLWJ5dGVzISE="

NATIONAL = "096 873 1942"
DIGITS = "855968731942"
E164 = f"+{DIGITS}"
MASKED = "+855 96 *** **42"
#: The number as people type it.
TYPED = [NATIONAL, "0968731942", E164, "+855 96 873 1942", DIGITS, "០៩៦ ៨៧៣ ១៩៤២"]

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
#: What the provider says about the number.
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
    """Return how the text is written in JSON, HTML and URLs."""
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
    # In all its forms: what stands before these digits, and between them, differs.
    "number": re.compile(r"96[-+.%20()\s\xa0]{0,4}873[-+.%20()\s\xa0]{0,4}1942"),
    **{f"claim {text}": _pattern(text) for text in sorted(_CLAIMS)},
}
NUMBERS = frozenset({"number"})
#: In the visitor's address bar by the provider's design, and so in what tells of a request's URL.
IN_THE_ADDRESS = frozenset({"private key"})
_KHMER = str.maketrans("០១២៣៤៥៦៧៨៩", "0123456789")


class Search:
    """Looks for canaries; keeps what it found, and where it has looked."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.places: dict[str, int] = {}

    def look(self, place: str, text: str, allowed: Iterable[str] = ()) -> None:
        """Look through `text`, where the canaries `allowed` may be."""
        self.places[place] = self.places.get(place, 0) + len(text)
        text = text.translate(_KHMER)
        for name, pattern in CANARIES.items():
            if name not in allowed and (match := pattern.search(text)):
                around = text[max(0, match.start() - 60) : match.end() + 20]
                self.found.append(f"{name} in {place}: …{around}…")

    def end(self) -> None:
        """Fail for what was found."""
        for place, characters in self.places.items():
            kind = place.partition(":")[0]
            figures.record_more(f"privacy: characters searched, {kind}", characters)
        figures.record("privacy: canaries", len(CANARIES))
        assert not self.found, "\n".join(self.found)

    # What is looked through more than once

    def look_at_object(self, place: str, value: object, allowed: Iterable[str] = ()) -> None:
        """Look at what an object shows of itself."""
        kind = type(value).__name__
        self.look(f"{place}: {kind}", f"{value!r} {value!s}", allowed)

    def look_at_objects_of_ours(self) -> None:
        """Look at each object of the package's that lives at this moment."""
        for value in _objects_of_ours():
            self.look(f"repr and str: {type(value).__name__}", _shown(value))

    def look_at_error(self, place: str, error: BaseException) -> None:
        """Look at what an error tracker keeps of an error, and of those behind it."""
        for each in _chain(error):
            self.look(f"{place}: text", f"{each!r} {each!s}")
            for frame in _frames(each):
                code = frame.f_code
                where = f"{place}: {code.co_name} ({code.co_filename.rpartition('/')[2]})"
                # A request's repr is its address. Django's database layer holds what is
                # stored: the number, in its column.
                allowed = IN_THE_ADDRESS | (NUMBERS if _is_sql(code.co_filename) else set())
                for name, value in list(frame.f_locals.items()):
                    self.look(f"{where}: {name}", "\n".join(_collected(value)), allowed)

    def look_at_log(
        self, records: Iterable[logging.LogRecord], without: Iterable[str] = ()
    ) -> None:
        """Look at all that was logged, but for the loggers `without`."""
        for record in records:
            # Django logs each query with its parameters at DEBUG: what is stored, as it is stored.
            if record.name in ("django.db.backends", *without):
                continue
            self.look(f"log: {record.name}", logging.Formatter().format(record))
            for name, value in vars(record).items():
                # Django's records carry the request, whose repr is its address.
                allowed = IN_THE_ADDRESS if name == "request" else ()
                self.look(f"log: {record.name}: {name}", repr(value), allowed)
            # Of a missing variable, the text has all of the context already, at length.
            if record.exc_info and record.exc_info[1] and record.name != "django.template":
                self.look_at_error(f"log: {record.name}", record.exc_info[1])


def _objects_of_ours() -> list[object]:
    kinds = _kinds_of_ours()
    return [value for value in gc.get_objects() if type(value) in kinds]


def _kinds_of_ours() -> set[type]:
    modules = [each for name, each in sys.modules.items() if name.startswith(OURS)]
    found = [value for module in modules for value in vars(module).values()]
    # These ask the database, for rows.
    asking = (QuerySet, Manager)
    return {
        kind
        for kind in found
        if isinstance(kind, type) and kind.__module__.startswith(OURS)
        if not issubclass(kind, asking)
    }


def _shown(value: object) -> str:
    # Text and numbers hide in their reprs alone, and a form's text is its HTML.
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
    """Yield the frames of the package and of what it calls and is called by, but no test's."""
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if not frame.f_code.co_filename.startswith(TESTS) or frame.f_code is BREAK_DOWN:
            yield frame
        traceback = traceback.tb_next


def _is_sql(filename: str) -> bool:
    return bool(re.search(r"/(django/db/(backends|models/sql)|psycopg|MySQLdb)/", filename))


def _collected(value: Any, depth: int = 6) -> Iterator[str]:
    """Yield what an error tracker keeps of a local variable: the reprs, inside containers too."""
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
    """What something raises that was not expected to raise."""


def break_down(*args: Any, **kwargs: Any) -> Any:
    """Stand for any function that is broken; what it was called with lies in its frame."""
    raise Broken("broken")


BREAK_DOWN = break_down.__code__
