"""System checks: what a developer should hear before a visitor does. Ids are an interface."""

import math
import os
import re
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch
from django.utils.functional import Promise
from phonenumbers import SUPPORTED_REGIONS

from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.client.credentials import is_key
from django_plasgate_ip.conf import conf, load_function
from django_plasgate_ip.encryption import cipher

# What to do, by the id of the error.
_HINTS = {
    "E003": "PlasGate's is https://cloudapi.plasgate.com/ip/.",
    "E004": "Scheme and host, and nothing else: https://www.example.com.",
    "E005": f"PlasGate knows {', '.join(scope_sets.KNOWN)}.",
    "E006": f"Add at least one of {', '.join(scope_sets.CUSTOM)}.",
    "E010": "An ISO 3166 code in capitals, such as KH.",
    "E011": 'A tuple of parameter names; the default is ("phone_number", "login_hint").',
    "E012": "datetime.timedelta(minutes=5) is the default.",
    "E013": "Seconds, as a number: without a timeout one call could hold a worker for ever.",
    "E014": "Or leave it unset: keys are derived from SECRET_KEY.",
    "E015": "None is no limit.",
    "E016": "How many proxies of your own append to X-Forwarded-For; 0 ignores that header.",
    "E017": "An hour at least, since starts are counted an hour back; None keeps for ever.",
    "E018": 'The name below the base URL: "ip-auth", or "check-info".',
    "E019": "The path of a PEM file, or None for the authorities that requests ships.",
    "E020": "Such as http://proxy.example.com:3128, with user:password@ where it needs one.",
    "E021": "A path (/sms/), a URL, or the name of a url of this site.",
    "E022": "A function of the request that returns Credentials, or its dotted path.",
    "E023": "The dotted path of a function of request and verification that returns a place.",
}


def check_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Whether each of our settings can work. Every message has the setting's name as a word."""
    wrong = [
        message(number, f"{name} {problem}.", _HINTS[number])
        for number, name, is_valid, problem in _RULES
        if not is_valid(value(name))
    ]
    return [*_check_keys(), *wrong, *_check_scopes(), *_check_what_is_loaded()]


def message(number: str, text: str, hint: str) -> CheckMessage:
    """Return a warning if `number` begins with W, else an error: the app can't work."""
    kind = Warning if number.startswith("W") else Error
    return kind(text, hint=hint, id=f"django_plasgate_ip.{number}")


def value(name: str) -> Any:
    """Return the setting as `conf` does, or as it is where its type is too wrong for that."""
    try:
        return getattr(conf, name)
    except (AttributeError, TypeError):
        return getattr(settings, name)


def _check_keys() -> Iterator[CheckMessage]:
    for number, name in (("E001", "PLASGATE_IP_PRIVATE_KEY"), ("E002", "PLASGATE_IP_SECRET_KEY")):
        key = value(name)
        # Tenants have their own; the site's are for what has no request.
        if is_key(key) or (key == "" and value("PLASGATE_IP_CREDENTIALS") is not None):
            continue
        if isinstance(key, str) and key:
            hint = "Copy it again from PlasGate: it has neither spaces nor line breaks."
            yield message(number, f"{name} is malformed.", hint)
        else:
            hint = "Generate a key at PlasGate and put it into the environment, not into the code."
            yield message(number, f"{name} is not set.", hint)


def _check_scopes() -> Iterator[CheckMessage]:
    scopes = value("PLASGATE_IP_SCOPES")
    if isinstance(scopes, str):
        scopes = scopes.split()
    names = list(scopes) if isinstance(scopes, Collection) else [scopes]
    if unknown := [name for name in names if name not in scope_sets.KNOWN]:
        text = f"PLASGATE_IP_SCOPES has unknown scopes: {unknown!r}."
        yield message("E005", text, _HINTS["E005"])
    elif not set(names) & set(scope_sets.CUSTOM):
        yield message("E006", "PLASGATE_IP_SCOPES has no custom scope.", _HINTS["E006"])


def _check_what_is_loaded() -> Iterator[CheckMessage]:
    """Yield an error for the encryption keys, and for each function, that can't be loaded."""
    loaders: dict[str, Callable[[], Any]] = {"E014": cipher}
    if value("PLASGATE_IP_CREDENTIALS") is not None:
        loaders["E022"] = partial(load_function, "PLASGATE_IP_CREDENTIALS")
    if value("PLASGATE_IP_FALLBACK_FUNCTION") is not None:
        loaders["E023"] = partial(load_function, "PLASGATE_IP_FALLBACK_FUNCTION")
    for number, load in loaders.items():
        try:
            load()
        except ImproperlyConfigured as malformed:
            yield message(number, str(malformed), _HINTS[number])


