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

from django_plasgate_ip.doctor.findings import Level
from tests.conftest import Answers
from tests.docs.pages import blocks
from tests.doctor.conftest import HOST
from tests.provider import Provider, answer, closed_port, own_connections, says
from tests.settings import PLASGATE_IP_PRIVATE_KEY, PLASGATE_IP_SECRET_KEY

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
    certificate: Path,
    settings: Any,
    resolve: Callable[..., None],
) -> Provider:
    """Return PlasGate as it is: its own name, TLS, and 403 for a wrong code."""
    provider = start(says(answer(b"{}", "403 Forbidden")), tls=tls)
    del settings.PLASGATE_IP_BASE_URL
    settings.PLASGATE_IP_CA_BUNDLE = str(certificate)
    resolve(HOST, ("127.0.0.1", provider.port))
    return provider


def run(*arguments: str, **options: Any) -> str:
    out = io.StringIO()
    call_command("plasgate_ip_doctor", *arguments, stdout=out, no_color=True, **options)
    return out.getvalue()


def failing(*arguments: str) -> tuple[str, CommandError]:
    """Return what it prints, and what it raises because of an error."""
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("plasgate_ip_doctor", *arguments, stdout=out, no_color=True)
    return out.getvalue(), caught.value


def test_a_good_site_is_ok_from_the_settings_to_plasgate(plasgate: Provider) -> None:
    said = run()

    assert re.findall(r"^\w+$", said, re.MULTILINE) == ["Settings", "Checks", "Site", "Network"]
    assert re.fullmatch(r"ok: \d+, warning: 0, error: 0", said.splitlines()[-1])
    assert "PlasGate answered 403." in said
    assert len(plasgate.requests) == 1


def test_what_to_do_stands_below_what_is_wrong(settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = None
    lines = run("--offline").splitlines()

    (at,) = [n for n, line in enumerate(lines) if "W006" in line]
    assert lines[at].startswith("  warning  PLASGATE_IP_PUBLIC_URL is not set.")
    assert lines[at + 1].startswith("           -> Set it to the site's https://host")
    # A warning does not make the command fail.
    assert re.fullmatch(r"ok: \d+, warning: 3, error: 0", lines[-1])


def test_an_error_ends_with_status_1(settings: Any) -> None:
    settings.PLASGATE_IP_TIMEOUT = 0
    said, error = failing("--offline")

    assert re.search(r"^  error    PLASGATE_IP_TIMEOUT is not", said, re.MULTILINE)
    assert said.splitlines()[-1].endswith(", error: 2")
    assert str(error) == "Errors: 2."
    assert error.returncode == 1


def test_a_process_runs_it_in_spite_of_failed_checks(settings: Any) -> None:
    """They would stop any other command."""
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
    assert "error    The PlasGate sandbox is installed, and DEBUG is False." in process.stdout


def test_levels_have_colours_where_colours_are_wanted(settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = None
    out = io.StringIO()
    call_command("plasgate_ip_doctor", "--offline", stdout=out, force_color=True)

    assert "\x1b[32;1mok     \x1b[0m" in out.getvalue()
    assert "\x1b[33;1mwarning\x1b[0m" in out.getvalue()


# --offline


def test_offline_calls_nobody(monkeypatch: pytest.MonkeyPatch, answers: Answers) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(socket, "create_connection", fail)
    said = run("--offline")

    assert "Network" not in said
    assert said.splitlines()[-1].endswith(", error: 0")
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
        "\n".join(re.findall(r"^  (?:ok|warning|error) +(.+)$", text, re.MULTILINE))
    )


def test_json_is_whole_in_spite_of_errors(settings: Any) -> None:
    settings.PLASGATE_IP_TIMEOUT = 0
    said, error = failing("--offline", "--json")

    levels = [finding["level"] for finding in json.loads(said)["findings"]]
    assert levels.count("error") == 2
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


def test_a_failed_call_is_an_error(settings: Any) -> None:
    settings.PLASGATE_IP_BASE_URL = f"https://127.0.0.1:{closed_port()}/ip/"
    with own_connections():
        said, _error = failing()

    assert "error    Called ip-auth with a made-up code (" in said
    assert said.splitlines()[-1].endswith(", error: 1")


@pytest.mark.django_db(transaction=True)
def test_the_sandbox_is_called_as_plasgate_is(live_server: Any, settings: Any) -> None:
    settings.PLASGATE_IP_BASE_URL = f"{live_server.url}/sandbox/"
    settings.PLASGATE_IP_PRIVATE_KEY = "sandbox-private-key"
    settings.PLASGATE_IP_SECRET_KEY = "$5$rounds=535000$sandbox$secret-key"
    with own_connections():
        said = run()
        settings.PLASGATE_IP_EXCHANGE_ENDPOINT = "ip-oauth"
        misspelt, _error = failing()

    assert "ok       Called ip-auth with a made-up code (" in said
    assert "PlasGate answered 403." in said
    assert "error    Called ip-oauth with a made-up code (" in misspelt
    assert "PlasGate answered 404. There is no such endpoint." in misspelt


# The documentation


def blurred(text: str) -> str:
    """Return the text with what differs from run to run, and from host to host, made the same."""
    return re.sub(r"\d[\d.:]*", "0", text)


def test_the_documented_example_is_what_it_prints(plasgate: Provider, settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = None
    printed = run().splitlines()

    ((_file, _language, example),) = blocks("The doctor")
    # The page folds long lines.
    unfolded = re.sub(r"\n {11} *(?!->|[ \n])", " ", example)
    shown = [line for line in unfolded.splitlines() if line.strip() != "..."]
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
