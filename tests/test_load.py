"""The measurements run: a harness that is broken would be noticed only when it is needed."""

import json
import subprocess
import sys
from pathlib import Path


def test_a_smoke_run_measures_the_start_and_the_callback(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "tests.load", "--smoke", "--only", "web", "--json"]
    done = subprocess.run([*command, str(report)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr

    measured = {line["what"] for line in json.loads(report.read_text())["lines"]}
    assert {"start", "callback", "callback: queries"} <= measured
