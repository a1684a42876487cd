"""The site in two processes, PlasGate on a socket, and a browser that visits both processes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.servers import LONG, PatientProvider, RemoteVisitor, Server, environment

#: The two processes of one site.
Site = tuple[Server, Server]
#: Starts a process of the site with these settings.
StartServer = Callable[..., Server]


@pytest.fixture(scope="session")
def provider() -> Iterator[PatientProvider]:
    provider = PatientProvider()
    yield provider
    provider.close()


@pytest.fixture(scope="session")
def signals_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site") / "signals"


@pytest.fixture
def heard(signals_file: Path) -> Callable[[], list[str]]:
    """Return a function that returns the signals of all processes, in their order."""
    signals_file.write_text("")
    return lambda: signals_file.read_text().splitlines()


@pytest.fixture(scope="session")
def start_server(
    django_db_setup: None,
    provider: PatientProvider,
    signals_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[StartServer]:
    started: list[Server] = []
    # The timeout is longer than any test holds the provider.
    defaults = {"PLASGATE_IP_BASE_URL": provider.base_url, "PLASGATE_IP_TIMEOUT": LONG}

    def start(**settings: Any) -> Server:
        env = environment(signals_file, **defaults, **settings)
        started.append(Server(signals_file.with_name(f"log{len(started)}"), env))
        return started[-1]

    yield start
    for server in started:
        server.end()


@pytest.fixture(scope="session")
def site(start_server: StartServer) -> Site:
    return start_server(), start_server()


@pytest.fixture
def browser(user: User, site: Site, provider: PatientProvider) -> RemoteVisitor:
    """Return the browser of `user`, who is signed in."""
    provider.requests.clear()
    visitor = RemoteVisitor(site[0])
    visitor.force_login(user)
    return visitor
