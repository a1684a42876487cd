"""The settings as the app sees them, masked, and what the system checks say of them."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.checks import ERROR, CheckMessage, run_checks
from django.views.debug import SafeExceptionReporterFilter

from django_plasgate_ip.checks import settings as settings_checks
from django_plasgate_ip.conf import Settings
from django_plasgate_ip.doctor.findings import Finding, Level

NAMES = tuple(name for name in vars(Settings) if name.startswith("PLASGATE_IP_"))
# Characters of a private key from which on its two ends are shown.
MIN_SHORTENED = 32
# The API page's is "$5$rounds=535000$", a salt, "$" and a hash: the form of crypt's SHA-256.
_SECRET_FORM = re.compile(r"\$5\$rounds=\d+\$[\w./-]+\$[\w./-]+")
_OURS = ("django_plasgate_ip.", "plasgate_ip_sandbox.")


def examine() -> Iterator[Finding]:
    """Yield a finding for each setting, and one for each complaint of our system checks."""
    complaints, failure = _complaints()
    for name in NAMES:
        yield _setting(name, complaints)
    yield from _strangers()
    yield from failure
    for message in complaints:
        yield Finding(
            _level(message), "Checks", f"{message.msg} ({message.id})", message.hint or ""
        )
    if not complaints and not failure:
        yield Finding(Level.FINE, "Checks", "Neither check nor check --deploy complains of ours.")


def _complaints() -> tuple[list[CheckMessage], list[Finding]]:
    """Return what our checks say, those for production too, and why they could not be run."""
    try:
        said = run_checks(include_deployment_checks=True)
    except Exception as error:  # another app's check, or the site's URLs that it imports
        do = "Run python manage.py check: it shows where that comes from."
        what = f"The system checks broke off: {type(error).__name__}."
        return settings_checks.check_settings(), [Finding(Level.BROKEN, "Checks", what, do)]
    ours = [m for m in said if str(m.id).startswith(_OURS) and not m.is_silenced()]
    return ours, []


def _level(message: CheckMessage) -> Level:
    return Level.BROKEN if message.level >= ERROR else Level.LOOK


def _setting(name: str, complaints: Iterable[CheckMessage]) -> Finding:
    """Return a setting's line; what is wrong with a bad value is said by the check itself."""
    value = settings_checks.value(name)
    default = "" if hasattr(settings, name) else " (default)"
    what = f"{name}: {_shown(name, value)}{default}"
    levels = [_level(message) for message in complaints if name in message.msg.split()]
    if levels:
        level = Level.BROKEN if Level.BROKEN in levels else Level.LOOK
        return Finding(level, "Settings", what, "See what the checks below say of it.")
    # An empty one that no check complains of: tenants have their own.
    if name == "PLASGATE_IP_SECRET_KEY" and value and not _SECRET_FORM.fullmatch(str(value)):
        do = (
            "If it is PlasGate's, a shell, Compose or django-environ has read its dollar signs as "
            "variables, or kept quotes or backslashes: see README, Five-minute integration."
        )
        return Finding(Level.LOOK, "Settings", what, do)
    return Finding(Level.FINE, "Settings", what)


def _shown(name: str, value: Any) -> str:
    """Return the value for a person to read. SECURITY: nothing that opens anything."""
    if name in _SHOWN and value:
        return _SHOWN[name](value)
    if isinstance(value, timedelta):
        return f"{value} (h:mm:ss)"
    # A later setting whose name says that it is secret is hidden as on Django's own error page.
    hidden = SafeExceptionReporterFilter().cleanse_setting(name, value) if value else value
    # And of a URL, however it is written, whatever may be a password: all before the last "@".
    return re.sub(r"^(.*?//|\W*).*@", r"\1***@", repr(hidden))


def _private_key(value: Any) -> str:
    text = str(value)
    # Of a short one, the ends would be most of it.
    ends = f"{text[:4]}...{text[-4:]}" if len(text) >= MIN_SHORTENED else "set"
    # SECURITY: printable, since a terminal obeys what is not.
    return f"{ascii(ends)[1:-1]}, {len(text)} characters"


def _secret_key(value: Any) -> str:
    text = str(value)
    form = "in the form of" if _SECRET_FORM.fullmatch(text) else "not in the form of"
    return f"set, {len(text)} characters, {form} PlasGate's ($5$rounds=...$...$...)"


def _encryption_keys(value: Any) -> str:
    return f"set, {len(value)} of them" if isinstance(value, (list, tuple)) else "set"


_SHOWN: dict[str, Callable[[Any], str]] = {
    "PLASGATE_IP_PRIVATE_KEY": _private_key,
    "PLASGATE_IP_SECRET_KEY": _secret_key,
    "PLASGATE_IP_ENCRYPTION_KEYS": _encryption_keys,
}


def _strangers() -> Iterator[Finding]:
    """Yield a finding for each setting that looks like ours and is none: a slip of the pen."""
    for name in sorted(dir(settings)):
        if re.match(r"PLASGATE_IP_(?!SANDBOX_)", name) and name not in NAMES:
            do = "Check its spelling (README, Settings); nothing of ours reads it."
            yield Finding(Level.LOOK, "Settings", f"{name}: no such setting", do)
