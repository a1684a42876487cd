"""Sites that differ from ours from the ground up; each is a process of its own."""

import subprocess
import sys

import pytest

from tests.docs.pages import ROOT


@pytest.mark.database
@pytest.mark.parametrize(
    "name",
    [
        *("email_login", "replica", "elsewhere", "with_allauth", "unfold_theme"),
        # Only that environment has their packages.
        pytest.param("beside_others", marks=pytest.mark.worlds),
        pytest.param("with_sentry", marks=pytest.mark.worlds),
    ],
)
def test_it_works_on_a_site_with(name):
    tests = f"tests/other_sites/{name}_tests.py"
    options = [f"--ds=tests.other_sites.{name}", "-q", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", tests, *options]

    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout
    assert "skipped" not in run.stdout
