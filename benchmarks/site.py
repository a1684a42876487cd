"""Requests to the site in this process, without the cost of Django's test client."""

import io
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler

from django_plasgate_ip.client.credentials import fingerprint
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import browser_session

NAME = "bench.example"
REMOTE = "192.0.2.1"
CSRF = "c" * 32
_BACKEND = "django.contrib.auth.backends.ModelBackend"


@dataclass
class Browser:
    """A browser with a signed-in user."""

    user: User
    session_key: str
    number: str = field(repr=False)

    @property
    def cookie(self) -> str:
        """The ``Cookie`` header."""
        return f"{settings.SESSION_COOKIE_NAME}={self.session_key}; csrftoken={CSRF}"

    @property
    def digits(self) -> str:
        """The number in the provider's format."""
        return self.number.removeprefix("+")


def new_browsers(many: int, **user_fields: Any) -> list[Browser]:
    """Create `many` users, each signed in with a browser and a session."""
    run = secrets.token_hex(4)
    users = User.objects.bulk_create(
        User(username=f"{run}-{n}", password="!", **user_fields) for n in range(many)
    )
    pairs = zip(users, _numbers(), strict=False)
    return [Browser(user, _session(user), number) for user, number in pairs]


def browser_of(user: User) -> Browser:
    """Return a browser with this user signed in."""
    return Browser(user, _session(user), "")


def _numbers() -> Iterator[str]:
    start = secrets.randbelow(900_000)
    for n in range(100_000):
        yield f"+85512{start + n:06}"


def _session(user: User, **entries: str) -> str:
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store.update(
        {
            SESSION_KEY: str(user.pk),
            BACKEND_SESSION_KEY: _BACKEND,
            HASH_SESSION_KEY: user.get_session_auth_hash(),
            **entries,
        }
    )
    store.save()
    return str(store.session_key)


def with_verifications(browsers: Iterable[Browser]) -> list[Browser]:
    """Give each browser a verification that waits for its callback."""
    found = list(browsers)
    keys = fingerprint(settings.PLASGATE_IP_PRIVATE_KEY)
    keyed = [(browser, secrets.token_hex(16)) for browser in found]
    rows = [
        PhoneVerification(
            user=browser.user,
            phone_number=browser.number,
            scopes="mobile_id phone_verify",
            session_id=key,
            callback_session_id=key,
            key_fingerprint=keys,
            redirect_uri=f"https://{NAME}/phone/callback/",
            next_url="/members/",
            language="en",
        )
        for browser, key in keyed
    ]
    for browser, row in zip(found, PhoneVerification.objects.bulk_create(rows), strict=True):
        entries = {browser_session.SESSION_KEY: row.session_id, "verification": str(row.pk)}
        browser.session_key = _session(browser.user, **entries)
    return found


def callback_path(browser: Browser, path: str = "/phone/callback/") -> str:
    """Return the callback's URL to which the provider redirects the browser."""
    query = {
        "code": secrets.token_urlsafe(80),
        "private_key": settings.PLASGATE_IP_PRIVATE_KEY,
        "redirect_uri": f"https://{NAME}/phone/callback/",
        "session_state": secrets.token_hex(16),
        "state": browser.digits,
    }
    return f"{path}?{urlencode(query)}"


class Site:
    """The WSGI application, called as a server calls it."""

    def __init__(self) -> None:
        self._handler = WSGIHandler()

    def get(self, browser: Browser, url: str, expect: int = 200) -> bytes:
        """Return the body. Raises AssertionError for any other status than `expect`."""
        path, _, query = url.partition("?")
        return self._call(browser, expect, PATH_INFO=path, QUERY_STRING=query)

    def post(self, browser: Browser, path: str, expect: int = 302, **fields: str) -> bytes:
        """Send a form, and return the body. Raises AssertionError as `get` does."""
        body = urlencode(fields).encode()
        return self._call(
            browser,
            expect,
            body,
            PATH_INFO=path,
            REQUEST_METHOD="POST",
            CONTENT_TYPE="application/x-www-form-urlencoded",
            HTTP_X_CSRFTOKEN=CSRF,
            HTTP_REFERER=f"https://{NAME}/",
        )

    def _call(self, browser: Browser, expect: int, body: bytes = b"", **environ: Any) -> bytes:
        seen: list[str] = []

        def start_response(status: str, headers: Any, error: Any = None, /) -> Any:
            seen.append(status)

        response = self._handler(
            {
                "REQUEST_METHOD": "GET",
                "SCRIPT_NAME": "",
                "QUERY_STRING": "",
                "SERVER_NAME": NAME,
                "SERVER_PORT": "443",
                "SERVER_PROTOCOL": "HTTP/1.1",
                "REMOTE_ADDR": REMOTE,
                "HTTP_HOST": NAME,
                "HTTP_COOKIE": browser.cookie,
                "HTTP_ACCEPT": "text/html",
                "CONTENT_LENGTH": str(len(body)),
                "wsgi.url_scheme": "https",
                "wsgi.input": io.BytesIO(body),
                **environ,
            },
            start_response,
        )
        content = b"".join(response)
        response.close()
        assert seen[0].startswith(str(expect)), (seen[0], content[:2000])
        return content
