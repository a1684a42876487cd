"""The example's settings for several machines, with two processes behind one address."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection

from django_plasgate_ip.models import PhoneVerification
from tests.provider import closed_port
from tests.servers import LONG, PatientProvider, RemoteVisitor
from tests.visitor import TYPED, Page, outcome

pytestmark = [pytest.mark.worlds, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "example_project"
MODULE = "example.settings_several"


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def process(port: int, *command: str, **options: Any) -> Iterator[None]:
    """Run a server inside the block, which begins once the server listens on its port."""
    started = subprocess.Popen(command, start_new_session=True, **options)
    give_up = time.monotonic() + LONG
    try:
        while not listens(port):
            assert started.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.05)
        yield
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Any]:
    """Return a client of a new Redis server."""
    client = pytest.importorskip("redis")
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed")
    port = closed_port()
    command = (server, "--port", str(port), "--save", "")
    with (
        process(port, *command, cwd=tmp_path, stdout=subprocess.DEVNULL),
        client.Redis(port=port) as found,
    ):
        yield found


@pytest.fixture
def environment(redis: Any) -> Iterator[dict[str, str]]:
    """Yield the environment variables of each machine."""
    if connection.vendor != "postgresql":
        pytest.skip("the settings are for PostgreSQL")
    database = connection.settings_dict
    login = f"{database['USER']}:{database['PASSWORD']}".removesuffix(":")
    address = f"{database['HOST']}:{database['PORT'] or 5432}"
    provider = PatientProvider()
    yield {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "DJANGO_SETTINGS_MODULE": MODULE,
        "DEBUG": "False",
        "SECRET_KEY": settings.SECRET_KEY,
        "ALLOWED_HOSTS": "testserver",
        "DATABASE_URL": f"postgres://{login}@{address}/{database['NAME']}",
        "REDIS_URL": f"redis://127.0.0.1:{redis.connection_pool.connection_kwargs['port']}/0",
        "PLASGATE_IP_BASE_URL": provider.base_url,
        "PLASGATE_IP_PRIVATE_KEY": settings.PLASGATE_IP_PRIVATE_KEY,
        "PLASGATE_IP_SECRET_KEY": settings.PLASGATE_IP_SECRET_KEY,
    }
    provider.close()


@pytest.fixture
def site(environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[Any, Callable[..., Any]]]:
    """Return the port of two processes, and a function that reads which of them answered."""
    log, port = tmp_path / "access.log", closed_port()
    command = (
        *(sys.executable, "-m", "gunicorn", "--no-control-socket", f"--bind=127.0.0.1:{port}"),
        *("--workers=2", "--worker-class=gthread", "--threads=4"),
        *(f"--access-logfile={log}", "--access-logformat=%(p)s"),
        "example.wsgi:application",
    )
    with process(port, *command, cwd=EXAMPLE, env=environment):
        yield SimpleNamespace(port=port), lambda: log.read_text().splitlines()


def verify(browser: RemoteVisitor) -> None:
    # Each page has other forms, in the site's own base.html.
    token = Page(browser.get("/phone/")).fields["csrfmiddlewaretoken"]
    fields = {"phone_number": TYPED, "next": "/members/", "csrfmiddlewaretoken": token}
    browser.authorize_url = browser.post("/phone/", fields)["Location"]
    assert browser.come_back()["Location"] == "/members/"


def test_either_process_can_answer_each_request_of_a_visitor(
    site: tuple[Any, Callable[..., Any]], redis: Any
) -> None:
    address, answered = site
    processes: list[set[str]] = []
    for number in range(40):
        browser = RemoteVisitor(address)
        browser.force_login(User.objects.create_user(f"visitor{number}"))
        before = len(answered())
        PhoneVerification.objects.all().delete()  # for the limit per number
        verify(browser)
        assert browser.get("/members/").status_code == 200
        assert outcome() == ("verified", "")
        processes.append(set(answered()[before:]))
        if len(processes[-1]) > 1:
            break

    assert len(processes[-1]) == 2, "both processes must answer one visitor"
    assert redis.dbsize() > 0


def test_the_checks_accept_the_sessions_and_the_settings_refuse_debug(
    environment: dict[str, str],
) -> None:
    def check(**changes: str) -> str:
        command = [sys.executable, "manage.py", "check", "--deploy"]
        env = environment | changes
        done = subprocess.run(command, cwd=EXAMPLE, env=env, capture_output=True, text=True)
        return done.stdout + done.stderr

    said = check()
    assert "django_plasgate_ip.W002" not in said
    assert "django_plasgate_ip.W003" not in said
    assert "no issues" in said or "identified some issues" in said
    assert "Set DEBUG=False" in check(DEBUG="True")
