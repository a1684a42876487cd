"""PlasGate over TLS, in another process, so that it shares no interpreter with the site.

It listens on several ports, which take different times to answer. For each line on its input, it
prints the number of connections that each port has accepted, as JSON.
"""

import json
import socket
import ssl
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.provider import Wire

DELAY_SECONDS = 0.5
OPERATOR_SECONDS = 2.0
# The seconds before each answer.
PORTS = {
    "kept": 0.0,
    "slow": DELAY_SECONDS,
    "operator": OPERATOR_SECONDS,
    # Longer than PLASGATE_IP_TIMEOUT.
    "hanging": 60.0,
}
# Seconds; no connection of a run is idle for longer.
LONG = 600.0


def _serve(wire: "Wire", *, delay: float) -> None:
    """Verify the number of each request. The benchmarks pass it as the state, which is opaque."""
    from django_plasgate_ip.sandbox.answers import success
    from tests.provider import answer

    wire.sock.settimeout(LONG)
    wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while request := wire.request():
        sent = json.loads(request.partition(b"\r\n\r\n")[2])
        wire.pause(delay)
        body = json.dumps(success(sent["state"], ["mobile_id", "phone_verify"]))
        wire.send(answer(body.encode(), "200 OK", "Content-Type: application/json"))


def _main(certificate: str) -> None:
    import django

    django.setup()
    from tests.provider import Provider

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    providers = {
        kind: Provider(partial(_serve, delay=delay), tls=context) for kind, delay in PORTS.items()
    }
    _print({kind: provider.port for kind, provider in providers.items()})
    for _line in sys.stdin:
        _print({kind: provider.connections for kind, provider in providers.items()})
    for provider in providers.values():
        provider.close()


def _print(numbers: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(numbers) + "\n")
    sys.stdout.flush()


class RemoteProvider:
    """The provider's process. As a context manager, it ends with the block."""

    def __init__(self, certificate: Path) -> None:
        # The process ends when its input closes, also if this process is killed.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.provider", str(certificate)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ports = self._read()

    def base_url(self, kind: str) -> str:
        """Return the value of ``PLASGATE_IP_BASE_URL`` for this port."""
        return f"https://localhost:{self.ports[kind]}/ip/"

    def connections(self, kind: str) -> int:
        """Return the number of connections that this port has accepted so far."""
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
