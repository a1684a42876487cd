"""A verification on an ASGI server: through Django's handler, and in a real process."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from tests.servers import LONG, Server
from tests.test_example import copied_to, environment, manage, send
from tests.visitor import TYPED, Visitor, newest, outcome

PASSWORD = "tuk-tuk-tonle-sap"


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


def test_a_number_is_verified_and_its_signal_is_sent_once(user, answers, receivers):
    answers()
    browser = AsgiVisitor()
    browser.force_login(user)

    assert browser.verify(next="/here/")["Location"] == "/here/"
    assert browser.come_back()["Location"] == f"/phone/{newest().pk}/"
    assert (newest().user, outcome()) == (user, ("verified", ""))
    assert receivers.heard == [("verified", newest())]
    assert len(answers.calls) == 1


@pytest.fixture
def uvicorn(tmp_path: Path) -> Iterator[Server]:
    """Serve the example, whose sandbox is the operator."""
    site = copied_to(tmp_path)
    assert manage(site, "migrate", "--verbosity=0").returncode == 0
    env = environment(DJANGO_SETTINGS_MODULE="example.settings")
    command = ("uvicorn", "example.asgi:application", "--fd={fd}", "--no-access-log")
    server = Server(site / "log", env, *command, cwd=site)
    yield server
    server.end()


@pytest.mark.worlds
def test_uvicorn_serves_others_while_an_operator_is_slow(uvicorn):
    """The number with the ending 24 takes until the client's deadline of ten seconds."""
    origin = uvicorn.origin
    pages: list[requests.Response] = []
    with requests.Session() as browser:
        browser.trust_env = False
        form = browser.get(f"{origin}/accounts/signup/", timeout=LONG)
        start = send(browser, form, username="sok", password1=PASSWORD, password2=PASSWORD)
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
        assert "+855 77 *** *18" in send(browser, start, phone_number=TYPED).text
