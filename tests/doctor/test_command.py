"""``plasgate_ip_doctor``: what it prints, and its exit status."""

import io
import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command, execute_from_command_line

from django_plasgate_ip.doctor.findings import Level
from tests.conftest import Answers
from tests.docs.pages import blocks
from tests.provider import own_connections
from tests.settings import PLASGATE_IP_PRIVATE_KEY, PLASGATE_IP_SECRET_KEY

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def live(settings: Any) -> None:
    """Make a site that no check reports: the sandbox of the tests needs DEBUG."""
    settings.DEBUG = True
    settings.ALLOWED_HOSTS = ["www.example.com", "localhost"]
    settings.PLASGATE_IP_PUBLIC_URL = "https://www.example.com"
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]


@pytest.fixture
def plasgate(answers: Answers) -> Answers:
    """Return PlasGate's exchange, which answers 403 to a wrong code."""
    return answers(http=403, body="{}")


def run(*arguments: str, **options: Any) -> str:
    out = io.StringIO()
    call_command("plasgate_ip_doctor", *arguments, stdout=out, no_color=True, **options)
    return out.getvalue()


def failing(*arguments: str) -> tuple[str, CommandError]:
    """Return what it prints, and the exception that it raises for an error."""
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("plasgate_ip_doctor", *arguments, stdout=out, no_color=True)
    return out.getvalue(), caught.value


def test_a_good_site_is_ok_from_the_settings_to_plasgate(plasgate: Answers) -> None:
    said = run()

    assert re.findall(r"^\w+$", said, re.MULTILINE) == ["Settings", "Checks", "Site", "Network"]
    assert re.fullmatch(r"ok: \d+, warning: 0, error: 0", said.splitlines()[-1])
    assert "PlasGate answered 403." in said
    assert len(plasgate.calls) == 1


def test_what_to_do_is_printed_below_what_is_wrong(settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = None
    lines = run("--offline").splitlines()

    (at,) = [n for n, line in enumerate(lines) if "W006" in line]
    assert lines[at].startswith("  warning  PLASGATE_IP_PUBLIC_URL is not set.")
    assert lines[at + 1].startswith("           -> Set it to the site's https://host")
    # A warning does not make the command fail.
    assert re.fullmatch(r"ok: \d+, warning: 3, error: 0", lines[-1])


def test_an_error_gives_status_1_after_the_whole_output(settings: Any) -> None:
    settings.PLASGATE_IP_TIMEOUT = 0
    said, error = failing("--offline")
    as_json, error_of_json = failing("--offline", "--json")

    assert re.search(r"^  error    PLASGATE_IP_TIMEOUT is not", said, re.MULTILINE)
    assert said.splitlines()[-1].endswith(", error: 2")
    assert [f["level"] for f in json.loads(as_json)["findings"]].count("error") == 2
    assert str(error) == str(error_of_json) == "Errors: 2."
    assert error.returncode == error_of_json.returncode == 1


def test_a_failed_check_does_not_stop_the_command() -> None:
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


def test_offline_makes_no_call(monkeypatch: pytest.MonkeyPatch, answers: Answers) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(socket, "create_connection", fail)
    said = run("--offline")

    assert "Network" not in said
    assert said.splitlines()[-1].endswith(", error: 0")
    assert answers.calls == []


def test_json_holds_the_same_findings_as_the_text_and_no_secret(
    plasgate: Answers, settings: Any
) -> None:
    text, as_json = run(), run("--json")
    found = json.loads(as_json)["findings"]

    assert {tuple(finding) for finding in found} == {("level", "about", "what", "do")}
    assert {finding["level"] for finding in found} <= {level.value for level in Level}
    assert blurred("\n".join(f["what"] for f in found)) == blurred(
        "\n".join(re.findall(r"^  (?:ok|warning|error) +(.+)$", text, re.MULTILINE))
    )
    secrets = (PLASGATE_IP_SECRET_KEY, PLASGATE_IP_PRIVATE_KEY, settings.SECRET_KEY)
    for secret in (*secrets, *settings.PLASGATE_IP_ENCRYPTION_KEYS):
        assert secret not in text + as_json


@pytest.mark.django_db(transaction=True)
def test_the_sandbox_can_be_called(live_server: Any, settings: Any) -> None:
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


def blurred(text: str) -> str:
    """Return the text without the numbers, which differ from run to run."""
    return re.sub(r"\d[\d.:]*", "0", text)


def test_the_documented_example_is_what_it_prints(plasgate: Answers, settings: Any) -> None:
    settings.PLASGATE_IP_PUBLIC_URL = None
    printed = run().splitlines()

    ((_file, _language, example),) = blocks("The doctor")
    # The page folds long lines.
    unfolded = re.sub(r"\n {11} *(?!->|[ \n])", " ", example)
    shown = [line for line in unfolded.splitlines() if line.strip() != "..."]
    assert len(shown) > 15
    seen = iter(blurred(line).strip() for line in printed)
    for line in shown:
        # In this order. "..." stands for the lines between them.
        assert blurred(line).strip() in seen, line


def test_the_help_says_what_is_sent_and_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        execute_from_command_line(["manage.py", "plasgate_ip_doctor", "--help"])
    said = " ".join(capsys.readouterr().out.split())

    assert "--offline" in said
    assert "--json" in said
    assert "spends no balance" in said
    assert "exit status is 1" in said
