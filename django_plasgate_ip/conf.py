"""Every setting of the app: its name, type, default and unit.

Each property reads ``django.conf.settings`` on every access, so ``override_settings`` works in
tests. `checks.settings` reports wrong values.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

_T = TypeVar("_T")


class Settings:
    """Typed, uncached access to the ``PLASGATE_IP_*`` settings."""

    @property
    def PLASGATE_IP_PRIVATE_KEY(self) -> str:
        """The API key's public half; the provider puts it into the visitor's address bar."""
        return _setting("PLASGATE_IP_PRIVATE_KEY", "")

    @property
    def PLASGATE_IP_SECRET_KEY(self) -> str:
        """The API key's secret half, sent as ``X-Secret`` and never anywhere else."""
        return _setting("PLASGATE_IP_SECRET_KEY", "")

    @property
    def PLASGATE_IP_CREDENTIALS(self) -> Callable[..., Any] | str | None:
        """A function of the request that returns its `Credentials`; None: the two keys above."""
        return _setting("PLASGATE_IP_CREDENTIALS", None)

    @property
    def PLASGATE_IP_BASE_URL(self) -> str:
        """Where ``authenticate`` and the exchange endpoint live; always ends with one slash."""
        url = _setting("PLASGATE_IP_BASE_URL", "https://cloudapi.plasgate.com/ip/")
        return url.rstrip("/") + "/"

    @property
    def PLASGATE_IP_EXCHANGE_ENDPOINT(self) -> str:
        """The exchange endpoint's name below the base URL (the SDKs say ``check-info``)."""
        return _setting("PLASGATE_IP_EXCHANGE_ENDPOINT", "ip-auth")

    @property
    def PLASGATE_IP_PHONE_PARAMETERS(self) -> Sequence[str]:
        """The query parameters that carry the number to ``authenticate``, all with one value."""
        return _setting("PLASGATE_IP_PHONE_PARAMETERS", ("phone_number", "login_hint"))

    @property
    def PLASGATE_IP_SCOPES(self) -> Sequence[str]:
        """The scopes asked for where the caller names none."""
        return _setting("PLASGATE_IP_SCOPES", ("mobile_id", "phone_verify"))

    @property
    def PLASGATE_IP_DEFAULT_REGION(self) -> str:
        """The ISO 3166 region that a number typed without a country code belongs to."""
        return _setting("PLASGATE_IP_DEFAULT_REGION", "KH")

    @property
    def PLASGATE_IP_PUBLIC_URL(self) -> str | None:
        """Scheme and host that visitors use, without a last slash; None: from the request."""
        url: str | None = _setting("PLASGATE_IP_PUBLIC_URL", None)
        return url.rstrip("/") if url else None

    @property
    def PLASGATE_IP_ATTEMPT_LIFETIME(self) -> timedelta:
        """How long after its start an attempt may still come back."""
        return _setting("PLASGATE_IP_ATTEMPT_LIFETIME", timedelta(minutes=5))

    @property
    def PLASGATE_IP_TIMEOUT(self) -> float:
        """Seconds for the whole exchange, from the first byte sent to the last one read."""
        return _setting("PLASGATE_IP_TIMEOUT", 10)

    @property
    def PLASGATE_IP_CONNECT_TIMEOUT(self) -> float:
        """Seconds for making one connection to the provider."""
        return _setting("PLASGATE_IP_CONNECT_TIMEOUT", 3)

    @property
    def PLASGATE_IP_PROXY(self) -> str | None:
        """URL of the proxy that the exchange goes through; the environment's is never used."""
        return _setting("PLASGATE_IP_PROXY", None)

    @property
    def PLASGATE_IP_CA_BUNDLE(self) -> str | None:
        """Path of the PEM file of trusted authorities; None: the one that requests ships."""
        return _setting("PLASGATE_IP_CA_BUNDLE", None)

    @property
    def PLASGATE_IP_LOGIN_REQUIRED(self) -> bool:
        """Whether only signed-in visitors may start."""
        return _setting("PLASGATE_IP_LOGIN_REQUIRED", True)

    @property
    def PLASGATE_IP_CALLBACK_NONCE(self) -> bool:
        """Whether ``redirect_uri`` carries a nonce, where the provider's account allows it."""
        return _setting("PLASGATE_IP_CALLBACK_NONCE", False)

    @property
    def PLASGATE_IP_CONTINUE_PAGE(self) -> bool:
        """Whether the form is answered by a page that goes on, instead of a redirect."""
        return _setting("PLASGATE_IP_CONTINUE_PAGE", False)

    @property
    def PLASGATE_IP_FALLBACK_URL(self) -> str | None:
        """Where visitors go whose network can't verify them: a path, a URL or a url name."""
        return _setting("PLASGATE_IP_FALLBACK_URL", None)

    @property
    def PLASGATE_IP_FALLBACK_FUNCTION(self) -> str | None:
        """The dotted path of a function that returns such a place, or None for nowhere.

        Its arguments are the request and the verification, which is None where a limit refused
        the start. It wins over ``PLASGATE_IP_FALLBACK_URL``.
        """
        return _setting("PLASGATE_IP_FALLBACK_FUNCTION", None)

    @property
    def PLASGATE_IP_ENCRYPTION_KEYS(self) -> Sequence[str] | None:
        """Fernet keys for ``claims``; the first encrypts, all decrypt. None: see ``fields``."""
        return _setting("PLASGATE_IP_ENCRYPTION_KEYS", None)

    @property
    def PLASGATE_IP_MAX_STARTS_PER_NUMBER(self) -> int | None:
        """Starts an hour for one number, whoever makes them; None: no limit."""
        return _setting("PLASGATE_IP_MAX_STARTS_PER_NUMBER", 10)

    @property
    def PLASGATE_IP_MAX_STARTS_PER_USER(self) -> int | None:
        """Starts an hour of one account; None: no limit."""
        return _setting("PLASGATE_IP_MAX_STARTS_PER_USER", 20)

    @property
    def PLASGATE_IP_MAX_STARTS_PER_ADDRESS(self) -> int | None:
        """Starts an hour from one network address (IPv6: one /64); None: no limit."""
        return _setting("PLASGATE_IP_MAX_STARTS_PER_ADDRESS", None)

    @property
    def PLASGATE_IP_MAX_STARTS_PER_SITE(self) -> int | None:
        """Starts an hour in all; None: no limit."""
        return _setting("PLASGATE_IP_MAX_STARTS_PER_SITE", None)

    @property
    def PLASGATE_IP_TRUSTED_PROXY_COUNT(self) -> int:
        """How many proxies of your own append to ``X-Forwarded-For``; 0 ignores that header."""
        return _setting("PLASGATE_IP_TRUSTED_PROXY_COUNT", 0)

    @property
    def PLASGATE_IP_CLAIMS_RETENTION(self) -> timedelta | None:
        """How long after the start claims are kept; None: for ever."""
        return _setting("PLASGATE_IP_CLAIMS_RETENTION", None)

    @property
    def PLASGATE_IP_ATTEMPT_RETENTION(self) -> timedelta | None:
        """How long after the start an attempt is kept; None: for ever."""
        return _setting("PLASGATE_IP_ATTEMPT_RETENTION", None)


def _setting(name: str, default: _T) -> _T:
    value: _T = getattr(settings, name, default)
    return value


conf = Settings()


def load_function(name: str) -> Callable[..., Any]:
    """Return the site's function in the setting `name`: itself, or its dotted path.

    Raises ImproperlyConfigured for a value that can't be imported or called, and for an ``async``
    function: the app's views are not async.
    """
    function = getattr(conf, name)
    if isinstance(function, str):
        try:
            function = import_string(function)
        except Exception as error:
            # A module of the site may raise anything while Python imports it.
            raise ImproperlyConfigured(f"{name} can't be imported: {function}") from error
    if not callable(function):
        raise ImproperlyConfigured(f"{name} is neither a function nor the dotted path of one.")
    if iscoroutinefunction(function):
        raise ImproperlyConfigured(f"{name} is async. It must be a plain function.")
    loaded: Callable[..., Any] = function
    return loaded
