"""Where an attempt leads: back to us, once from PlasGate, and on to ``next``."""

from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation
from django.utils.encoding import iri_to_uri
from django.utils.http import url_has_allowed_host_and_scheme

from django_plasgate_ip.conf import conf

# Of a URL as it goes into a header, percent-encoded.
MAX_URL_LENGTH = 2000


def redirect_uri(request: HttpRequest, nonce: str) -> str:
    """Return the callback's URL, with the nonce if there is one."""
    url = absolute(request, _callback_path())
    return f"{url}?{urlencode({'nonce': nonce})}" if nonce else url


def absolute(request: HttpRequest, path: str) -> str:
    """Return `path` with the scheme and host that visitors use."""
    public = conf.PLASGATE_IP_PUBLIC_URL
    return public + path if public else request.build_absolute_uri(path)


def safe_next(request: HttpRequest, url: str) -> str:
    """Return `url` if the visitor may be sent there once verified, else an empty text."""
    # To the callback, a verified visitor would go round and round.
    if not is_safe_url(request, url) or urlsplit(url).path == _callback_path():
        return ""
    return url


def is_safe_url(request: HttpRequest, url: str) -> bool:
    """Whether `url` stays on this site, so that it may be redirected to."""
    # SECURITY: Django's function looks at the first character only; a NUL or a line break further
    # on breaks a database or a header.
    return (
        url.isprintable()
        and len(iri_to_uri(url)) <= MAX_URL_LENGTH
        and url_has_allowed_host_and_scheme(
            url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        )
    )


def _callback_path() -> str:
    """Return the one path, the same in every language: it may have to be registered."""
    with translation.override(settings.LANGUAGE_CODE):
        return reverse("plasgate_ip:callback")
