"""System checks of the site around the app, and of what only production needs."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import metadata
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage
from django.http.request import split_domain_port, validate_host
from django.template import engines
from django.template.backends.django import DjangoTemplates
from django.template.exceptions import TemplateDoesNotExist
from django.template.loader_tags import BlockNode, ExtendsNode
from django.utils.module_loading import import_string

from django_plasgate_ip import redirects
from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.checks.settings import is_origin, message, value
from django_plasgate_ip.exceptions import InvalidScopes

_SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
_AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
_LOGIN_BACKEND = "django_plasgate_ip.backends.VerifiedPhoneBackend"
_REQUEST = "django.template.context_processors.request"
_EXTENDS = "{% extends %}"
_LOCAL = "django.core.cache.backends.locmem.LocMemCache"
_DUMMY = "django.core.cache.backends.dummy.DummyCache"
# Session backends, and the caches with which one process can't read the sessions of another.
_PRIVATE_CACHES = {"cache": (_LOCAL, _DUMMY), "cached_db": (_LOCAL,)}


def check_project(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Return a warning for each part of the site with which a verification may not return.

    None is an error: middleware and context processors of a site's own may do the same in another
    way, and an error would stop its migrations.
    """
    return [
        *_check_middleware(),
        *_check_templates(),
        *_check_sessions(),
        *_check_scopes_of_site(),
        *_check_packages(),
    ]


