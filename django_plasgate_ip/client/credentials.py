"""The keys for a request's verifications: the site's, or one tenant's."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from django_plasgate_ip.conf import conf, load_function

_SETTING = "PLASGATE_IP_CREDENTIALS"


@dataclass(frozen=True)
class Credentials:
    """A pair of keys from PlasGate's console; ``PLASGATE_IP_CREDENTIALS`` returns one."""

    private_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    #: Where these keys are valid; None: ``PLASGATE_IP_BASE_URL``.
    base_url: str | None = field(default=None, repr=False)


def for_request(request: HttpRequest) -> Credentials:
    """Return the keys for the verification that this request starts or finishes.

    The keys of the settings may be empty. The keys of a site's function must be valid. Raises
    ImproperlyConfigured if they are not. That function's own exceptions are not caught.
    """
    if conf.PLASGATE_IP_CREDENTIALS is None:
        return Credentials(conf.PLASGATE_IP_PRIVATE_KEY, conf.PLASGATE_IP_SECRET_KEY)
    keys = _if_valid(load_function(_SETTING)(request))
    # SECURITY: an invalid value may still be a secret. No frame of this error's traceback holds it.
    if keys is None:
        raise ImproperlyConfigured(
            f"{_SETTING} must return django_plasgate_ip.client.Credentials with both keys, "
            "which have neither spaces nor line breaks."
        )
    return keys


def is_key(value: Any) -> bool:
    """Whether this can be one of PlasGate's keys: text that fits into a header and a URL."""
    return (
        isinstance(value, str)
        and value != ""
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )


def fingerprint(private_key: str) -> str:
    """Return 32 hex digits that identify a private key.

    A verification stores them, so that no other tenant's keys finish it. The hash has no salt,
    because the key is random and too long to guess.
    """
    return sha256(private_key.encode()).hexdigest()[:32]


def _if_valid(value: Any) -> Credentials | None:
    if not isinstance(value, Credentials):
        return None
    return value if is_key(value.private_key) and is_key(value.secret_key) else None
