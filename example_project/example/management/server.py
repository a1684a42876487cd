"""The demo's server: Django's own threaded one, on a port that is free."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import CommandError
from django.core.servers.basehttp import (
    ThreadedWSGIServer,
    WSGIRequestHandler,
    get_internal_wsgi_application,
)

HOST = "127.0.0.1"
TRIES = 20


class Handler(WSGIRequestHandler):
    """Logs each request without its query: the callback's has the code and the private key."""

    def log_message(self, format: str, *args: Any) -> None:
        super().log_message(format, *(re.sub(r"\?\S+", "?...", str(arg)) for arg in args))


class QuietHandler(WSGIRequestHandler):
    """Logs nothing."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(ThreadedWSGIServer):
    """Listens as soon as it is made; `serve_forever` or `in_background` answers requests."""

    allow_reuse_port = False  # a port that another process listens on is taken

    def __init__(self, port: int, host: str = HOST) -> None:
        super().__init__((host, port), Handler)
        self.origin = f"http://{host}:{self.server_port}"
        self.set_app(StaticFilesHandler(get_internal_wsgi_application()))

    @contextmanager
    def in_background(self, say: Callable[[str], object], visitor: str) -> Iterator[None]:
        """Answer from another thread. `say` gets a line for each response before it is sent.

        `visitor`: what the lines call the client.
        """
        self.RequestHandlerClass = QuietHandler
        self.set_app(_narrated(self.get_app(), say, visitor))
        Thread(target=self.serve_forever, args=[0.05], daemon=True).start()
        try:
            yield
        finally:
            self.shutdown()
            self.server_close()


def listen(port: int, host: str) -> Server:
    """Return a server on `port` or on the next free one. Raises `CommandError`."""
    for candidate in range(port, port + TRIES):
        try:
            return Server(candidate, host)
        except (OSError, OverflowError):
            continue
    raise CommandError(
        f"No port from {port} on is free at {host}. Choose another one with --port, or another "
        "address of this machine with --host."
    )


def _narrated(application: Any, say: Callable[[str], object], visitor: str) -> Any:
    def narrated(environ: dict[str, Any], start_response: Any) -> Any:
        def start(status: str, *args: Any) -> Any:
            who = "site" if "HTTP_X_SECRET" in environ else visitor
            say(f"{who:7}  {environ['REQUEST_METHOD']:4}  {status[:3]}  {_masked(environ)}")
            return start_response(status, *args)

        return application(environ, start)

    return narrated


def _masked(environ: dict[str, Any]) -> str:
    """Return the path with the query's names only: its values are keys, codes and numbers."""
    query = parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)
    names = "&".join(f"{name}=..." for name, _value in query)
    return f"{environ['PATH_INFO']}?{names}" if names else str(environ["PATH_INFO"])
