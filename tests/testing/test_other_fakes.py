"""The fake PlasGate beside other fakes of HTTP, and beside a server of the test's own."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests

from django_plasgate_ip.testing import PlasGate
from tests.visitor import Visitor

# Only this environment has the other fakes.
pytestmark = [pytest.mark.worlds, pytest.mark.django_db]

CASSETTE = """
version: 1
interactions:
- request: {method: GET, uri: "https://a.example/", body: null, headers: {}}
  response:
    status: {code: 200, message: OK}
    headers: {}
    body: {string: "faked"}
"""


def by_vcrpy(folder: Path) -> AbstractContextManager[Any]:
    path = folder / "cassette.yaml"
    path.write_text(CASSETTE)
    recorded: AbstractContextManager[Any] = import_module("vcr").use_cassette(
        str(path), record_mode="none"
    )
    return recorded


@contextmanager
def by_pook(folder: Path) -> Iterator[Any]:
    pook = import_module("pook")
    with pook.use() as engine:
        pook.get("https://a.example/").reply(200).body("faked")
        yield engine


@pytest.mark.parametrize("fake", [by_vcrpy, by_pook])
def test_another_fake_takes_its_calls_and_ours_the_exchange(
    fake: Callable[[Path], AbstractContextManager[Any]],
    tmp_path: Path,
    visitor: Visitor,
    plasgate_ip: PlasGate,
) -> None:
    with fake(tmp_path):
        assert requests.get("https://a.example/", timeout=5).text == "faked"
        assert plasgate_ip.verify(visitor).verification.status == "verified"

    assert len(plasgate_ip.calls) == 1


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_of_the_test_takes_calls(plasgate_ip: PlasGate, host: str) -> None:
    with HTTPServer(("127.0.0.1", 0), Hello) as server:
        Thread(target=server.handle_request, daemon=True).start()

        assert requests.get(f"http://{host}:{server.server_port}/", timeout=5).status_code == 204
