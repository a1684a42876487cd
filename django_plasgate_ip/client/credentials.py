"""Whose keys a request's attempts are made with: the site's, or one of its tenants'.

Light, so that settings can import `Credentials`.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from django_plasgate_ip import hooks
from django_plasgate_ip.conf import conf

_SETTING = "PLASGATE_IP_CREDENTIALS"


@dataclass(frozen=True)
class Credentials:
    """A pair of keys as PlasGate generates them; what ``PLASGATE_IP_CREDENTIALS`` returns."""

    private_key: str = field(repr=False)
    secret_key: str = field(repr=False)


def for_request(request: HttpRequest) -> Credentials:
    """Return the keys for what this request starts or finishes.

    Those of the settings may be empty; a site's function must return two that can be sent. Raises
    ImproperlyConfigured, and whatever that function raises.
    """
    if conf.PLASGATE_IP_CREDENTIALS is None:
        return Credentials(conf.PLASGATE_IP_PRIVATE_KEY, conf.PLASGATE_IP_SECRET_KEY)
    keys = _if_usable(hooks.load(_SETTING, conf.PLASGATE_IP_CREDENTIALS)(request))
    # SECURITY: what is not usable may be a secret all the same; by now it is in no frame.
    if keys is None:
        raise ImproperlyConfigured(
            f"{_SETTING} must return django_plasgate_ip.client.Credentials with both keys, "
            "which have neither spaces nor line breaks."
        )
    return keys


def is_key(value: Any) -> bool:
    """Whether this could be a key of PlasGate's: it goes into a header and a URL, as it is."""
    return (
        isinstance(value, str)
        and value != ""
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )


def fingerprint(private_key: str) -> str:
    """Return what an attempt remembers of its keys: enough to tell one tenant from another.

    No salt: the key is random, and too long to be guessed.
    """
    return sha256(private_key.encode()).hexdigest()[:32]


def _if_usable(value: Any) -> Credentials | None:
    if not isinstance(value, Credentials):
        return None
    return value if is_key(value.private_key) and is_key(value.secret_key) else None
