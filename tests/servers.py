"""A site in other processes, on the test database, and browsers that visit it over HTTP."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from django.db import connection
from django.http import HttpResponse

from tests.provider import Provider, Wire, answer
from tests.visitor import Visitor

#: Seconds after which a step of a test has failed.
LONG = 60.0


def environment(signals: Path, **settings: Any) -> dict[str, str]:
    """Return the environment of a process of the site, which adds a line to `signals` for each."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.site_settings",
        "SITE_DATABASE": json.dumps({"NAME": str(connection.settings_dict["NAME"])}),
        "SITE_SETTINGS": json.dumps(settings),
        "SITE_SIGNALS": str(signals),
    }


# Kills the process group when its input closes, which happens at the latest when this process ends.
WITH_US = '"$@" & read -r _; kill -KILL 0'
ROOT = Path(__file__).parent.parent
GUNICORN = ("gunicorn", "--no-control-socket", "--bind=fd://{fd}", "--worker-class=gthread")
SITE = (*GUNICORN, "--threads=8", "django.core.wsgi:get_wsgi_application()")


class Server:
    """A server in its own process group: with the defaults, gunicorn with one worker."""

    def __init__(self, log: Path, env: dict[str, str], *command: str, cwd: Path = ROOT) -> None:
        self.log = log
        # The server inherits a listening socket, which queues connections during the start.
        with socket.create_server(("127.0.0.1", 0)) as listener, log.open("ab") as output:
            self.port = int(listener.getsockname()[1])
            self.origin = f"http://127.0.0.1:{self.port}"
            arguments = [each.format(fd=listener.fileno()) for each in command or SITE]
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", WITH_US, "sh", sys.executable, "-m", *arguments],
                cwd=cwd,
                env={name: value.replace("{origin}", self.origin) for name, value in env.items()},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill all processes of the group at once, as a power failure does."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()

    def end(self) -> None:
        """Kill the server, and fail if it has logged an exception."""
        self.kill()
        log = self.log.read_text()
        assert "Traceback" not in log, log


class RemoteVisitor(Visitor):
    """A browser over real HTTP; `server` answers its requests."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server

    def request(self, **request: Any) -> Any:
        """Send over HTTP what `django.test.Client` would pass to the application."""
        environ = self._base_environ(**request)  # type: ignore[attr-defined]
        url = environ["PATH_INFO"]
        if environ["QUERY_STRING"]:
            url += f"?{environ['QUERY_STRING']}"
        headers = {
            # All servers are one site, as behind a load balancer.
            "Host": environ["SERVER_NAME"],
            "Cookie": environ["HTTP_COOKIE"],
            "Content-Type": environ.get("CONTENT_TYPE", ""),
        }
        body = environ["wsgi.input"].read() or None
        with closing(HTTPConnection("127.0.0.1", self.server.port, timeout=LONG)) as sent:
            sent.request(environ["REQUEST_METHOD"], url, body, headers)
            received = sent.getresponse()
            content = received.read()
        for cookie in received.headers.get_all("Set-Cookie", []):
            self.cookies.load(cookie)
        response: Any = HttpResponse(content, None, received.status, headers=dict(received.headers))
        response.request = environ
        return response

    def other_tab(self, server: Server | None = None) -> "RemoteVisitor":
        """Return another tab of this browser; another server may answer it."""
        tab = RemoteVisitor(server or self.server)
        tab.cookies = self.cookies
        tab.authorize_url = self.authorize_url
        return tab


class PatientProvider(Provider):
    """A PlasGate that verifies every number, and can delay its answers."""

    def __init__(self) -> None:
        self._answering = threading.Event()
        self._answering.set()
        self._asked = threading.Event()
        super().__init__(self._serve)

    @property
    def base_url(self) -> str:
        return f"http://{self.address}/ip/"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Delay all answers until the end of the block."""
        self._asked.clear()
        self._answering.clear()
        try:
            yield
        finally:
            self._answering.set()

    def wait_until_asked(self) -> None:
        """Return once a request inside of `held` waits for its answer."""
        assert self._asked.wait(LONG)

    def _serve(self, wire: Wire) -> None:
        # Longer than the site keeps an unused connection.
        wire.sock.settimeout(LONG)
        while wire.request():
            self._asked.set()
            self._answering.wait(LONG)
            wire.send(answer())
