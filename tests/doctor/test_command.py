"""``plasgate_ip_doctor`` as an operator runs it: what it prints, and its exit status."""

import io
import json
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command, execute_from_command_line
from docutils import nodes

from django_plasgate_ip.doctor.findings import Level
from tests.conftest import Answers
from tests.doctor.conftest import HOST
from tests.provider import Provider, answer, closed_port, own_connections, says, serve
from tests.settings import PLASGATE_IP_PRIVATE_KEY, PLASGATE_IP_SECRET_KEY
from tests.test_readme import section

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def live(settings: Any) -> None:
    """Make the site one that no check complains of."""
    settings.DEBUG = True  # the tests' sandbox
    settings.ALLOWED_HOSTS = ["www.example.com", "localhost"]
    settings.PLASGATE_IP_PUBLIC_URL = "https://www.example.com"
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]


@pytest.fixture
def plasgate(
    start: Callable[..., Provider],
    tls: ssl.SSLContext,
    trusted: None,
    settings: Any,
    resolve: Callable[..., None],
) -> Provider:
    """Return PlasGate as it is: its own name, TLS, and 403 for a wrong code."""
    provider = start(says(answer(b"{}", "403 Forbidden")), tls=tls)
    del settings.PLASGATE_IP_BASE_URL
    resolve(HOST, ("127.0.0.1", provider.port))
    return provider


def run(*arguments: str, **options: Any) -> str:
    out = io.StringIO()
    call_command("plasgate_ip_doctor", *arguments, stdout=out, no_color=True, **options)
    return unfolded(out.getvalue())


def unfolded(text: str) -> str:
    """Return the text with each finding, and each "what to do", in one line."""
    return re.sub(r"\n {13} *(?!->|[ \n])", " ", text)


def broken(*arguments: str) -> tuple[str, CommandError]:
    """Return what it prints and raises where something is broken."""
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("plasgate_ip_doctor", *arguments, stdout=out, no_color=True)
    return unfolded(out.getvalue()), caught.value


def test_a_good_site_is_fine_from_the_settings_to_plasgate(plasgate: Provider) -> None:
    said = run()

    assert re.findall(r"^\w+$", said, re.MULTILINE) == ["Settings", "Checks", "Site", "Network"]
    assert re.search(r"^\d+ fine, 0 look here, 0 broken$", said.splitlines()[-1])
    assert "PlasGate answered 403." in said
    assert len(plasgate.requests) == 1


