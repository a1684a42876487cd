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


def test_a_number_is_verified_and_its_signal_is_sent_once(
    user: User, answers: Answers, receivers: Receivers
) -> None:
    answers()
    browser = AsgiVisitor()
    browser.force_login(user)

    assert browser.verify(next="/here/")["Location"] == "/here/"
    assert browser.come_back()["Location"] == f"/phone/{newest().pk}/"
    assert outcome() == ("verified", "")
    assert newest().user == user
    assert receivers.heard == [("verified", newest())]
    assert len(answers.calls) == 1


@pytest.mark.worlds
def test_uvicorn_serves_others_while_an_operator_is_slow(tmp_path: Path) -> None:
    """The number with the ending 24 takes until the client's deadline of ten seconds."""
    site = copied_to(tmp_path)
    assert manage(site, "migrate", "--verbosity=0").returncode == 0
    pages: list[requests.Response] = []
    with uvicorn(site) as origin, requests.Session() as browser:
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
    assert "Traceback" not in (site / "log").read_text()


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
            env=environment(DJANGO_SETTINGS_MODULE="example.settings"),
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
