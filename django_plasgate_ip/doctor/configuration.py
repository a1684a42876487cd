"""The settings as the app reads them, masked, and what the system checks say about them."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.core.checks import ERROR, CheckMessage, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.template.defaultfilters import pluralize
from django.utils.functional import Promise
from django.views.debug import SafeExceptionReporterFilter

from django_plasgate_ip.checks import settings as settings_checks
from django_plasgate_ip.conf import Settings, load_function
from django_plasgate_ip.doctor.findings import Finding, Level

NAMES = tuple(name for name in vars(Settings) if name.startswith("PLASGATE_IP_"))
# The API page's secret has the form of crypt's SHA-256: "$5$rounds=535000$", a salt, "$", a hash.
_SECRET_FORM = re.compile(r"\$5\$rounds=\d+\$[\w./-]+\$[\w./-]+")

# A URL may hold a password before its last "@", even if the URL is malformed, and a token after "?"
# or "#". An "@" after one of these may belong to either. The last character is the closing quote.
_SECRETS_OF_URLS = (
    (r"^(.*?//|\W*).*[?#].*@.*(.)$", r"\1***\2"),
    (r"^(.*?//|\W*).*@", r"\1***@"),
    (r"[?#].*(.)$", r"?***\1"),
    # A user and a password without a host look like a host and a port that is not a number.
    (r"//(\[.*?\]|[^/:\[]*):(?!\d+[/'\"]).*(.)$", r"//***\2"),
)


def examine() -> Iterator[Finding]:
    """Yield a finding for each message of the app's system checks, and for each other setting."""
    messages, failure = _run_checks()
    reported = {name for message in messages for name in _settings_in(message)}
    for name in NAMES:
        if name not in reported:
            yield _setting(name)
    yield from _unknown_settings()
    yield from failure
    yield from map(_problem, messages)
    if not messages and not failure:
        yield Finding(
            Level.OK, "Checks", "All checks of the app pass, including those of check --deploy."
        )


def wrong_settings() -> set[str]:
    """Return the names of the settings that a system check calls an error."""
    errors = [message for message in _check_settings() if message.level >= ERROR]
    return {name for message in errors for name in _settings_in(message)}


def _settings_in(message: CheckMessage) -> list[str]:
    words = [word.rstrip(".") for word in message.msg.split()]
    return [word for word in words if word in NAMES]


def _check_settings() -> list[CheckMessage]:
    return [*settings_checks.check_settings(), *settings_checks.check_sending()]


def _run_checks() -> tuple[list[CheckMessage], list[Finding]]:
    """Return the messages of the app's checks, and a finding if the checks raised an exception."""
    try:
        messages = run_checks(include_deployment_checks=True)
    except Exception as error:
        # A check of another app may raise anything, and so may the site's URLs that it imports.
        what = f"The system checks stopped with {type(error).__name__}."
        do = "Run python manage.py check to see the whole error."
        return _ours(_check_settings()), [Finding(Level.ERROR, "Checks", what, do)]
    return _ours(messages), []


def _ours(messages: Iterable[CheckMessage]) -> list[CheckMessage]:
    apps = ("django_plasgate_ip.", "plasgate_ip_sandbox.")
    # W015 repeats what is an error for a deployment.
    return [
        message
        for message in messages
        if str(message.id).startswith(apps)
        and not message.is_silenced()
        and message.id != "django_plasgate_ip.W015"
    ]


def _problem(message: CheckMessage) -> Finding:
    """Return the finding about a check's message, with the values of the settings that it names."""
    level = Level.ERROR if message.level >= ERROR else Level.WARNING
    values = {name: settings_checks.value(name) for name in _settings_in(message)}
    # The message itself says that a setting is not set.
    shown = [
        f"{name}: {_shown(name, value)}."
        for name, value in values.items()
        if value not in (None, "")
    ]
    what = " ".join([message.msg, *shown, f"({message.id})"])
    return Finding(level, "Checks", what, message.hint or "")


def _setting(name: str) -> Finding:
    """Return the finding about a setting that no check reports."""
    value = settings_checks.value(name)
    default = "" if hasattr(settings, name) else " (default)"
    what = f"{name}: {_shown(name, value)}{default}"
    # A site with tenants may leave it empty.
    if name == "PLASGATE_IP_SECRET_KEY" and value and not _SECRET_FORM.fullmatch(str(value)):
        do = (
            "It does not have the form of PlasGate's secret keys ($5$rounds=...$...$...). A shell, "
            "Compose or django-environ may have replaced text after a dollar sign, or kept quotes "
            "or backslashes. See the documentation, Installation."
        )
        return Finding(Level.WARNING, "Settings", what, do)
    return Finding(Level.OK, "Settings", what)


def _shown(name: str, value: Any) -> str:
    """Return the value for a person to read.

    SECURITY: no secret may appear in it, because the output is printed and shared.
    """
    if isinstance(value, timedelta):
        return f"{value} (h:mm:ss)"
    if name == "PLASGATE_IP_CREDENTIALS" and not _is_function(value):
        return "set"
    # Django's error page hides values by name. A setting that is added later is covered, too.
    reporter = SafeExceptionReporterFilter()
    hidden = reporter.cleanse_setting(name, value) if value else value
    if hidden == reporter.cleansed_substitute:
        return _masked(name, value)
    return _represented(value if callable(value) else hidden)


def _is_function(value: Any) -> bool:
    """Whether CREDENTIALS holds what it should. A site may have put its keys there."""
    with suppress(ImproperlyConfigured):
        return value is None or bool(load_function("PLASGATE_IP_CREDENTIALS"))
    return False


def _represented(value: Any) -> str:
    """Return a ``repr`` without passwords and queries, or the name of a function or type."""
    if isinstance(value, (list, tuple)):
        start, end = "[]" if isinstance(value, list) else "()"
        return f"{start}{', '.join(map(_represented, value))}{end}"
    if isinstance(value, (os.PathLike, Promise)):
        value = str(value)
    if isinstance(value, str):
        value = str.__str__(value)
    # Of other types, and of subclasses, the repr may hold anything.
    if type(value) not in (str, bytes, bool, int, float, type(None)):
        return _named(value)
    text = repr(value)
    for pattern, shown in _SECRETS_OF_URLS:
        text = re.sub(pattern, shown, text)
    return text


def _named(value: Any) -> str:
    """Return the name of a function or type. A ``repr`` may have arguments and attributes."""
    while isinstance(value, partial):
        value = value.func
    named = value if hasattr(value, "__qualname__") else type(value)
    # The methods of built-in types name no module.
    return f"{getattr(named, '__module__', None) or 'builtins'}.{named.__qualname__}"


def _masked(name: str, value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"set, {len(value)} key{pluralize(len(value))}"
    text = str(value)
    # The two ends of a short key would be most of it.
    has_ends = name == "PLASGATE_IP_PRIVATE_KEY" and len(text) >= 32
    # SECURITY: control characters could command the terminal.
    ends = ascii(f"{text[:4]}...{text[-4:]}")[1:-1] if has_ends else "set"
    return f"{ends}, {len(text)} characters"


def _unknown_settings() -> Iterator[Finding]:
    for name in sorted(dir(settings)):
        if re.match(r"PLASGATE_IP_(?!SANDBOX_)", name) and name not in NAMES:
            what = f"{name}: the app has no such setting"
            do = "Check its spelling in the documentation's list of settings."
            yield Finding(Level.WARNING, "Settings", what, do)
