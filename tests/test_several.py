"""The example's settings for several machines, with two processes behind one address."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection

from django_plasgate_ip.models import PhoneVerification
from tests.provider import closed_port
from tests.servers import GUNICORN, ROOT, PatientProvider, RemoteVisitor, Server
from tests.visitor import TYPED, Page, outcome

pytestmark = [pytest.mark.worlds, pytest.mark.django_db(transaction=True)]

EXAMPLE = ROOT / "example_project"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Any]:
    """Return a client of a new Redis server."""
    redis = pytest.importorskip("redis")
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    port = closed_port()
    command = (program, "--port", str(port), "--save", "")
    server = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    until_it_listens = redis.retry.Retry(redis.backoff.ConstantBackoff(0.05), 1200)
    try:
        with redis.Redis(port=port, retry=until_it_listens) as client:
            client.ping()
            yield client
    finally:
        server.kill()
        server.wait()


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
        "DJANGO_SETTINGS_MODULE": "example.settings_several",
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
def site(environment: dict[str, str], tmp_path: Path) -> Iterator[Server]:
    """Return a server of two processes. Its access log has the process of each answer."""
    options = ("--workers=2", "--threads=4", "--access-logformat=%(p)s")
    log = tmp_path / "access.log"
    log.touch()
    command = (*GUNICORN, *options, f"--access-logfile={log}", "example.wsgi:application")
    server = Server(tmp_path / "log", environment, *command, cwd=EXAMPLE)
    yield server
    server.end()


def test_either_process_can_answer_each_request_of_a_visitor(site, redis, tmp_path):
    processes: set[str] = set()
    for number in range(40):
        (tmp_path / "access.log").write_text("")
        browser = RemoteVisitor(site)
        browser.force_login(User.objects.create_user(f"visitor{number}"))
        PhoneVerification.objects.all().delete()  # for the limit per number
        # Each page has other forms, in the site's own base.html.
        token = Page(browser.get("/phone/")).fields["csrfmiddlewaretoken"]
        fields = {"phone_number": TYPED, "next": "/members/", "csrfmiddlewaretoken": token}
        browser.authorize_url = browser.post("/phone/", fields)["Location"]
        assert browser.come_back()["Location"] == "/members/"
        assert browser.get("/members/").status_code == 200
        assert outcome() == ("verified", "")
        processes = set((tmp_path / "access.log").read_text().split())
        if len(processes) > 1:
            break

    assert len(processes) == 2, "both processes must answer one visitor"
    assert redis.dbsize() > 0


def test_checks_accept_the_sessions_and_settings_refuse_debug(environment):
    def check(**changes: str) -> str:
        command = [sys.executable, "manage.py", "check", "--deploy"]
        options: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.run(command, cwd=EXAMPLE, env=environment | changes, **options).stdout

    said = check()
    assert not re.search(r"django_plasgate_ip\.W00[23]", said)
    assert re.search("no issues|identified some issues", said)
    assert "Set DEBUG=False" in check(DEBUG="True")
