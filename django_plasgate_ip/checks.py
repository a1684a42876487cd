"""System checks: what a developer should hear before a visitor does. Ids are an interface."""

import math
from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.template import NodeList, engines
from django.template.backends.django import DjangoTemplates
from django.template.exceptions import TemplateDoesNotExist, TemplateSyntaxError
from django.template.loader_tags import BlockNode, ExtendsNode
from django.utils.module_loading import import_string

from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import InvalidScopes

_SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
_AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
_REQUEST = "django.template.context_processors.request"
_LOCAL = "django.core.cache.backends.locmem.LocMemCache"
_DUMMY = "django.core.cache.backends.dummy.DummyCache"
# Session backends, and the caches with which another process sees no session, or an old one.
_PRIVATE_CACHES = {"cache": (_LOCAL, _DUMMY), "cached_db": (_LOCAL,)}


def check_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Whether each of our settings can work."""
    return [
        *_check_key("PLASGATE_IP_PRIVATE_KEY", "E001"),
        *_check_key("PLASGATE_IP_SECRET_KEY", "E002"),
        *_check_urls(),
        *_check_scopes(),
        *_check_phone(),
        *_check_times(),
        *_check_encryption_keys(),
    ]


def check_site(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Whether the site around us lets an attempt come back."""
    return [*_check_middleware(), *_check_templates(), *_check_sessions()]


