"""The URLs that a visitor is led to: the callback, ``next``, the landing page, the fallback."""

import logging
import posixpath
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import unquote, urlencode, urljoin, urlsplit, urlunsplit

from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve, reverse
from django.utils import translation
from django.utils.encoding import iri_to_uri
from django.utils.http import url_has_allowed_host_and_scheme

from django_plasgate_ip import scopes as scope_sets
from django_plasgate_ip.conf import conf, load_function
from django_plasgate_ip.models import PhoneVerification

logger = logging.getLogger("django_plasgate_ip")

# Characters of the percent-encoded URL in the Location header.
MAX_URL_LENGTH = 2000
# Control characters, and surrogates, which UTF-8 can't encode. Other invisible characters belong to
# paths: Khmer keyboards put zero-width spaces between words.
_UNSAFE_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# In the query of the start page: the browser has been redirected to the public host.
MOVED = "moved"
# In the query of the start page: the visitor comes to verify a number, perhaps for another time.
AGAIN = "again"


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


def new_nonce(scopes: Iterable[str]) -> str:
    """Return what names a verification to the browser that comes back; empty if nothing does."""
    return secrets.token_urlsafe(16) if has_nonce(scopes) else ""


def absolute(request: HttpRequest, path: str) -> str:
    """Return `path` with the host of ``PLASGATE_IP_PUBLIC_URL``, by default the request's."""
    public = conf.PLASGATE_IP_PUBLIC_URL
    return public + path if public else request.build_absolute_uri(path)


def safe_next(request: HttpRequest, url: str) -> str:
    """Return `url` if a verified visitor may be redirected to it, or an empty text.

    It leads to this site and not to the callback, can be stored, and fits in a header.
    """
    # SECURITY: open redirects. Django's function looks for control characters at the start only; a
    # later NUL breaks PostgreSQL, and a line break splits a header. It also accepts "//" alone, but
    # after "//" or "/\\" browsers read a host.
    is_safe = (
        not _UNSAFE_CHARACTERS.search(url)
        and not re.match(r"[/\\]{2}", url)
        and len(iri_to_uri(url)) <= MAX_URL_LENGTH
        and url_has_allowed_host_and_scheme(
            url,
            allowed_hosts={request.get_host(), _public_host()},
            require_https=request.is_secure(),
        )
    )
    # The callback redirects to `next`: a `next` that leads to the callback would loop.
    return url if is_safe and not _leads_to_callback(url) else ""


def _leads_to_callback(url: str) -> bool:
    """Whether a browser that follows `url` from the callback opens the callback."""
    # Browsers read a backslash as a slash and "%2e" as a dot. Servers merge slashes.
    target = urljoin(callback_path(), url.strip(" ").replace("\\", "/"))
    path = posixpath.normpath("/" + unquote(urlsplit(target).path).lstrip("/"))
    prefix = get_script_prefix()
    if not f"{path}/".startswith(prefix):
        return False
    path = f"/{path[len(prefix) :]}"
    usual = translation.get_language_from_path(path) or settings.LANGUAGE_CODE
    languages = {usual, translation.get_language() or usual}
    return any(_is_callback(path, language) for language in languages)


def _is_callback(path: str, language: str) -> bool:
    """Whether the path without its last slash is the callback's, if this language is active."""
    with translation.override(language):
        # Django's middleware redirects a path without its last slash or its language.
        for whole in (f"{path}/", f"/{language}{path}/"):
            with suppress(Resolver404):
                match = resolve(whole)
                if match.app_names[-1:] == ["plasgate_ip"] and match.url_name == "callback":
                    return True
    return False


def start_on_public_host(request: HttpRequest) -> str:
    """Return the start page's URL on the public host, with ``next`` and ``again``.

    It is an empty text if the request has that host, or has been redirected before: behind many
    proxies, no request has the public host.
    """
    port = re.compile(":(80|443)$")
    hosts = {port.sub("", host.lower()) for host in (request.get_host(), _public_host()) if host}
    if len(hosts) == 1 or MOVED in request.GET:
        return ""
    parts = urlsplit(safe_next(request, request.GET.get("next", "")).strip(" "))
    # The public host would refuse a `next` that names this one.
    path = parts.path or ("/" if parts.netloc else "")
    next_url = urlunsplit(("", "", path, parts.query, parts.fragment))
    query = {"next": next_url, MOVED: "1"} if next_url else {MOVED: "1"}
    query |= {AGAIN: "1"} if AGAIN in request.GET else {}
    return absolute(request, reverse("plasgate_ip:start", query=query))


def _public_host() -> str:
    return (conf.PLASGATE_IP_PUBLIC_URL or "").partition("//")[2]


def landing_url() -> str:
    """Return where a verified visitor without ``next`` continues.

    It is ``LOGIN_REDIRECT_URL`` if the site sets it, else the site's home: most sites do not have
    Django's default, ``/accounts/profile/``. An invalid one is logged, not raised.
    """
    target = settings.LOGIN_REDIRECT_URL
    try:
        if target and settings.is_overridden("LOGIN_REDIRECT_URL"):  # type: ignore[misc]
            return resolve_url(target)
    except NoReverseMatch as error:
        logger.error("LOGIN_REDIRECT_URL is neither a path, a URL nor a url name: %s", error)
    return get_script_prefix()


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
