"""Where an attempt leads: back to us, once from PlasGate, and on to ``next``."""

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import (
    NoReverseMatch,
    URLResolver,
    get_resolver,
    get_script_prefix,
    get_urlconf,
    reverse,
)
from django.utils import translation
from django.utils.encoding import iri_to_uri
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme

from django_plasgate_ip import hooks
from django_plasgate_ip.conf import conf
from django_plasgate_ip.models import PhoneVerification

logger = logging.getLogger("django_plasgate_ip")

# Of a URL as it goes into a header, percent-encoded.
MAX_URL_LENGTH = 2000


def redirect_uri(request: HttpRequest, nonce: str) -> str:
    """Return the callback's URL, with the nonce if there is one."""
    url = absolute(request, callback_path())
    return f"{url}?{urlencode({'nonce': nonce})}" if nonce else url


def absolute(request: HttpRequest, path: str) -> str:
    """Return `path` with the scheme and host that visitors use."""
    public = conf.PLASGATE_IP_PUBLIC_URL
    return public + path if public else request.build_absolute_uri(path)


def safe_next(request: HttpRequest, url: str) -> str:
    """Return `url` if the visitor may be sent there once verified, else an empty text."""
    # To the callback, a verified visitor would go round and round.
    if not url or not is_safe_url(request, url) or urlsplit(url).path == callback_path():
        return ""
    return url


def is_safe_url(request: HttpRequest, url: str) -> bool:
    """Whether `url` stays on this site, so that it may be redirected to."""
    # SECURITY: Django's function looks at the first character only; a NUL or a line break further
    # on breaks a database or a header. "//" and "/\\" name a host, or none at all: a dead link.
    return (
        url.isprintable()
        and not re.match(r"[/\\]{2}", url)
        and len(iri_to_uri(url)) <= MAX_URL_LENGTH
        and url_has_allowed_host_and_scheme(
            url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        )
    )


def fallback_url(request: HttpRequest, verification: PhoneVerification | None = None) -> str:
    """Return where a visitor goes whose network can't verify; empty where there is nowhere.

    `verification`: the attempt that failed; None where none was let through. A fallback that is
    none is logged: a check says so, too, and who is stuck already must not meet a 500.
    """
    setting = conf.PLASGATE_IP_FALLBACK_URL
    if not setting:
        return ""
    try:
        target = fallback(setting)
        url = target(request, verification) if callable(target) else target
        return resolve_url(url) if url else ""
    except NoReverseMatch as error:
        logger.error("PLASGATE_IP_FALLBACK_URL names no page: %s", error)
    except Exception:
        logger.exception("PLASGATE_IP_FALLBACK_URL has no answer")
    return ""


def fallback(setting: Any) -> str | Callable[[HttpRequest, PhoneVerification | None], str | None]:
    """Return the URL that ``PLASGATE_IP_FALLBACK_URL`` is, or the function that knows it.

    A url name wins; then names with dots between are a function's path, and all other text is a
    path or a URL. Raises NoReverseMatch, and ImproperlyConfigured for a function that is none.
    """
    if isinstance(setting, Promise):
        setting = str(setting)
    if isinstance(setting, str):
        with suppress(NoReverseMatch):
            return reverse(setting)
        if not hooks.is_dotted_path(setting):
            return resolve_url(setting)
    return hooks.load("PLASGATE_IP_FALLBACK_URL", setting)


def callback_path() -> str:
    """Return the one path, the same in every language: it may have to be registered.

    Raises NoReverseMatch where the site's URLs don't include ours.
    """
    resolver = get_resolver(get_urlconf())
    return _callback_path(resolver, get_script_prefix(), settings.LANGUAGE_CODE)


# To ask Django took a hundredth of a start, and a start with a next asks twice. By the resolver,
# which Django keeps as well: where the URLs change it makes a new one, and that one is asked anew.
@lru_cache(maxsize=8)
def _callback_path(resolver: URLResolver, script_prefix: str, language: str) -> str:
    with translation.override(language):
        return reverse("plasgate_ip:callback")
