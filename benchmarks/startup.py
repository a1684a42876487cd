"""The time that the app adds to the start of a process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.lines import Line, against
from benchmarks.options import Options

# Prints the seconds of ``django.setup()``. With an argument, the site does not have the app.
_SETUP = """
import sys, time
import benchmarks.settings as site
if len(sys.argv) > 1:
    site.INSTALLED_APPS = [app for app in site.INSTALLED_APPS if app.startswith("django.")]
else:
    site.INSTALLED_APPS.remove("benchmarks")
import django
began = time.perf_counter()
django.setup()
print(time.perf_counter() - began)
"""


def lines(options: Options) -> Iterator[Line]:
    """Yield the line of ``django.setup()``, each time in a new process."""
    times: dict[str, list[float]] = {"here": [], "reference": []}
    for number in range(-1, options.processes):
        for name in times:
            seconds = _setup(*(["without"] if name == "reference" else []))
            # The first process of each kind compiles the modules and reads them from the disk.
            if number >= 0:
                times[name].append(seconds)
    yield against("django.setup()", times, None, "without the app")


def _setup(*arguments: str) -> float:
    environment = {key: value for key, value in os.environ.items() if key != _NO_BYTECODE}
    command = [sys.executable, "-c", _SETUP, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    return float(json.loads(done.stdout))


# With this variable, each process would compile every module again.
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