def test_what_to_do_stands_below_what_is_wrong(settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = None
    lines = run("--offline").splitlines()

    (at,) = [n for n, line in enumerate(lines) if "W006" in line]
    assert lines[at].startswith("  look here  PLASGATE_IP_PUBLIC_URL is not set.")
    assert lines[at + 1].startswith("             -> Set it to the site's https://host")
    # And a look is no failure.
    assert re.fullmatch(r"\d+ fine, 3 look here, 0 broken", lines[-1])


def test_lines_are_no_longer_than_a_page_is_wide_and_no_url_is_broken(settings: Any) -> None:
    host = "a-rather-long-name-with-hyphens." * 4 + "example.com"
    settings.PLASGATE_IP_PUBLIC_URL = f"https://{host}"
    out = io.StringIO()
    call_command("plasgate_ip_doctor", "--offline", stdout=out, no_color=True)

    lines = out.getvalue().splitlines()
    assert all(len(line) <= 100 for line in lines if host not in line)
    assert f"{'':13}https://{host}/phone/callback/" in lines


def test_what_is_broken_ends_with_status_1(settings: Any) -> None:
    settings.PLASGATE_IP_TIMEOUT = 0
    said, error = broken("--offline")

    assert re.search(r"^  broken     PLASGATE_IP_TIMEOUT is not", said, re.MULTILINE)
    assert said.splitlines()[-1].endswith(", 2 broken")
    assert str(error) == "2 broken."
    assert error.returncode == 1


def test_the_shell_hears_it(settings: Any) -> None:
    """The whole process, which has checks that would keep any other command from running."""
    process = subprocess.run(
        [sys.executable, "-m", "django", "plasgate_ip_doctor", "--offline"],
        cwd=Path(__file__).parents[2],
        env={"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert process.returncode == 1
    assert process.stderr.startswith("CommandError: ")
    assert "Traceback" not in process.stderr
    assert "\x1b" not in process.stdout
    assert "broken     The PlasGate sandbox is installed, and DEBUG is False." in process.stdout


def test_levels_have_colours_where_colours_are_wanted(settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = None
    out = io.StringIO()
    call_command("plasgate_ip_doctor", "--offline", stdout=out, force_color=True)

    assert "\x1b[32;1mfine     \x1b[0m" in out.getvalue()
    assert "\x1b[33;1mlook here\x1b[0m" in out.getvalue()


# --offline


def test_offline_asks_nobody(monkeypatch: pytest.MonkeyPatch, answers: Answers) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(socket, "create_connection", fail)
    said = run("--offline")

    assert "Network" not in said
    assert said.splitlines()[-1].endswith(", 0 broken")
    assert answers.calls == []


# --json


def test_json_says_the_same(plasgate: Provider) -> None:
    text = run()
    found = json.loads(run("--json"))["findings"]

    assert {frozenset(finding) for finding in found} == {
        frozenset({"level", "about", "what", "do"})
    }
    assert {finding["level"] for finding in found} <= {level.value for level in Level}
    assert blurred("\n".join(f["what"] for f in found)) == blurred(
        "\n".join(re.findall(r"^  (?:fine|look here|broken) +(.+)$", text, re.MULTILINE))
    )


def test_json_is_whole_where_something_is_broken(settings: Any) -> None:
    settings.PLASGATE_IP_TIMEOUT = 0
    said, error = broken("--offline", "--json")

    levels = [finding["level"] for finding in json.loads(said)["findings"]]
    assert levels.count("broken") == 2
    assert error.returncode == 1


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "JSON"])
def test_no_secret_is_printed(form: list[str], plasgate: Provider, settings: Any) -> None:
    said = run(*form)

    secrets = (
        PLASGATE_IP_SECRET_KEY,
        PLASGATE_IP_PRIVATE_KEY,
        settings.SECRET_KEY,
        *settings.PLASGATE_IP_ENCRYPTION_KEYS,
    )
    assert not any(secret in said for secret in secrets)


# The network


def test_where_nobody_listens_it_ends_and_says_so(settings: Any) -> None:
    settings.PLASGATE_IP_BASE_URL = f"https://127.0.0.1:{closed_port()}/ip/"
    with own_connections():
        said, _error = broken()

    assert "No connection to 127.0.0.1:" in said
    assert "No connection to PlasGate, or one that broke: ConnectionError." in said
    assert said.splitlines()[-1].endswith(", 2 broken")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PLASGATE_IP_BASE_URL", "no URL"),
        ("PLASGATE_IP_TIMEOUT", None),
        ("PLASGATE_IP_CA_BUNDLE", "/nowhere.pem"),
        ("PLASGATE_IP_PROXY", "no URL"),
    ],
)
def test_with_a_setting_that_no_call_can_use_none_is_made(
    name: str, value: Any, settings: Any, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", None)
    setattr(settings, name, value)
    said, _error = broken()

    network = said.partition("\nNetwork\n")[2].splitlines()
    assert network[0].startswith("  broken     The exchange endpoint is not asked: settings")
    assert len(network) == 3
    assert answers.calls == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PLASGATE_IP_PRIVATE_KEY", ""),
        ("PLASGATE_IP_SECRET_KEY", "line\nbreak"),
        ("PLASGATE_IP_EXCHANGE_ENDPOINT", "ip auth"),
    ],
)
def test_without_good_keys_the_way_is_still_looked_at(
    name: str, value: str, settings: Any, start: Callable[..., Provider]
) -> None:
    provider = start(serve)
    setattr(settings, name, value)
    said, _error = broken()

    assert f"fine       Connected to {provider.address}" in said
    assert "broken     The exchange endpoint is not asked: settings" in said
    assert provider.requests == []


@pytest.mark.django_db(transaction=True)
def test_the_sandbox_is_asked_as_plasgate_is(live_server: Any, settings: Any) -> None:
    settings.PLASGATE_IP_BASE_URL = f"{live_server.url}/sandbox/"
    settings.PLASGATE_IP_PRIVATE_KEY = "sandbox-private-key"
    settings.PLASGATE_IP_SECRET_KEY = "$5$rounds=535000$sandbox$secret-key"
    with own_connections():
        said = run()
        settings.PLASGATE_IP_EXCHANGE_ENDPOINT = "ip-oauth"
        misspelt, _error = broken()

    assert "fine       ip-auth, with a wrong code (" in said
    assert "PlasGate answered 403." in said
    assert "fine       No TLS: http, to this machine itself." in said
    assert "broken     ip-oauth, with a wrong code (" in misspelt
    assert "PlasGate answered 404. There is no such endpoint." in misspelt


# The README


def blurred(text: str) -> str:
    """Return the text with what differs from run to run, and from host to host, made the same."""
    text = re.sub(r"certificate of \S+ by .+ is good", "certificate is good", text)
    return re.sub(r"\d[\d.:]*", "0", text)


def test_the_readmes_example_is_what_it_prints(plasgate: Provider, settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = None
    printed = run().splitlines()

    blocks = section("The wire doctor").findall(nodes.literal_block)
    (example,) = [block.astext() for block in blocks if "Network" in block.astext()]
    shown = [line for line in unfolded(example).splitlines() if line.strip() != "..."]
    assert len(shown) > 15
    seen = iter(blurred(line).strip() for line in printed)
    for line in shown:
        # In this order, with the lines between them that "..." stands for.
        assert blurred(line).strip() in seen, line


def test_help_says_what_it_sends_and_its_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        execute_from_command_line(["manage.py", "plasgate_ip_doctor", "--help"])
    said = " ".join(capsys.readouterr().out.split())

    assert "--offline" in said
    assert "--json" in said
    assert "spends no balance" in said
    assert "Exit status: 1" in said
