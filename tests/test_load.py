"""The measurements run: a harness that is broken would be noticed only when it is needed."""

import json
import os
import subprocess
import sys
from pathlib import Path


def test_a_smoke_run_measures_the_start_and_the_callback(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "tests.load", "--smoke", "--only", "web", "--json"]
    # On SQLite: of a server, the tests' account may make no database but its own.
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(
        [*command, str(report)], env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr

    measured = {line["what"] for line in json.loads(report.read_text())["lines"]}
    assert {"start", "callback", "callback: queries"} <= measured
