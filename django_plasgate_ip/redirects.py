"""The URLs that a visitor is redirected to: the callback, ``next`` and the fallback."""

import logging
import re
from collections.abc import Iterable
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse
from django.utils import translation
from django.utils.encoding import iri_to_uri
from django.utils.http import url_has_allowed_host_and_scheme

from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.conf import conf, load_function
from django_plasgate_ip.models import PhoneVerification

logger = logging.getLogger("django_plasgate_ip")

# Characters of the percent-encoded URL in the Location header.
MAX_URL_LENGTH = 2000


def callback_path() -> str:
    """Return the callback's path in the site's default language.

    One path for all languages: the PlasGate account may accept only one ``redirect_uri``. Raises
    NoReverseMatch if the site's URLs do not include the app's.
    """
    with translation.override(settings.LANGUAGE_CODE):
        return reverse("plasgate_ip:callback")


def redirect_uri(request: HttpRequest, nonce: str) -> str:
    """Return the callback's URL, with `nonce` in its query unless that is empty."""
    url = absolute(request, callback_path())
    return f"{url}?{urlencode({'nonce': nonce})}" if nonce else url


def has_nonce(scopes: Iterable[str]) -> bool:
    """Whether the ``redirect_uri`` of a start with these scopes carries a nonce."""
    setting = conf.PLASGATE_IP_CALLBACK_NONCE
    # SECURITY: without a number in the scopes, the answer is not compared with anything. The nonce
    # is then all that ties a code to the browser that started.
    return not scope_sets.needs_number(scopes) if setting is None else setting


def absolute(request: HttpRequest, path: str) -> str:
    """Return `path` with the host of ``PLASGATE_IP_PUBLIC_URL``, by default the request's."""
    public = conf.PLASGATE_IP_PUBLIC_URL
    return public + path if public else request.build_absolute_uri(path)


def safe_next(request: HttpRequest, url: str) -> str:
    """Return `url` if a verified visitor may be redirected to it, or an empty text."""
    # The callback redirects to `next`: a `next` that is the callback would loop.
    if not url or not is_safe_url(request, url) or urlsplit(url).path == callback_path():
        return ""
    return url


def is_safe_url(request: HttpRequest, url: str) -> bool:
    """Whether `url` leads to this site, is printable, and fits in a header."""
    # SECURITY: open redirects. Django's function looks for control characters at the start only; a
    # later NUL breaks PostgreSQL, and a line break splits a header. It also accepts "//" alone, but
    # after "//" or "/\\" browsers read a host.
    return (
        url.isprintable()
        and not re.match(r"[/\\]{2}", url)
        and len(iri_to_uri(url)) <= MAX_URL_LENGTH
        and url_has_allowed_host_and_scheme(
            url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        )
    )


def fallback_url(request: HttpRequest, verification: PhoneVerification | None = None) -> str:
    """Return the site's page for another way to verify, or an empty text if the site has none.

    `verification`: the one that failed. None: a limit refused the start. An invalid fallback is
    logged, not raised, so that the visitor still gets a page. A system check reports it, too.
    """
    try:
        target: str | None = conf.PLASGATE_IP_FALLBACK_URL
        if conf.PLASGATE_IP_FALLBACK_FUNCTION:
            target = load_function("PLASGATE_IP_FALLBACK_FUNCTION")(request, verification)
        return resolve_url(target) if target else ""
    except NoReverseMatch as error:
        logger.error("The fallback is neither a path, a URL nor a url name: %s", error)
    except Exception:
        logger.exception("PLASGATE_IP_FALLBACK_FUNCTION raised an exception")
    return ""
