"""System checks of the ``PLASGATE_IP_*`` settings.

The ids of the messages are an interface: sites silence checks by them.
"""

import math
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, TypeAlias
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

# The message's id, the setting, whether a value is valid, and what valid values are.
_Rule: TypeAlias = tuple[str, str, Callable[[Any], bool], str]
# What to do, by the id of the message.
_HINTS = {
    "E001": "Create a key at PlasGate. Put it into the environment, not into the code.",
    "E002": "Create a key at PlasGate. Put it into the environment, not into the code.",
    "E003": "Set it to PlasGate's own URL, https://cloudapi.plasgate.com/ip/.",
    "E004": "Set it to the site's own origin, such as https://www.example.com.",
    "E005": "Remove or correct the unknown scopes.",
    "E006": "Add at least one of them. PlasGate requires one.",
    "E010": "Set it to the country of numbers that are typed without a country code, such as KH.",
    "E011": 'Set it to ("phone_number", "login_hint"), the default. One name needs a comma, too.',
    "E012": "Set it to datetime.timedelta(minutes=5), the default, or to another duration.",
    "E013": "Set it to a number: without a timeout, one call could block a worker for ever.",
    "E014": "Generate new keys, or set it to None to derive the keys from SECRET_KEY.",
    "E015": "Set it to the number of starts that you allow in an hour. None means no limit.",
    "E016": "Set it to the number of your own proxies that append to X-Forwarded-For. "
    "0 ignores that header.",
    "E017": "Set it to a longer time, or to None to keep the data for ever. The limits count the "
    "starts of the last hour.",
    "E018": 'Set it to "ip-auth", the name on the API page, or to "check-info".',
    "E019": "Set it to the path of a PEM file. None uses the authorities that requests ships.",
    "E020": "Set it to a URL such as http://proxy.example.com:3128. If the proxy needs a login, "
    "write user:password@ before the host.",
    "E022": "Set it to a function that takes the request and returns Credentials, or to the dotted "
    "path of one. Remove it if you have stopped using the sandbox.",
    "E023": "Set it to the dotted path of a function that takes the request and the verification, "
    "and returns a path, a URL or a URL name.",
    "E024": 'Set it to "possible" for new prefixes and PlasGate\'s staging system, or to "valid".',
    "E025": "Set it to None, the default: redirect_uri then carries a nonce where the scopes carry "
    "no number.",
    "E026": "List ISO 3166 codes in capitals, PLASGATE_IP_DEFAULT_REGION among them. None accepts "
    "the numbers of all regions.",
    "W019": "Set it to the page on which visitors can verify in another way, such as /sms/. If it "
    "is a name that only the URLconf of some requests has, silence this check.",
}


def check_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Return a message for each setting that the app can't use.

    Every message contains the setting's name as a word: the doctor looks for it.
    """
    wrong = _broken_rules(_RULES)
    return [*_check_keys(), *wrong, *_check_scopes(), *_check_what_is_loaded(), *_warn_of_sending()]


def check_sending(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Return an error for each thing that only calls of PlasGate need (``check --deploy``).

    Django runs the other checks before each command, and an error stops it. A machine that migrates
    or tests may have no keys.
    """
    return _broken_rules(_NEEDED_TO_SEND)


def _broken_rules(rules: Iterable[_Rule]) -> list[CheckMessage]:
    return [
        message(number, f"{name} is not {valid}.", _HINTS[number])
        for number, name, is_valid, valid in rules
        if not is_valid(value(name))
    ]


def message(number: str, text: str, hint: str) -> CheckMessage:
    """Return a warning if `number` begins with W, and otherwise an error."""
    kind = Warning if number.startswith("W") else Error
    return kind(text, hint=hint, id=f"django_plasgate_ip.{number}")


def value(name: str) -> Any:
    """Return the setting as `conf` does, or its raw value where `conf` can't read its type."""
    try:
        return getattr(conf, name)
    except (AttributeError, TypeError):
        return getattr(settings, name)


def _check_keys() -> Iterator[CheckMessage]:
    for number, name in (("E001", "PLASGATE_IP_PRIVATE_KEY"), ("E002", "PLASGATE_IP_SECRET_KEY")):
        key = value(name)
        if _is_given(key) and not is_key(key):
            text = f"{name} is malformed: a key is printable ASCII text without spaces."
            yield message(number, text, "Copy the key from PlasGate again, without line breaks.")


def _warn_of_sending() -> Iterator[CheckMessage]:
    if broken := check_sending():
        text = f"PlasGate can't be called. {' '.join(message.msg for message in broken)}"
        hint = "Set this where visitors are verified. Migrations and the purge do not need it."
        yield message("W015", text, hint)


def _check_scopes() -> Iterator[CheckMessage]:
    scopes = value("PLASGATE_IP_SCOPES")
    if isinstance(scopes, str):
        scopes = scopes.split()
    names = list(scopes) if isinstance(scopes, Collection) else [scopes]
    if unknown := [name for name in names if name not in scope_sets.KNOWN]:
        known = ", ".join(scope_sets.KNOWN)
        # SECURITY: the repr of any other object may hold a secret.
        shown = [name if type(name) is str else type(name).__name__ for name in unknown]
        text = f"PLASGATE_IP_SCOPES has unknown scopes: {shown!r}. PlasGate knows {known}."
        yield message("E005", text, _HINTS["E005"])
    elif not set(names) & set(scope_sets.CUSTOM):
        text = f"PLASGATE_IP_SCOPES has none of the scopes {', '.join(scope_sets.CUSTOM)}."
        yield message("E006", text, _HINTS["E006"])


