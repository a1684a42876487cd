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
from tests.servers import LONG, PatientProvider, RemoteVisitor
from tests.visitor import TYPED, Page, outcome

pytestmark = [pytest.mark.worlds, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "example_project"
MODULE = "example.settings_several"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def process(port: int, *command: str, **options: Any) -> Iterator[None]:
    """Run a server inside the block, which begins once the server listens on its port."""
    started = subprocess.Popen(command, start_new_session=True, **options)
    try:
        give_up = time.monotonic() + LONG
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                assert started.poll() is None
                assert time.monotonic() < give_up
                time.sleep(0.05)
            else:
                break
        yield
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


@pytest.fixture
def provider() -> Iterator[PatientProvider]:
    provider = PatientProvider()
    yield provider
    provider.close()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Any]:
    """Return a client of a new Redis server."""
    client = pytest.importorskip("redis")
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed")
    port = free_port()
    quiet = {"cwd": tmp_path, "stdout": subprocess.DEVNULL}
    command = (server, "--port", str(port), "--save", "")
    with process(port, *command, **quiet), client.Redis(port=port) as found:
        yield found


@pytest.fixture
def environment(redis: Any, provider: PatientProvider) -> dict[str, str]:
    """Return the environment variables of each machine."""
    if connection.vendor != "postgresql":
        pytest.skip("the settings are for PostgreSQL")
    database = connection.settings_dict
    login = f"{database['USER']}:{database['PASSWORD']}".removesuffix(":")
    address = f"{database['HOST']}:{database['PORT'] or 5432}"
    return {
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


@pytest.fixture
def site(environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[Any, Callable[..., Any]]]:
    """Return the port of two processes, and a function that reads their access log.

    Each entry has the process id, the method and the path.
    """
    log, port = tmp_path / "access.log", free_port()
    command = (
        *(sys.executable, "-m", "gunicorn", "--no-control-socket", f"--bind=127.0.0.1:{port}"),
        *("--workers=2", "--worker-class=gthread", "--threads=4"),
        *(f"--access-logfile={log}", "--access-logformat=%(p)s %(m)s %(U)s"),
        "example.wsgi:application",
    )
    with process(port, *command, cwd=EXAMPLE, env=environment):
        yield (
            SimpleNamespace(port=port),
            lambda: [line.split() for line in log.read_text().splitlines()],
        )


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
        processes.append({pid for pid, _method, _path in answered()[before:]})
        if len(processes[-1]) > 1:
            break

    assert len(processes[-1]) == 2, "both processes must answer one visitor"
    assert redis.dbsize() > 0


def test_the_deployment_checks_accept_the_sessions(
    environment: dict[str, str],
) -> None:
    command = [sys.executable, "manage.py", "check", "--deploy"]
    done = subprocess.run(command, cwd=EXAMPLE, env=environment, capture_output=True, text=True)
    assert "django_plasgate_ip.W002" not in done.stderr
    assert "django_plasgate_ip.W003" not in done.stderr
    assert "no issues" in done.stdout or "identified some issues" in done.stderr


def test_the_settings_refuse_debug(environment: dict[str, str]) -> None:
    environment = environment | {"DEBUG": "True"}
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(command, cwd=EXAMPLE, env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert "Set DEBUG=False" in done.stderr
