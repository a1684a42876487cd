"""Every setting: its name, type, default and unit. `checks.settings` reports wrong values."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Generic, TypeVar

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

_T = TypeVar("_T")


class Setting(Generic[_T]):
    """A setting that is read on every access, so ``override_settings`` works in tests."""

    def __init__(self, default: _T, clean: Callable[[_T], _T] = lambda value: value) -> None:
        self._default = default
        self._clean = clean

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: Any = None) -> _T:
        return self._clean(getattr(settings, self._name, self._default))


class Settings:
    """Typed access to the ``PLASGATE_IP_*`` settings, with their defaults."""

    #: The public half of the API key. It appears in the visitor's address bar.
    PLASGATE_IP_PRIVATE_KEY = Setting[str]("")
    #: The secret half of the API key, sent as ``X-Secret`` and nowhere else.
    PLASGATE_IP_SECRET_KEY = Setting[str]("")
    #: A function of the request that returns its `Credentials`; None: the two keys above.
    PLASGATE_IP_CREDENTIALS = Setting[Callable[..., Any] | str | None](None)
    #: Where ``authenticate`` and the exchange endpoint are. It always ends with one slash.
    PLASGATE_IP_BASE_URL = Setting[str](
        "https://cloudapi.plasgate.com/ip/", clean=lambda url: url.rstrip("/") + "/"
    )
    #: The exchange endpoint's name below the base URL (the SDKs say ``check-info``).
    PLASGATE_IP_EXCHANGE_ENDPOINT = Setting[str]("ip-auth")
    #: The query parameters that carry the number to ``authenticate``, all with one value.
    PLASGATE_IP_PHONE_PARAMETERS = Setting[Sequence[str]](("phone_number", "login_hint"))
    #: The scopes to request if the caller names none.
    PLASGATE_IP_SCOPES = Setting[Sequence[str]](("mobile_id", "phone_verify"))
    #: The ISO 3166 region that a number typed without a country code belongs to.
    PLASGATE_IP_DEFAULT_REGION = Setting[str]("KH")
    #: The ISO 3166 regions whose numbers may start a verification; None: all.
    PLASGATE_IP_REGIONS = Setting[Sequence[str] | None](None)
    #: ``"valid"``: phonenumbers knows the number; ``"possible"``: it has a mobile number's length.
    PLASGATE_IP_NUMBER_VALIDATION = Setting[str]("valid")
    #: Scheme and host that visitors use, without a slash at the end; None: those of the request.
    PLASGATE_IP_PUBLIC_URL = Setting[str | None](
        None, clean=lambda url: url.rstrip("/") if url else None
    )
    #: How long after its start a callback can finish a verification.
    PLASGATE_IP_ATTEMPT_LIFETIME = Setting[timedelta](timedelta(minutes=5))
    #: Seconds for the whole exchange, from the first byte sent to the last one read.
    PLASGATE_IP_TIMEOUT = Setting[float](10)
    #: Seconds for making one connection to the provider.
    PLASGATE_IP_CONNECT_TIMEOUT = Setting[float](3)
    #: URL of the proxy for the exchange; a proxy of the environment is ignored.
    PLASGATE_IP_PROXY = Setting[str | None](None)
    #: Path of the PEM file of trusted authorities; None: the one that requests ships.
    PLASGATE_IP_CA_BUNDLE = Setting[str | None](None)
    #: Whether only signed-in visitors may start.
    PLASGATE_IP_LOGIN_REQUIRED = Setting[bool](True)
    #: Whether ``redirect_uri`` carries a nonce; None: where the scopes carry no number.
    PLASGATE_IP_CALLBACK_NONCE = Setting[bool | None](None)
    #: Whether the form's answer is a page that refreshes to PlasGate, instead of a redirect.
    PLASGATE_IP_CONTINUE_PAGE = Setting[bool](False)
    #: The page for visitors whose network can't verify them: a path, a URL or a url name.
    PLASGATE_IP_FALLBACK_URL = Setting[str | None](None)
    #: The dotted path of a function that returns such a page, or None.
    #:
    #: Its arguments are the request and the verification, which is None if a limit refused the
    #: start. It wins over ``PLASGATE_IP_FALLBACK_URL``.
    PLASGATE_IP_FALLBACK_FUNCTION = Setting[str | None](None)
    #: Fernet keys for ``claims``; the first encrypts, all decrypt. None: see `encryption`.
    PLASGATE_IP_ENCRYPTION_KEYS = Setting[Sequence[str] | None](None)
    #: Starts an hour for one number, by all visitors together; None: no limit.
    PLASGATE_IP_MAX_STARTS_PER_NUMBER = Setting[int | None](10)
    #: Starts an hour of one account; None: no limit.
    PLASGATE_IP_MAX_STARTS_PER_USER = Setting[int | None](20)
    #: Starts an hour from one network address (IPv6: one /64); None: no limit.
    PLASGATE_IP_MAX_STARTS_PER_ADDRESS = Setting[int | None](None)
    #: Starts an hour in all; None: no limit.
    PLASGATE_IP_MAX_STARTS_PER_SITE = Setting[int | None](None)
    #: How many of the site's own proxies append to ``X-Forwarded-For``; 0 ignores that header.
    PLASGATE_IP_TRUSTED_PROXY_COUNT = Setting[int](0)
    #: How long after the start claims are kept; None: for ever.
    PLASGATE_IP_CLAIMS_RETENTION = Setting[timedelta | None](None)
    #: How long after the start a verification is kept; None: for ever.
    PLASGATE_IP_ATTEMPT_RETENTION = Setting[timedelta | None](None)


conf = Settings()


def load_function(name: str) -> Callable[..., Any]:
    """Return the site's function, which the setting `name` holds or names by its dotted path.

    Raises ImproperlyConfigured for a value that can't be imported or called, and for an ``async``
    function: the app's views are not async.
    """
    function = getattr(conf, name)
    if isinstance(function, str):
        try:
            function = import_string(function)
        except Exception as error:
            # A module of the site may raise anything while Python imports it.
            # SECURITY: without the value, which may be a key in the wrong setting.
            raise ImproperlyConfigured(f"{name} can't be imported.") from error
    if not callable(function):
        raise ImproperlyConfigured(f"{name} is neither a function nor the dotted path of one.")
    if iscoroutinefunction(function):
        raise ImproperlyConfigured(f"{name} is async. It must be a plain function.")
    loaded: Callable[..., Any] = function
    return loaded
