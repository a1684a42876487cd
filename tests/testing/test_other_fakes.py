"""The fake PlasGate beside other fakes of HTTP."""

from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import requests

# Only this environment has the other fakes.
pytestmark = [pytest.mark.worlds, pytest.mark.django_db]

CASSETTE = """
version: 1
interactions:
- request: {method: GET, uri: "https://a.example/", body: null, headers: {}}
  response: {status: {code: 200, message: OK}, headers: {}, body: {string: faked}}
"""


def by_vcrpy(folder: Path) -> Any:
    path = folder / "cassette.yaml"
    path.write_text(CASSETTE)
    return import_module("vcr").use_cassette(str(path), record_mode="none")


@contextmanager
def by_pook(_folder: Path) -> Any:
    pook = import_module("pook")
    with pook.use():
        pook.get("https://a.example/").reply(200).body("faked")
        yield


@pytest.mark.parametrize("fake", [by_vcrpy, by_pook])
def test_another_fake_takes_its_calls_and_ours_the_exchange(fake, tmp_path, visitor, plasgate_ip):
    with fake(tmp_path):
        assert requests.get("https://a.example/", timeout=5).text == "faked"
        assert plasgate_ip.verify(visitor).verification.status == "verified"

    assert len(plasgate_ip.calls) == 1
