"""A verification on an ASGI server: through Django's handler, and in a real process."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import AsyncClient

from tests.conftest import Answers, Receivers
from tests.servers import LONG
from tests.test_example import copied_to, environment, manage, send
from tests.visitor import TYPED, Visitor, newest, outcome


class AsgiVisitor(Visitor):
    """The same browser, whose requests go through Django's ASGI handler."""

    def __init__(self, **defaults: Any) -> None:
        super().__init__(**defaults)
        self._client = AsyncClient(enforce_csrf_checks=True)
        self._client.cookies = self.cookies

    def get(self, path: str, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return self._send(self._client.get, path, *args, **kwargs)

    def post(self, path: str, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return self._send(self._client.post, path, *args, **kwargs)

    def _send(self, method: Any, path: str, *args: Any, **kwargs: Any) -> Any:
        response = async_to_sync(method)(path, *args, **kwargs)
        assert response.asgi_request.scope["type"] == "http"
        response.request["PATH_INFO"] = path
        return response


@pytest.fixture
def asgi_visitor(user: User) -> AsgiVisitor:
    browser = AsgiVisitor()
    browser.force_login(user)
    return browser


def test_a_number_is_verified_and_its_signal_is_sent_once(
    asgi_visitor: AsgiVisitor, user: User, answers: Answers, receivers: Receivers
) -> None:
    answers()

    response = asgi_visitor.verify(next="/here/")

    assert response["Location"] == "/here/"
    assert outcome() == ("verified", "")
    assert newest().user == user
    assert receivers.heard == [("verified", newest())]
    assert asgi_visitor.come_back()["Location"] == "/here/"
    assert len(answers.calls) == 1


def test_the_limit_counts_the_visitors_address(asgi_visitor: AsgiVisitor, settings: Any) -> None:
    settings.PLASGATE_IP_MAX_STARTS_PER_ADDRESS = 1

    assert asgi_visitor.start().status_code == 302
    assert asgi_visitor.start().status_code == 429
    settings.PLASGATE_IP_TRUSTED_PROXY_COUNT = 1
    token = asgi_visitor.cookies["csrftoken"].value
    behind = asgi_visitor.post(
        "/phone/",
        {"phone_number": TYPED},
        headers={
            "x-forwarded-for": "192.0.2.7",
            "x-csrftoken": token,
            "accept": "application/json",
        },
    )
    assert behind.json()["detail_url"] == f"/phone/{newest().pk}/"


# A real server


@contextmanager
def uvicorn(site: Path) -> Iterator[str]:
    """Serve the example, whose sandbox is the operator; yield its address."""
    # A socket that listens already: requests wait until the server has started.
    with socket.create_server(("127.0.0.1", 0)) as listener, (site / "log").open("w") as log:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", "example.asgi:application"),
                *(f"--fd={listener.fileno()}", "--no-access-log"),
            ],
            cwd=site,
            env=environment(
                PLASGATE_IP_BASE_URL=f"{origin}/sandbox/", DJANGO_SETTINGS_MODULE="example.settings"
            ),
            stdout=log,
            stderr=log,
            pass_fds=[listener.fileno()],
        )
    try:
        yield origin
    finally:
        # Not `terminate`, which would wait for the sandbox's slow operator.
        process.kill()
        process.wait(LONG)


@contextmanager
def member(origin: str, name: str) -> Iterator[tuple[requests.Session, requests.Response]]:
    """Yield a browser that has just signed up, and the start page."""
    password = "tuk-tuk-tonle-sap"
    with requests.Session() as browser:
        browser.trust_env = False
        form = browser.get(f"{origin}/accounts/signup/", timeout=LONG)
        yield browser, send(browser, form, username=name, password1=password, password2=password)


@pytest.mark.worlds
def test_uvicorn_serves_others_while_an_operator_is_slow(tmp_path: Path) -> None:
    """The number with the ending 24 takes until the client's deadline of ten seconds."""
    site = copied_to(tmp_path)
    assert manage(site, "migrate", "--verbosity=0").returncode == 0
    pages: list[requests.Response] = []
    with uvicorn(site) as origin:
        with member(origin, "sok") as (browser, start):
            members = send(browser, start, phone_number=TYPED)
        assert members.url == f"{origin}/members/"
        assert "+855 77 *** *18" in members.text

        with member(origin, "sao") as (browser, start):
            slow = threading.Thread(
                target=lambda: pages.append(send(browser, start, phone_number="85577696124"))
            )
            slow.start()
            time.sleep(2)
            for _time in range(5):
                assert requests.get(origin, timeout=5).ok
                assert slow.is_alive()
            slow.join(LONG)
    assert "Not verified" in pages[0].text
    assert "Traceback" not in (site / "log").read_text()
