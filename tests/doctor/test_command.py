"""``plasgate_ip_doctor``: what it prints, and its exit status."""

import io
import json
import re

import pytest
from django.core.management import CommandError, call_command

from django_plasgate_ip.management.commands.plasgate_ip_doctor import Command
from tests.docs.pages import blocks
from tests.settings import PLASGATE_IP_PRIVATE_KEY, PLASGATE_IP_SECRET_KEY

pytestmark = pytest.mark.django_db


def run(*arguments: str, out: io.StringIO | None = None) -> str:
    out = out or io.StringIO()
    call_command("plasgate_ip_doctor", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def test_a_good_site_is_ok_and_json_holds_the_same_findings_and_no_secret(answers, settings):
    answers(http=403, body="{}")
    text, as_json = run(), run("--json")
    found = json.loads(as_json)["findings"]

    assert re.findall(r"^\w+$", text, re.MULTILINE) == ["Settings", "Checks", "Site", "Network"]
    assert re.fullmatch(r"ok: \d+, warning: 0, error: 0", text.splitlines()[-1])
    assert "PlasGate answered 403." in text
    assert len(answers.calls) == 2
    assert {tuple(finding) for finding in found} == {("level", "about", "what", "do")}
    assert {finding["level"] for finding in found} == {"ok"}
    said = re.findall(r"^  ok +(.+)$", text, re.MULTILINE)
    assert [blurred(finding["what"]) for finding in found] == [*map(blurred, said)]
    # No part of the secret key either.
    secrets = (*PLASGATE_IP_SECRET_KEY.split("$")[3:], PLASGATE_IP_PRIVATE_KEY, settings.SECRET_KEY)
    for secret in (*secrets, *settings.PLASGATE_IP_ENCRYPTION_KEYS):
        assert secret not in text + as_json


def blurred(text: str) -> str:
    """Return the text without the numbers, which differ from run to run."""
    return re.sub(r"\d[\d.:]*", "0", text)


def test_offline_makes_no_call_and_a_warning_does_not_fail(answers, settings):
    settings.PLASGATE_IP_PUBLIC_URL = None
    lines = run("--offline").splitlines()

    assert answers.calls == []
    assert "Network" not in lines
    assert lines[2].startswith("  warning  PLASGATE_IP_PUBLIC_URL is not set.")
    assert lines[3].startswith("           -> Set it to the site's https://host")
    assert re.fullmatch(r"ok: \d+, warning: 1, error: 0", lines[-1])


def test_problems_come_first_and_each_once(settings):
    settings.PLASGATE_IP_PUBLIC_URL = None
    settings.PLASGATE_IP_BASE_URL = "no URL"
    out = io.StringIO()
    with pytest.raises(CommandError):
        run(out=out)
    lines = out.getvalue().splitlines()

    assert lines[1] == "Problems"
    levels = [line.split()[0] for line in lines[2:-1] if re.match(r"  \w", line)]
    assert levels[:4] == ["error", "warning", "warning", "ok"]
    assert set(levels[4:]) == {"ok"}
    error, advice = [line[11:] for line in lines if "PLASGATE_IP_BASE_URL" in line]
    assert error.startswith("PLASGATE_IP_BASE_URL is not an http or https URL")
    assert advice.startswith("-> Correct PLASGATE_IP_BASE_URL first.")


def test_an_error_gives_status_1_after_the_whole_output(settings):
    settings.PLASGATE_IP_TIMEOUT = 0
    for arguments, end in (([], ", error: 1\n"), (["--json"], "}\n  ]\n}\n")):
        out = io.StringIO()
        with pytest.raises(CommandError, match=r"^Errors: 1\.$") as caught:
            run("--offline", *arguments, out=out)
        assert caught.value.returncode == 1
        assert re.search("error.*PLASGATE_IP_TIMEOUT is not", out.getvalue(), re.DOTALL)
        assert out.getvalue().endswith(end)
    # In a terminal, Django would stop the command before it prints anything.
    assert Command.requires_system_checks == []


def test_the_documented_example_is_what_it_prints(answers, settings):
    answers(http=403, body="{}")
    settings.PLASGATE_IP_PUBLIC_URL = None
    printed = run().splitlines()

    (example,) = (text for *_, text in blocks("The doctor") if text.startswith("Examining"))
    # The page folds long lines.
    unfolded = re.sub(r"\n {11} *(?!->|[ \n])", " ", example)
    shown = [line for line in unfolded.splitlines() if line.strip() != "..."]
    assert len(shown) > 15
    seen = iter(blurred(line).strip() for line in printed)
    for line in shown:
        # In this order. "..." stands for the lines between them.
        assert blurred(line).strip() in seen, line