def _is_http_url(url: Any) -> bool:
    """Whether this is scheme, host and perhaps a path, with nothing that urlsplit would forgive."""
    if not isinstance(url, str) or not url.isprintable() or set(url) & set(" ?#@\\"):
        return False
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _is_origin(url: Any) -> bool:
    return url is None or (_is_http_url(url) and not urlsplit(url).path)


def _is_proxy(url: Any) -> bool:
    if not isinstance(url, str):
        return url is None
    return _is_http_url(re.sub(r"(?<=//)[^@/]*@", "", url, count=1))


def _is_endpoint(name: Any) -> bool:
    return isinstance(name, str) and re.fullmatch(r"[\w./-]+", name) is not None


def _is_region(code: Any) -> bool:
    return isinstance(code, str) and code in SUPPORTED_REGIONS


def _is_list_of_names(names: Any) -> bool:
    # Not a single character: that is what a text without its tuple falls apart into.
    is_list = isinstance(names, Collection) and bool(names)
    return is_list and all(isinstance(name, str) and len(name) > 1 for name in names)


def _is_lifetime(age: Any) -> bool:
    return isinstance(age, timedelta) and age > timedelta(0)


def _is_retention(age: Any) -> bool:
    return age is None or (isinstance(age, timedelta) and age >= timedelta(hours=1))


def _is_timeout(seconds: Any) -> bool:
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    return number and 0 < seconds < math.inf


def _is_limit(most: Any) -> bool:
    return most is None or (type(most) is int and most > 0)


def _is_count(number: Any) -> bool:
    return type(number) is int and number >= 0


def _is_file(path: Any) -> bool:
    return path is None or (isinstance(path, (str, os.PathLike)) and os.path.isfile(path))


def _leads_somewhere(url: Any) -> bool:
    if not isinstance(url, (str, Promise)) or not url:
        return url is None
    try:
        return resolve_url(str(url)).startswith(("/", "http://", "https://"))
    except NoReverseMatch:
        return False


# The error's id, the setting, whether a value is valid, and what to say of one that is not.
_RULES: tuple[tuple[str, str, Callable[[Any], bool], str], ...] = (
    ("E003", "PLASGATE_IP_BASE_URL", _is_http_url, "is not an http or https URL"),
    ("E004", "PLASGATE_IP_PUBLIC_URL", _is_origin, "is not scheme and host"),
    ("E010", "PLASGATE_IP_DEFAULT_REGION", _is_region, "is not a known region"),
    ("E011", "PLASGATE_IP_PHONE_PARAMETERS", _is_list_of_names, "is not a list of names"),
    ("E012", "PLASGATE_IP_ATTEMPT_LIFETIME", _is_lifetime, "is not a positive timedelta"),
    ("E013", "PLASGATE_IP_TIMEOUT", _is_timeout, "is not a positive number"),
    ("E013", "PLASGATE_IP_CONNECT_TIMEOUT", _is_timeout, "is not a positive number"),
    ("E015", "PLASGATE_IP_MAX_STARTS_PER_NUMBER", _is_limit, "is no positive whole number"),
    ("E015", "PLASGATE_IP_MAX_STARTS_PER_USER", _is_limit, "is no positive whole number"),
    ("E015", "PLASGATE_IP_MAX_STARTS_PER_ADDRESS", _is_limit, "is no positive whole number"),
    ("E015", "PLASGATE_IP_MAX_STARTS_PER_SITE", _is_limit, "is no positive whole number"),
    ("E016", "PLASGATE_IP_TRUSTED_PROXY_COUNT", _is_count, "is not a whole number"),
    ("E017", "PLASGATE_IP_CLAIMS_RETENTION", _is_retention, "is no timedelta of an hour or more"),
    ("E017", "PLASGATE_IP_ATTEMPT_RETENTION", _is_retention, "is no timedelta of an hour or more"),
    ("E018", "PLASGATE_IP_EXCHANGE_ENDPOINT", _is_endpoint, "is no name"),
    ("E019", "PLASGATE_IP_CA_BUNDLE", _is_file, "is no file"),
    ("E020", "PLASGATE_IP_PROXY", _is_proxy, "is no http or https URL"),
    ("E021", "PLASGATE_IP_FALLBACK_URL", _leads_somewhere, "leads nowhere"),
)
