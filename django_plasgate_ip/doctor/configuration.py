"""The settings as the app reads them, masked, and what the system checks say about them."""

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.checks import ERROR, CheckMessage, run_checks
from django.template.defaultfilters import pluralize
from django.views.debug import SafeExceptionReporterFilter

from django_plasgate_ip.checks import settings as settings_checks
from django_plasgate_ip.conf import Settings
from django_plasgate_ip.doctor.findings import Finding, Level

NAMES = tuple(name for name in vars(Settings) if name.startswith("PLASGATE_IP_"))
# The two ends of a private key are shown only if it is at least this long.
MIN_SHORTENED = 32
# The API page's secret has the form of crypt's SHA-256: "$5$rounds=535000$", a salt, "$", a hash.
_SECRET_FORM = re.compile(r"\$5\$rounds=\d+\$[\w./-]+\$[\w./-]+")
_OUR_CHECKS = ("django_plasgate_ip.", "plasgate_ip_sandbox.")


def examine() -> Iterator[Finding]:
    """Yield a finding for each setting, and one for each message of our system checks."""
    messages, failure = _run_checks()
    for name in NAMES:
        yield _setting(name, messages)
    yield from _unknown_settings()
    yield from failure
    for message in messages:
        what = f"{message.msg} ({message.id})"
        yield Finding(_level(message.level), "Checks", what, message.hint or "")
    if not messages and not failure:
        yield Finding(Level.OK, "Checks", "Our checks pass, those of check --deploy included.")


def wrong_settings() -> set[str]:
    """Return the names of the settings that a system check calls an error."""
    errors = [message for message in settings_checks.check_settings() if message.level >= ERROR]
    return {word for message in errors for word in message.msg.split() if word in NAMES}


def _run_checks() -> tuple[list[CheckMessage], list[Finding]]:
    """Return the messages of our checks, and a finding if the checks could not be run."""
    try:
        messages = run_checks(include_deployment_checks=True)
    except Exception as error:  # another app's check, or the site's URLs that it imports
        what = f"The system checks stopped with {type(error).__name__}."
        do = "Run python manage.py check: it shows the whole error."
        return settings_checks.check_settings(), [Finding(Level.ERROR, "Checks", what, do)]
    ours = [m for m in messages if str(m.id).startswith(_OUR_CHECKS) and not m.is_silenced()]
    return ours, []


def _level(of_message: int) -> Level:
    return Level.ERROR if of_message >= ERROR else Level.WARNING


def _setting(name: str, messages: Iterable[CheckMessage]) -> Finding:
    """Return the line of a setting. The check's own message explains what is wrong with it."""
    value = settings_checks.value(name)
    default = "" if hasattr(settings, name) else " (default)"
    what = f"{name}: {_shown(name, value)}{default}"
    if levels := [message.level for message in messages if name in message.msg.split()]:
        return Finding(_level(max(levels)), "Settings", what, "The checks below explain this.")
    # A site with tenants may leave it empty.
    if name == "PLASGATE_IP_SECRET_KEY" and value and not _SECRET_FORM.fullmatch(str(value)):
        do = (
            "It is not in the form of PlasGate's ($5$rounds=...$...$...). A shell, Compose or "
            "django-environ may have read its dollar signs as variables, or kept quotes or "
            "backslashes: see README, Five-minute integration."
        )
        return Finding(Level.WARNING, "Settings", what, do)
    return Finding(Level.OK, "Settings", what)


def _shown(name: str, value: Any) -> str:
    """Return the value for a person to read. SECURITY: it must hold no secret."""
    if isinstance(value, timedelta):
        return f"{value} (h:mm:ss)"
    # Django's own error page hides by name, too: a later setting may hold a secret.
    reporter = SafeExceptionReporterFilter()
    hidden = reporter.cleanse_setting(name, value) if value else value
    if hidden == reporter.cleansed_substitute:
        return _masked(name, value)
    # A URL may hold a password before its last "@", even if the URL is malformed.
    return re.sub(r"^(.*?//|\W*).*@", r"\1***@", repr(hidden))


def _masked(name: str, value: Any) -> str:
    """Return the length of a secret and, of the private key only, its two ends."""
    if isinstance(value, (list, tuple)):
        return f"set, {len(value)} key{pluralize(len(value))}"
    text = str(value)
    # The two ends of a short key would be most of it.
    has_ends = name == "PLASGATE_IP_PRIVATE_KEY" and len(text) >= MIN_SHORTENED
    # SECURITY: control characters could command the terminal.
    ends = ascii(f"{text[:4]}...{text[-4:]}")[1:-1] if has_ends else "set"
    return f"{ends}, {len(text)} characters"


def _unknown_settings() -> Iterator[Finding]:
    """Yield a finding for each setting that has our prefix and that the app does not read."""
    for name in sorted(dir(settings)):
        if re.match(r"PLASGATE_IP_(?!SANDBOX_)", name) and name not in NAMES:
            what = f"{name}: the app has no such setting"
            do = "Check its spelling (README, Settings)."
            yield Finding(Level.WARNING, "Settings", what, do)
