"""Reads the body of an HTTP error for staff. Pure functions.

The API page describes no such body. So this module knows the usual ones: JSON, HTML and plain text.
"""

import html
import json
import re
from typing import Any

from django.utils.html import strip_tags

from django_plasgate_ip.client.parsing import MAX_TEXT_LENGTH, clean_text, whole_words

MAX_LENGTH = 200
# A visitor chooses the code and the state. A short one, such as "7", would cut numbers into pieces
# that `clean_text` does not know.
_MIN_SECRET = 8
# Characters that are searched for tags.
_MAX_MARKUP = 4096
_NAMES = ("message", "error_description", "detail", "error")
# The title and the styles of a page are not its text.
_HEAD_END = re.compile(r"</(?:head|title)\s*>", re.IGNORECASE)
_BLOCK = re.compile(r"(?=</?(?:br|div|h\d|hr|li|p|t[dhr])\b)", re.IGNORECASE)


def text_of(body: bytes, secrets: tuple[str, ...]) -> str:
    """Return what `body` says, as one line of at most `MAX_LENGTH` characters.

    It has no number, no id, no key, and none of `secrets` with eight characters or more. It is
    empty if the body has no text.
    Raises SuspiciousOperation for markup that `strip_tags` refuses.
    """
    # Without the NULs of UTF-16, its words are whole.
    text = html.unescape(_message(body.decode("utf-8-sig", "replace").replace("\0", "")))
    # SECURITY: a server may repeat the request in its error page. `clean_text` masks what is as
    # long as a key. What was sent may be shorter.
    for secret in secrets:
        if len(secret) >= _MIN_SECRET:
            text = text.replace(secret, "***")
    page = whole_words(_HEAD_END.split(text)[-1], _MAX_MARKUP)
    shown = whole_words(strip_tags(_BLOCK.sub(" ", page)), MAX_TEXT_LENGTH)
    return clean_text(shown)[:MAX_LENGTH]


def _message(body: str) -> str:
    """Return the message in a JSON object; otherwise the whole body."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return body
    while isinstance(found, dict):
        found = next(filter(_may_say, (found.get(name) for name in _NAMES)), "")
    return found if isinstance(found, str) else ""


def _may_say(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, str) and bool(value.strip()))