def check_deployment(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Return a warning for what suits development only (``check --deploy``)."""
    return list(_check_deployment())


def _check_middleware() -> Iterator[CheckMessage]:
    if not _has_class(settings.MIDDLEWARE, _SESSIONS):
        hint = (
            f"Add {_SESSIONS!r} to it: the session ties a verification to its browser. If other "
            "middleware sets request.session, silence this check."
        )
        yield message("W016", "MIDDLEWARE has no session middleware of Django's.", hint)
    if not _has_class(settings.MIDDLEWARE, _AUTHENTICATION):
        hint = (
            f"Add {_AUTHENTICATION!r} to it, after the session middleware. If other middleware "
            "sets request.user, silence this check."
        )
        yield message("W017", "MIDDLEWARE has no authentication middleware of Django's.", hint)


def _has_class(paths: Iterable[str] | None, base: str) -> bool:
    """Whether a path names `base` or a subclass. Django reports paths that can't be imported."""
    for path in paths or ():
        # A module of the site may raise anything while Python imports it.
        with suppress(Exception):
            found = import_string(path)
            if isinstance(found, type) and issubclass(found, import_string(base)):
                return True
    return False


def _check_templates() -> Iterator[CheckMessage]:
    ours = [engine for engine in engines.all() if isinstance(engine, DjangoTemplates)]
    if not any(_REQUEST in engine.engine.context_processors for engine in ours):
        hint = (
            f"Add {_REQUEST!r} to the context_processors of Django's engine. If another processor "
            "adds the request, silence this check."
        )
        yield message("W018", "TEMPLATES has no engine with the request processor.", hint)
    if _base_hides_our_pages(ours):
        hint = (
            "Add {% block content %}{% endblock %} to base.html, or override "
            "django_plasgate_ip/base.html to fill a block that base.html has."
        )
        text = "base.html has no block named content, so the app's pages are empty."
        yield message("W004", text, hint)


def _base_hides_our_pages(ours: Iterable[DjangoTemplates]) -> bool:
    try:
        base = _blocks(ours, "base.html")
        between = _blocks(ours, "django_plasgate_ip/base.html")
    except Exception:
        # A missing template, a syntax error, a directory, or a file that is not UTF-8.
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
        text = 'SESSION_COOKIE_SAMESITE is "Strict": browsers return without their session.'
        yield message("W001", text, 'Set it to "Lax", so that PlasGate\'s redirect keeps it.')
    if _has_session_backend("signed_cookies"):
        text = "SESSION_ENGINE stores sessions in cookies, and an old cookie can be replayed."
        yield message("W002", text, "Store sessions in the database or in a cache.")
    cache = settings.CACHES.get(settings.SESSION_CACHE_ALIAS, {}).get("BACKEND")
    if any(cache in caches and _has_session_backend(n) for n, caches in _PRIVATE_CACHES.items()):
        text = "SESSION_ENGINE uses a cache that processes do not share."
        yield message("W003", text, "Use a shared cache: Redis, Memcached or the database.")


def _has_session_backend(name: str) -> bool:
    store = f"django.contrib.sessions.backends.{name}.SessionStore"
    return _has_class([f"{settings.SESSION_ENGINE}.SessionStore"], store)


def _check_scopes_of_site() -> Iterator[CheckMessage]:
    try:
        scopes = scope_sets.bare(scope_sets.normalise(value("PLASGATE_IP_SCOPES")))
    except (InvalidScopes, TypeError):
        # Another check reports it.
        return
    if value("PLASGATE_IP_CALLBACK_NONCE") is False and not scope_sets.needs_number(scopes):
        text = "PLASGATE_IP_CALLBACK_NONCE is False, but PLASGATE_IP_SCOPES carry no number."
        hint = (
            "Set it to None, so that nobody can store their number for another visitor. PlasGate "
            "must accept a redirect URI with a query."
        )
        yield message("W010", text, hint)
    if _has_class(settings.AUTHENTICATION_BACKENDS, _LOGIN_BACKEND):
        yield from _check_login(scopes)


def _check_login(scopes: frozenset[str]) -> Iterator[CheckMessage]:
    if not redirects.has_nonce(scopes):
        text = "VerifiedPhoneBackend is in use, but PLASGATE_IP_CALLBACK_NONCE is not True."
        hint = (
            "Set it to True, so that a callback ends the verification of another browser that it "
            "names. PlasGate must accept a redirect URI with a query."
        )
        yield message("W011", text, hint)
    if value("PLASGATE_IP_LOGIN_REQUIRED") or not {"phone_verify", "mobile_id"} <= scopes:
        hint = (
            "Set PLASGATE_IP_LOGIN_REQUIRED to False, so that visitors can verify before they log "
            "in. Have phone_verify and mobile_id in PLASGATE_IP_SCOPES."
        )
        text = "AUTHENTICATION_BACKENDS has VerifiedPhoneBackend, which can't log anybody in."
        yield message("W009", text, hint)


def _check_packages() -> Iterator[CheckMessage]:
    if _is_distributed("phonenumbers") and _is_distributed("phonenumberslite"):
        text = "phonenumbers and phonenumberslite are both installed: they overwrite each other."
        hint = "Uninstall both. Then install phonenumbers again, which has the files of both."
        yield message("W014", text, hint)


def _is_distributed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _check_deployment() -> Iterator[CheckMessage]:
    if str(value("PLASGATE_IP_BASE_URL")).lower().startswith("http:"):
        hint = "Use https: the app sends the secret key and phone numbers to this URL."
        yield message("W005", "PLASGATE_IP_BASE_URL is not an https URL.", hint)
    # Each tenant may have its own host.
    if value("PLASGATE_IP_PUBLIC_URL") is None and value("PLASGATE_IP_CREDENTIALS") is None:
        hint = (
            "Set it to the site's https://host: behind a proxy the request's own scheme and host "
            "can be wrong, and PlasGate may want the redirect URI registered."
        )
        yield message("W006", "PLASGATE_IP_PUBLIC_URL is not set.", hint)
    fallbacks = ("PLASGATE_IP_FALLBACK_URL", "PLASGATE_IP_FALLBACK_FUNCTION")
    if all(value(name) is None for name in fallbacks):
        text = f"Neither {' nor '.join(fallbacks)} is set: some visitors can't go on."
        hint = (
            "Set one of them to another way to verify, such as a page with an SMS code or your "
            "support: a network may be unable to verify its own subscribers."
        )
        yield message("W020", text, hint)
    if problem := _public_host_problem():
        setting, hint = problem
        text = f"PLASGATE_IP_PUBLIC_URL has a host that {setting} does not cover."
        yield message("W012", text, hint)
    if value("PLASGATE_IP_ENCRYPTION_KEYS") is None:
        text = "PLASGATE_IP_ENCRYPTION_KEYS is not set: claims use keys derived from SECRET_KEY."
        hint = "Set it to keys of their own, so that a leaked or lost SECRET_KEY does not matter."
        yield message("W007", text, hint)
    # A list, a tuple or a text. Another check reports what is wrong with it.
    scopes = str(value("PLASGATE_IP_SCOPES"))
    if "profile" in scopes and value("PLASGATE_IP_CLAIMS_RETENTION") is None:
        text = "PLASGATE_IP_CLAIMS_RETENTION is not set, and the scope profile stores identities."
        hint = "Set it to the time for which you need names, birth dates and document numbers."
        yield message("W013", text, hint)
    limits = ("PLASGATE_IP_MAX_STARTS_PER_ADDRESS", "PLASGATE_IP_MAX_STARTS_PER_SITE")
    if not value("PLASGATE_IP_LOGIN_REQUIRED") and not any(map(value, limits)):
        text = f"{' and '.join(limits)} are not set: anonymous visitors start without a limit."
        hint = "Set at least one of them: anybody can start, and each start may cost you balance."
        yield message("W008", text, hint)


def _public_host_problem() -> tuple[str, str] | None:
    """Return the setting that does not cover the public host, and what to do; None if all do."""
    public = value("PLASGATE_IP_PUBLIC_URL")
    if not public or not is_origin(public):
        return None
    host, _port = split_domain_port(public.partition("//")[2].lower())
    if not validate_host(host, settings.ALLOWED_HOSTS or ()):
        return "ALLOWED_HOSTS", (
            f"Add {host!r} to ALLOWED_HOSTS, or Django may answer 400 to the callback."
        )
    domain = (settings.SESSION_COOKIE_DOMAIN or host).lower().lstrip(".")
    if not f".{host}".endswith(f".{domain}"):
        return "SESSION_COOKIE_DOMAIN", (
            f"Set SESSION_COOKIE_DOMAIN to None or to a domain of {host!r}, or browsers come back "
            "without their session."
        )
    return None