def check_deployment(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """What may be so in development, and not in production (``check --deploy``)."""
    return list(_check_deployment())


def _error(number: str, text: str, hint: str) -> Error:
    return Error(text, hint=hint, id=f"django_plasgate_ip.{number}")


def _warning(number: str, text: str, hint: str) -> Warning:
    return Warning(text, hint=hint, id=f"django_plasgate_ip.{number}")


def _value(name: str) -> Any:
    """Return the setting as `conf` does, or as it is where its type is too wrong for that."""
    try:
        return getattr(conf, name)
    except (AttributeError, TypeError):
        return getattr(settings, name)


def _check_key(name: str, number: str) -> Iterator[CheckMessage]:
    key = _value(name)
    if not isinstance(key, str) or not key:
        hint = "Generate a key at PlasGate and put it into the environment, not into the code."
        yield _error(number, f"{name} is not set.", hint)
    elif not (key.isascii() and key.isprintable()) or " " in key:
        # It goes into a header and a URL, as it is.
        hint = "Copy it again from PlasGate: it has neither spaces nor line breaks."
        yield _error(number, f"{name} is malformed.", hint)


def _check_urls() -> Iterator[CheckMessage]:
    if not _is_http_url(_value("PLASGATE_IP_BASE_URL")):
        hint = "PlasGate's is https://cloudapi.plasgate.com/ip/."
        yield _error("E003", "PLASGATE_IP_BASE_URL is not an http or https URL.", hint)
    public = _value("PLASGATE_IP_PUBLIC_URL")
    if public is not None and not (_is_http_url(public) and not urlsplit(public).path):
        hint = "Scheme and host, and nothing else: https://www.example.com."
        yield _error("E004", "PLASGATE_IP_PUBLIC_URL is not scheme and host.", hint)


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
    scopes = _value("PLASGATE_IP_SCOPES")
    if isinstance(scopes, str):
        scopes = scopes.split()
    names = list(scopes) if isinstance(scopes, Collection) else [scopes]
    if unknown := [name for name in names if name not in scope_sets.KNOWN]:
        hint = f"PlasGate knows {', '.join(scope_sets.KNOWN)}."
        yield _error("E005", f"PLASGATE_IP_SCOPES has unknown scopes: {unknown!r}.", hint)
        return
    try:
        scope_sets.normalise(names)
    except InvalidScopes:
        hint = f"Add at least one of {', '.join(scope_sets.CUSTOM)}."
        yield _error("E006", "PLASGATE_IP_SCOPES has no custom scope.", hint)


def _check_phone() -> Iterator[CheckMessage]:
    from phonenumbers import SUPPORTED_REGIONS

    region = _value("PLASGATE_IP_DEFAULT_REGION")
    if not isinstance(region, str) or region not in SUPPORTED_REGIONS:
        hint = "An ISO 3166 code in capitals, such as KH."
        yield _error("E010", "PLASGATE_IP_DEFAULT_REGION is not a known region.", hint)
    names = _value("PLASGATE_IP_PHONE_PARAMETERS")
    if not isinstance(names, Collection) or not names or not all(map(_is_name, names)):
        hint = 'A tuple of parameter names; the default is ("phone_number", "login_hint").'
        yield _error("E011", "PLASGATE_IP_PHONE_PARAMETERS is not a list of names.", hint)


def _is_name(name: Any) -> bool:
    # Not a single character: that is what a text without its tuple falls apart into.
    return isinstance(name, str) and len(name) > 1


def _check_times() -> Iterator[CheckMessage]:
    lifetime = _value("PLASGATE_IP_ATTEMPT_LIFETIME")
    if not isinstance(lifetime, timedelta) or lifetime <= timedelta(0):
        hint = "datetime.timedelta(minutes=5) is the default."
        yield _error("E012", "PLASGATE_IP_ATTEMPT_LIFETIME is not a positive timedelta.", hint)
    for name in ("PLASGATE_IP_TIMEOUT", "PLASGATE_IP_CONNECT_TIMEOUT"):
        if not _is_duration(_value(name)):
            hint = "Seconds, as a number: without a timeout one call could hold a worker for ever."
            yield _error("E013", f"{name} is not a positive number.", hint)


def _is_duration(seconds: Any) -> bool:
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    return number and 0 < seconds < math.inf


def _check_encryption_keys() -> Iterator[CheckMessage]:
    from django_plasgate_ip.fields import cipher

    try:
        cipher()
    except ImproperlyConfigured as error:
        problem = str(error)
    except TypeError:
        problem = "PLASGATE_IP_ENCRYPTION_KEYS is not a list of keys as text."
    else:
        return
    yield _error("E014", problem, "Or leave it unset: keys are derived from SECRET_KEY.")


def _check_middleware() -> Iterator[CheckMessage]:
    if not _has_middleware(_SESSIONS):
        hint = f"Add {_SESSIONS!r} to MIDDLEWARE: the session ties an attempt to its browser."
        yield _error("E007", "The session middleware is missing.", hint)
    if not _has_middleware(_AUTHENTICATION):
        hint = f"Add {_AUTHENTICATION!r} to MIDDLEWARE, after the session's."
        yield _error("E009", "The authentication middleware is missing.", hint)


def _has_middleware(wanted: str) -> bool:
    """Whether MIDDLEWARE has this class, or one derived from it."""
    return any(_is_subclass(path, wanted) for path in settings.MIDDLEWARE)


def _is_subclass(path: str, base: str) -> bool:
    """Whether `path` is a class derived from `base`; what can't be imported is told elsewhere."""
    try:
        found = import_string(path)
    except (AttributeError, ImportError, ValueError):
        return False
    return isinstance(found, type) and issubclass(found, import_string(base))


def _check_templates() -> Iterator[CheckMessage]:
    ours = [engine for engine in engines.all() if isinstance(engine, DjangoTemplates)]
    if not any(_REQUEST in engine.engine.context_processors for engine in ours):
        hint = f"Add {_REQUEST!r} to the context_processors of TEMPLATES."
        yield _error("E008", "Templates have no request in their context.", hint)
    if not _base_has_content_block(ours):
        hint = (
            "Add {% block content %}{% endblock %} to base.html, or override "
            "django_plasgate_ip/base.html to name the block that you have."
        )
        yield _warning("W004", "base.html has no block named content: our pages are empty.", hint)


def _base_has_content_block(ours: Iterable[DjangoTemplates]) -> bool:
    """Whether our pages show up in the site's base.html; True where it has none, or its own way."""
    base = _nodes(ours, "base.html")
    between = _nodes(ours, "django_plasgate_ip/base.html")
    if base is None or between is None or "content" not in _blocks(between):
        return True
    return bool(base.get_nodes_by_type(ExtendsNode)) or "content" in _blocks(base)


def _nodes(ours: Iterable[DjangoTemplates], name: str) -> NodeList | None:
    """Return the template's nodes, or None where there is none, or none that can be read."""
    for engine in ours:
        try:
            template: Any = engine.get_template(name)
        except TemplateDoesNotExist:
            continue
        except TemplateSyntaxError:
            return None
        nodes: NodeList = template.template.nodelist
        return nodes
    return None


def _blocks(nodes: NodeList) -> set[str]:
    found: Any = nodes.get_nodes_by_type(BlockNode)
    return {node.name for node in found}


def _check_sessions() -> Iterator[CheckMessage]:
    if str(settings.SESSION_COOKIE_SAMESITE).lower() == "strict":
        hint = 'Use "Lax": with "Strict" the browser comes back from PlasGate without its session.'
        yield _warning("W001", "SESSION_COOKIE_SAMESITE is Strict.", hint)
    if _has_session_backend("signed_cookies"):
        hint = "Use database or cache sessions: an old cookie can be replayed."
        yield _warning("W002", "Sessions are kept in cookies.", hint)
    cache = settings.CACHES.get(settings.SESSION_CACHE_ALIAS, {}).get("BACKEND")
    if any(cache in caches and _has_session_backend(n) for n, caches in _PRIVATE_CACHES.items()):
        hint = "Use a cache that all processes share (Redis, Memcached, the database)."
        yield _warning("W003", "Sessions are kept in one process's memory.", hint)


def _has_session_backend(name: str) -> bool:
    backends = "django.contrib.sessions.backends"
    return _is_subclass(
        f"{settings.SESSION_ENGINE}.SessionStore", f"{backends}.{name}.SessionStore"
    )


def _check_deployment() -> Iterator[CheckMessage]:
    if str(_value("PLASGATE_IP_BASE_URL")).lower().startswith("http:"):
        hint = "Use https: the secret key and people's numbers travel to it."
        yield _warning("W005", "PLASGATE_IP_BASE_URL is not https.", hint)
    if _value("PLASGATE_IP_PUBLIC_URL") is None:
        hint = (
            "Set it to the site's https://host: behind a proxy the request's own scheme and host "
            "can be wrong, and PlasGate may want the redirect URI registered."
        )
        yield _warning("W006", "PLASGATE_IP_PUBLIC_URL is not set.", hint)
    if _value("PLASGATE_IP_ENCRYPTION_KEYS") is None:
        hint = "Give claims keys of their own: a leaked or lost SECRET_KEY is then not theirs."
        yield _warning("W007", "Claims are encrypted with keys derived from SECRET_KEY.", hint)
