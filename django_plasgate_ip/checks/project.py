"""System checks of the site around the app: what lets an attempt come back, and of production."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage
from django.template import engines
from django.template.backends.django import DjangoTemplates
from django.template.exceptions import TemplateDoesNotExist, TemplateSyntaxError
from django.template.loader_tags import BlockNode, ExtendsNode
from django.utils.module_loading import import_string

from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.checks.settings import message, value
from django_plasgate_ip.exceptions import InvalidScopes

_SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
_AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
_BACKEND = "django_plasgate_ip.backends.VerifiedPhoneBackend"
_REQUEST = "django.template.context_processors.request"
_EXTENDS = "{% extends %}"
_LOCAL = "django.core.cache.backends.locmem.LocMemCache"
_DUMMY = "django.core.cache.backends.dummy.DummyCache"
# Session backends, and the caches with which another process sees no session, or an old one.
_PRIVATE_CACHES = {"cache": (_LOCAL, _DUMMY), "cached_db": (_LOCAL,)}


def check_project(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Whether the site around us lets an attempt come back."""
    return [*_check_middleware(), *_check_templates(), *_check_sessions(), *_check_backends()]


def check_deployment(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """What may be so in development, and not in production (``check --deploy``)."""
    return list(_check_deployment())


def _check_middleware() -> Iterator[CheckMessage]:
    if not _has_class(settings.MIDDLEWARE, _SESSIONS):
        hint = f"Add {_SESSIONS!r} to MIDDLEWARE: the session ties an attempt to its browser."
        yield message("E007", "The session middleware is missing.", hint)
    if not _has_class(settings.MIDDLEWARE, _AUTHENTICATION):
        hint = f"Add {_AUTHENTICATION!r} to MIDDLEWARE, after the session's."
        yield message("E009", "The authentication middleware is missing.", hint)


def _has_class(paths: Iterable[str], base: str) -> bool:
    """Whether a path leads to `base` or a subclass. Django reports what can't be imported."""
    for path in paths:
        with suppress(AttributeError, ImportError, ValueError):
            found = import_string(path)
            if isinstance(found, type) and issubclass(found, import_string(base)):
                return True
    return False


def _check_templates() -> Iterator[CheckMessage]:
    ours = [engine for engine in engines.all() if isinstance(engine, DjangoTemplates)]
    if not any(_REQUEST in engine.engine.context_processors for engine in ours):
        hint = f"Add {_REQUEST!r} to the context_processors of TEMPLATES."
        yield message("E008", "Templates have no request in their context.", hint)
    if _base_hides_our_pages(ours):
        hint = (
            "Add {% block content %}{% endblock %} to base.html, or override "
            "django_plasgate_ip/base.html to name the block that you have."
        )
        yield message("W004", "base.html has no block named content: our pages are empty.", hint)


def _base_hides_our_pages(ours: Iterable[DjangoTemplates]) -> bool:
    """Whether the site's base.html lacks our block. False if it inherits, or can't be read."""
    try:
        base = _blocks(ours, "base.html")
        between = _blocks(ours, "django_plasgate_ip/base.html")
    except (TemplateDoesNotExist, TemplateSyntaxError):
        return False
    return "content" in between and not base & {"content", _EXTENDS}


def _blocks(ours: Iterable[DjangoTemplates], name: str) -> set[str]:
    """Return the names of the template's blocks, and `_EXTENDS` if it extends another template."""
    for engine in ours:
        with suppress(TemplateDoesNotExist):
            template: Any = engine.get_template(name)
            nodes = template.template.nodelist.get_nodes_by_type((BlockNode, ExtendsNode))
            return {getattr(node, "name", _EXTENDS) for node in nodes}
    raise TemplateDoesNotExist(name)


def _check_sessions() -> Iterator[CheckMessage]:
    if str(settings.SESSION_COOKIE_SAMESITE).lower() == "strict":
        hint = 'Use "Lax": with "Strict" the browser comes back from PlasGate without its session.'
        yield message("W001", "SESSION_COOKIE_SAMESITE is Strict.", hint)
    if _has_session_backend("signed_cookies"):
        hint = "Use database or cache sessions: an old cookie can be replayed."
        yield message("W002", "Sessions are kept in cookies.", hint)
    cache = settings.CACHES.get(settings.SESSION_CACHE_ALIAS, {}).get("BACKEND")
    if any(cache in caches and _has_session_backend(n) for n, caches in _PRIVATE_CACHES.items()):
        hint = "Use a cache that all processes share (Redis, Memcached, the database)."
        yield message("W003", "Sessions are kept in one process's memory.", hint)


def _has_session_backend(name: str) -> bool:
    store = f"django.contrib.sessions.backends.{name}.SessionStore"
    return _has_class([f"{settings.SESSION_ENGINE}.SessionStore"], store)


def _check_backends() -> Iterator[CheckMessage]:
    if not _has_class(settings.AUTHENTICATION_BACKENDS, _BACKEND):
        return
    try:
        scopes = scope_sets.bare(scope_sets.normalise(value("PLASGATE_IP_SCOPES")))
    except (InvalidScopes, TypeError):
        # Has a check of its own.
        return
    if value("PLASGATE_IP_LOGIN_REQUIRED") or not {"phone_verify", "mobile_id"} <= scopes:
        hint = (
            "Set PLASGATE_IP_LOGIN_REQUIRED to False, so that who is not signed in may verify, and "
            "have phone_verify and mobile_id in PLASGATE_IP_SCOPES."
        )
        yield message("W009", "VerifiedPhoneBackend can log nobody in.", hint)


def _check_deployment() -> Iterator[CheckMessage]:
    if str(value("PLASGATE_IP_BASE_URL")).lower().startswith("http:"):
        hint = "Use https: the secret key and people's numbers travel to it."
        yield message("W005", "PLASGATE_IP_BASE_URL is not https.", hint)
    # Tenants may each have a host of their own.
    if value("PLASGATE_IP_PUBLIC_URL") is None and value("PLASGATE_IP_CREDENTIALS") is None:
        hint = (
            "Set it to the site's https://host: behind a proxy the request's own scheme and host "
            "can be wrong, and PlasGate may want the redirect URI registered."
        )
        yield message("W006", "PLASGATE_IP_PUBLIC_URL is not set.", hint)
    if value("PLASGATE_IP_ENCRYPTION_KEYS") is None:
        hint = "Give claims keys of their own: a leaked or lost SECRET_KEY is then not theirs."
        yield message("W007", "Claims are encrypted with keys derived from SECRET_KEY.", hint)
    limits = ("PLASGATE_IP_MAX_STARTS_PER_ADDRESS", "PLASGATE_IP_MAX_STARTS_PER_SITE")
    if not value("PLASGATE_IP_LOGIN_REQUIRED") and not any(map(value, limits)):
        hint = "Set PLASGATE_IP_MAX_STARTS_PER_SITE: whoever comes may start, and each may cost."
        yield message("W008", "Anonymous visitors may start without any limit.", hint)