def _check_what_is_loaded() -> Iterator[CheckMessage]:
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


def _is_given(key: Any) -> bool:
    return key is not None and key != ""


def _is_key_there(key: Any) -> bool:
    # Where each tenant has its own keys, the site needs none.
    return _is_given(key) or value("PLASGATE_IP_CREDENTIALS") is not None


def _is_http_url(url: Any) -> bool:
    # urlsplit ignores spaces, line breaks and backslashes. The client's libraries do not.
    if not isinstance(url, str) or not url.isprintable() or set(url) & set(" ?#@\\"):
        return False
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def is_origin(url: Any) -> bool:
    """Whether this is a scheme and a host, or None."""
    return url is None or (_is_http_url(url) and not urlsplit(url).path)


def _is_proxy(url: Any) -> bool:
    if not isinstance(url, str):
        return url is None
    return _is_http_url(re.sub(r"(?<=//)[^@/]*@", "", url, count=1))


def _is_endpoint(name: Any) -> bool:
    return isinstance(name, str) and re.fullmatch(r"[\w./-]+", name) is not None


def _is_region(code: Any) -> bool:
    return isinstance(code, str) and code in SUPPORTED_REGIONS


def _are_regions(codes: Any) -> bool:
    if not isinstance(codes, (list, tuple)):
        return codes is None
    return bool(codes) and all(map(_is_region, codes))


def _is_accepted(region: Any) -> bool:
    # If one of the two settings is malformed, its own message says so.
    accepted = value("PLASGATE_IP_REGIONS")
    is_comparable = accepted is not None and _are_regions(accepted) and _is_region(region)
    return not is_comparable or region in accepted


def _is_validation(mode: Any) -> bool:
    return isinstance(mode, str) and mode in ("valid", "possible")


def _is_list_of_names(names: Any) -> bool:
    # A tuple without its comma is a text, which is a collection of single characters.
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


def _is_choice(answer: Any) -> bool:
    return answer is None or isinstance(answer, bool)


def _is_file(path: Any) -> bool:
    return path is None or (isinstance(path, (str, os.PathLike)) and os.path.isfile(path))


def _leads_somewhere(url: Any) -> bool:
    if not isinstance(url, (str, Promise)) or not url:
        return url is None
    try:
        return resolve_url(str(url)).startswith(("/", "http://", "https://"))
    except NoReverseMatch:
        return False
    except Exception:
        # The site's URLs can't be imported. Django reports that.
        return True


_A_LIMIT = "a positive integer, or None"
_A_RETENTION = "a timedelta of at least one hour, or None"
_NEEDED_TO_SEND: tuple[_Rule, ...] = (
    ("E001", "PLASGATE_IP_PRIVATE_KEY", _is_key_there, "set"),
    ("E002", "PLASGATE_IP_SECRET_KEY", _is_key_there, "set"),
    ("E019", "PLASGATE_IP_CA_BUNDLE", _is_file, "the path of a file, or None"),
)
_RULES: tuple[_Rule, ...] = (
    ("E003", "PLASGATE_IP_BASE_URL", _is_http_url, "an http or https URL without a query"),
    ("E004", "PLASGATE_IP_PUBLIC_URL", is_origin, "a scheme and a host, or None"),
    ("E010", "PLASGATE_IP_DEFAULT_REGION", _is_region, "an ISO 3166 country code in capitals"),
    ("E011", "PLASGATE_IP_PHONE_PARAMETERS", _is_list_of_names, "a tuple or list of names"),
    ("E012", "PLASGATE_IP_ATTEMPT_LIFETIME", _is_lifetime, "a positive timedelta"),
    ("E013", "PLASGATE_IP_TIMEOUT", _is_timeout, "a positive number of seconds"),
    ("E013", "PLASGATE_IP_CONNECT_TIMEOUT", _is_timeout, "a positive number of seconds"),
    ("E015", "PLASGATE_IP_MAX_STARTS_PER_NUMBER", _is_limit, _A_LIMIT),
    ("E015", "PLASGATE_IP_MAX_STARTS_PER_USER", _is_limit, _A_LIMIT),
    ("E015", "PLASGATE_IP_MAX_STARTS_PER_ADDRESS", _is_limit, _A_LIMIT),
    ("E015", "PLASGATE_IP_MAX_STARTS_PER_SITE", _is_limit, _A_LIMIT),
    ("E016", "PLASGATE_IP_TRUSTED_PROXY_COUNT", _is_count, "zero or a positive integer"),
    ("E017", "PLASGATE_IP_CLAIMS_RETENTION", _is_retention, _A_RETENTION),
    ("E017", "PLASGATE_IP_ATTEMPT_RETENTION", _is_retention, _A_RETENTION),
    ("E018", "PLASGATE_IP_EXCHANGE_ENDPOINT", _is_endpoint, "a path of letters, digits and ._-/"),
    ("E020", "PLASGATE_IP_PROXY", _is_proxy, "an http or https URL, or None"),
    ("E024", "PLASGATE_IP_NUMBER_VALIDATION", _is_validation, '"valid" or "possible"'),
    ("E025", "PLASGATE_IP_CALLBACK_NONCE", _is_choice, "True, False or None"),
    ("E026", "PLASGATE_IP_REGIONS", _are_regions, "a list of ISO 3166 country codes, or None"),
    ("E026", "PLASGATE_IP_DEFAULT_REGION", _is_accepted, "one of PLASGATE_IP_REGIONS"),
    ("W019", "PLASGATE_IP_FALLBACK_URL", _leads_somewhere, "a path, a URL, a URL name or None"),
)
