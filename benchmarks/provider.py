"""PlasGate over TLS, in a process of its own, so that it shares no interpreter with the site.

It listens on three ports: one keeps its connections, one closes each after its answer without a
word, and one takes half a second to answer. A line on its input is answered by how many connections
each has accepted, as JSON.
"""

import json
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PORTS = ("kept", "closing", "slow")
DELAY_SECONDS = 0.5


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One write for each answer, and at once: else Nagle and delayed acknowledgements are measured.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: "_Server"

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.kind == "slow":
            time.sleep(DELAY_SECONDS)
        # The number that was asked for comes along in the state, which is the provider's to mint.
        body = json.dumps({**self.server.answer, "login_hint": sent["state"]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if self.server.kind == "closing":
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def __init__(self, kind: str, context: ssl.SSLContext, answer: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kind, self.answer, self.accepted = kind, answer, 0
        self._context = context

    def get_request(self) -> Any:
        sock, address = super().get_request()
        self.accepted += 1
        # The handshake is made by the connection's own thread, with its first read.
        secure = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return secure, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that hang up."""


def _main(certificate: str, answer: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    servers = {kind: _Server(kind, context, json.loads(answer)) for kind in PORTS}
    for server in servers.values():
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    _say({kind: server.server_port for kind, server in servers.items()})
    for _line in sys.stdin:
        _say({kind: server.accepted for kind, server in servers.items()})


def _say(numbers: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(numbers) + "\n")
    sys.stdout.flush()


class RemoteProvider:
    """The process, and what it says; as a context manager it ends with the block."""

    def __init__(self, certificate: Path, answer: dict[str, Any]) -> None:
        command = [
            sys.executable,
            "-m",
            "benchmarks.provider",
            str(certificate),
            json.dumps(answer),
        ]
        # It ends when its input does, so also where this process is killed.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.ports = self._read()

    def base_url(self, kind: str) -> str:
        """Return what ``PLASGATE_IP_BASE_URL`` is to be."""
        return f"https://localhost:{self.ports[kind]}/ip/"

    def connections(self, kind: str) -> int:
        """Return how many connections it has accepted so far."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()[kind]

    def _read(self) -> dict[str, int]:
        assert self._process.stdout is not None
        numbers: dict[str, int] = json.loads(self._process.stdout.readline())
        return numbers

    def __enter__(self) -> "RemoteProvider":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.communicate()


if __name__ == "__main__":
    _main(*sys.argv[1:])
