"""System checks: what a developer should hear before a visitor does. Ids are an interface."""

import math
import os
import re
from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch
from django.utils.functional import Promise

from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.client.credentials import is_key
from django_plasgate_ip.conf import conf, load_function
from django_plasgate_ip.exceptions import InvalidScopes

HOUR = timedelta(hours=1)


def check_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Whether each of our settings can work."""
    return [
        *_check_key("PLASGATE_IP_PRIVATE_KEY", "E001"),
        *_check_key("PLASGATE_IP_SECRET_KEY", "E002"),
        *_check_credentials(),
        *_check_urls(),
        *_check_scopes(),
        *_check_phone(),
        *_check_times(),
        *_check_encryption_keys(),
        *_check_limits(),
        *_check_retention(),
        *_check_exchange(),
        *_check_fallback(),
    ]


def error(number: str, text: str, hint: str) -> Error:
    """Return what keeps the app from working."""
    return Error(text, hint=hint, id=f"django_plasgate_ip.{number}")


def warning(number: str, text: str, hint: str) -> Warning:
    """Return what is likely to hurt."""
    return Warning(text, hint=hint, id=f"django_plasgate_ip.{number}")


def value(name: str) -> Any:
    """Return the setting as `conf` does, or as it is where its type is too wrong for that."""
    try:
        return getattr(conf, name)
    except (AttributeError, TypeError):
        return getattr(settings, name)


def _check_key(name: str, number: str) -> Iterator[CheckMessage]:
    key = value(name)
    # Tenants have their own; the site's are for what has no request.
    if key == "" and value("PLASGATE_IP_CREDENTIALS") is not None:
        return
    if not isinstance(key, str) or not key:
        hint = "Generate a key at PlasGate and put it into the environment, not into the code."
        yield error(number, f"{name} is not set.", hint)
    elif not is_key(key):
        hint = "Copy it again from PlasGate: it has neither spaces nor line breaks."
        yield error(number, f"{name} is malformed.", hint)


def _check_credentials() -> Iterator[CheckMessage]:
    credentials = value("PLASGATE_IP_CREDENTIALS")
    if credentials is None:
        return
    try:
        load_function("PLASGATE_IP_CREDENTIALS")
    except ImproperlyConfigured as malformed:
        hint = "A function of the request that returns Credentials, or its dotted path."
        yield error("E022", str(malformed), hint)


def _check_urls() -> Iterator[CheckMessage]:
    if not _is_http_url(value("PLASGATE_IP_BASE_URL")):
        hint = "PlasGate's is https://cloudapi.plasgate.com/ip/."
        yield error("E003", "PLASGATE_IP_BASE_URL is not an http or https URL.", hint)
    public = value("PLASGATE_IP_PUBLIC_URL")
    if public is not None and not (_is_http_url(public) and not urlsplit(public).path):
        hint = "Scheme and host, and nothing else: https://www.example.com."
        yield error("E004", "PLASGATE_IP_PUBLIC_URL is not scheme and host.", hint)


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


def _check_scopes() -> Iterator[CheckMessage]:
    scopes = value("PLASGATE_IP_SCOPES")
    if isinstance(scopes, str):
        scopes = scopes.split()
    names = list(scopes) if isinstance(scopes, Collection) else [scopes]
    if unknown := [name for name in names if name not in scope_sets.KNOWN]:
        hint = f"PlasGate knows {', '.join(scope_sets.KNOWN)}."
        yield error("E005", f"PLASGATE_IP_SCOPES has unknown scopes: {unknown!r}.", hint)
        return
    try:
        scope_sets.normalise(names)
    except InvalidScopes:
        hint = f"Add at least one of {', '.join(scope_sets.CUSTOM)}."
        yield error("E006", "PLASGATE_IP_SCOPES has no custom scope.", hint)


def _check_phone() -> Iterator[CheckMessage]:
    from phonenumbers import SUPPORTED_REGIONS

    region = value("PLASGATE_IP_DEFAULT_REGION")
    if not isinstance(region, str) or region not in SUPPORTED_REGIONS:
        hint = "An ISO 3166 code in capitals, such as KH."
        yield error("E010", "PLASGATE_IP_DEFAULT_REGION is not a known region.", hint)
    names = value("PLASGATE_IP_PHONE_PARAMETERS")
    if not isinstance(names, Collection) or not names or not all(map(_is_name, names)):
        hint = 'A tuple of parameter names; the default is ("phone_number", "login_hint").'
        yield error("E011", "PLASGATE_IP_PHONE_PARAMETERS is not a list of names.", hint)


def _is_name(name: Any) -> bool:
    # Not a single character: that is what a text without its tuple falls apart into.
    return isinstance(name, str) and len(name) > 1


def _check_times() -> Iterator[CheckMessage]:
    lifetime = value("PLASGATE_IP_ATTEMPT_LIFETIME")
    if not isinstance(lifetime, timedelta) or lifetime <= timedelta(0):
        hint = "datetime.timedelta(minutes=5) is the default."
        yield error("E012", "PLASGATE_IP_ATTEMPT_LIFETIME is not a positive timedelta.", hint)
    for name in ("PLASGATE_IP_TIMEOUT", "PLASGATE_IP_CONNECT_TIMEOUT"):
        if not _is_duration(value(name)):
            hint = "Seconds, as a number: without a timeout one call could hold a worker for ever."
            yield error("E013", f"{name} is not a positive number.", hint)


def _is_duration(seconds: Any) -> bool:
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    return number and 0 < seconds < math.inf


def _check_encryption_keys() -> Iterator[CheckMessage]:
    from django_plasgate_ip.encryption import cipher

    try:
        cipher()
    except ImproperlyConfigured as malformed:
        problem = str(malformed)
    else:
        return
    yield error("E014", problem, "Or leave it unset: keys are derived from SECRET_KEY.")


def _check_limits() -> Iterator[CheckMessage]:
    for scope in ("NUMBER", "USER", "ADDRESS", "SITE"):
        name = f"PLASGATE_IP_MAX_STARTS_PER_{scope}"
        most = value(name)
        if most is not None and not (type(most) is int and most > 0):
            yield error("E015", f"{name} is no positive whole number.", "None is no limit.")
    count = value("PLASGATE_IP_TRUSTED_PROXY_COUNT")
    if not (type(count) is int and count >= 0):
        hint = "How many proxies of your own append to X-Forwarded-For; 0 ignores that header."
        yield error("E016", "PLASGATE_IP_TRUSTED_PROXY_COUNT is not a whole number.", hint)


def _check_retention() -> Iterator[CheckMessage]:
    for name in ("PLASGATE_IP_CLAIMS_RETENTION", "PLASGATE_IP_ATTEMPT_RETENTION"):
        age = value(name)
        if age is not None and (not isinstance(age, timedelta) or age < HOUR):
            hint = "An hour at least, since starts are counted an hour back; None keeps for ever."
            yield error("E017", f"{name} is no timedelta of an hour or more.", hint)


def _check_exchange() -> Iterator[CheckMessage]:
    endpoint = value("PLASGATE_IP_EXCHANGE_ENDPOINT")
    if not isinstance(endpoint, str) or not re.fullmatch(r"[\w./-]+", endpoint):
        hint = 'The name below the base URL: "ip-auth", or "check-info".'
        yield error("E018", "PLASGATE_IP_EXCHANGE_ENDPOINT is no name.", hint)
    bundle = value("PLASGATE_IP_CA_BUNDLE")
    if bundle is not None and not _is_file(bundle):
        hint = "The path of a PEM file, or None for the authorities that requests ships."
        yield error("E019", "PLASGATE_IP_CA_BUNDLE is no file.", hint)
    proxy = value("PLASGATE_IP_PROXY")
    if proxy is not None and not _is_proxy_url(proxy):
        hint = "Such as http://proxy.example.com:3128, with user:password@ where it needs one."
        yield error("E020", "PLASGATE_IP_PROXY is no http or https URL.", hint)


def _check_fallback() -> Iterator[CheckMessage]:
    url = value("PLASGATE_IP_FALLBACK_URL")
    if url is not None and not _leads_somewhere(url):
        hint = "A path (/sms/), a URL, or the name of a url of this site."
        yield error("E021", "PLASGATE_IP_FALLBACK_URL leads nowhere.", hint)
    if value("PLASGATE_IP_FALLBACK_FUNCTION") is None:
        return
    try:
        load_function("PLASGATE_IP_FALLBACK_FUNCTION")
    except ImproperlyConfigured as malformed:
        hint = "The dotted path of a function of request and verification that returns a place."
        yield error("E023", str(malformed), hint)


def _is_file(path: Any) -> bool:
    return isinstance(path, (str, os.PathLike)) and os.path.isfile(path)


def _is_proxy_url(url: Any) -> bool:
    return isinstance(url, str) and _is_http_url(re.sub(r"(?<=//)[^@/]*@", "", url, count=1))


def _leads_somewhere(url: Any) -> bool:
    if not isinstance(url, (str, Promise)) or not url:
        return False
    try:
        return resolve_url(str(url)).startswith(("/", "http://", "https://"))
    except NoReverseMatch:
        return False
