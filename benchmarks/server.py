"""A server of the site in processes of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.database import environment

GUNICORN = ("-m", "gunicorn", "--no-control-socket", "--worker-class=gthread")
WSGI = "django.core.wsgi:get_wsgi_application()"
UVICORN = ("-m", "uvicorn", "--factory", "--lifespan=off", "--no-access-log")
ASGI = "django.core.asgi:get_asgi_application"
LONG = 120.0


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    #: The process group of all its processes.
    group: int

    def resident(self) -> int:
        """Return the bytes that its processes have in memory; see proc(5)."""
        return sum(_resident(folder) for folder in Path("/proc").glob("[0-9]*") if self._is(folder))

    def _is(self, folder: Path) -> bool:
        try:
            return os.getpgid(int(folder.name)) == self.group
        except ProcessLookupError:
            return False


def _resident(folder: Path) -> int:
    lines = (folder / "status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024


@contextmanager
def server(base_url: str, *command: str, **variables: str) -> Iterator[Server]:
    """Run a server of the site with these environment variables, and yield it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    env = {**environment(), "BENCH_BASE_URL": base_url, **variables}
    if "runserver" in command:
        env["BENCH_IS_RUNSERVER"] = "1"
        at = f"127.0.0.1:{port}"
    else:
        at = f"--port={port}" if "uvicorn" in command else f"--bind=127.0.0.1:{port}"
    log = Path(os.environ["BENCH_FOLDER"], "server.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command, at],
            env=env,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_for(port)
        yield Server(port, process.pid)
    except AssertionError:
        # From the first error on; the log also has a line for each request.
        text = log.read_text()
        sys.stderr.write(text[max(text.find("Traceback"), 0) :][:5000])
        raise
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(port: int) -> None:
    give_up = time.monotonic() + LONG
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < give_up
            time.sleep(0.1)
        else:
            return
