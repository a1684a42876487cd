"""Report which tox environments ran and passed, and fail if one is missing.

    TOX_RESULT_JSON=report.json tox run …
    python .ci/judge.py report.json …

Each Django of pyproject.toml's classifiers must have run, and each environment of the label ``all``
unless its name is of a Python that is not here. ``--passed`` only prints the names of those that
passed, for TOX_SKIP_ENV.
"""

import json
import re
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

DJANGO = r'"Framework :: Django :: ([\d.]+)"'


def has_passed(environment: dict[str, Any]) -> bool:
    """Whether its commands ran, and each of them succeeded."""
    result = environment.get("result", {})
    codes = [command["retcode"] for command in environment.get("test", ())]
    return bool(result.get("success") and not result.get("skipped") and codes and not any(codes))


def seconds(commands: list[dict[str, Any]]) -> int:
    """Return how long these commands of an environment took."""
    return round(sum(command["elapsed"] for command in commands))


def django_version(environment: dict[str, Any]) -> str:
    """Return the installed Django's version as 6.1; empty without Django."""
    specifiers = "\n".join(environment["installed_packages"])
    found = re.search(r"^django==(\d+\.\d+)", specifiers, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


def is_required(name: str) -> bool:
    """Whether the environment runs wherever any supported Python is."""
    return not re.match(r"py3\d+-", name)


def main(*arguments: str) -> int:
    """Return the exit code: 1 if something did not run."""
    only_names = arguments[:1] == ("--passed",)
    reports = [json.loads(Path(path).read_text()) for path in arguments[only_names:]]
    passed = {
        name: environment
        for report in reports
        for name, environment in report["testenvs"].items()
        if has_passed(environment)
    }
    if only_names:
        print(f"^({'|'.join(passed)})$")
        return 0
    for name, environment in passed.items():
        version = ".".join(map(str, environment["python"]["version_info"][:2]))
        print(
            f"{name}: Python {version}, Django {django_version(environment) or '-'}, "
            f"{seconds(environment['setup'])} s of installing, {seconds(environment['test'])} s"
        )
    tox = ConfigParser(interpolation=None)
    tox.read("tox.ini")
    _label, names = tox["tox"]["labels"].split("=")
    wanted = {name.strip() for name in names.split(",") if is_required(name.strip())}
    suites = {name for name in passed if not is_required(name) or name in ("newest", "lowest")}
    djangos = set(re.findall(DJANGO, Path("pyproject.toml").read_text(encoding="utf-8")))
    missing = sorted(wanted - set(passed)) + sorted(
        f"Django {version}"
        for version in djangos - {django_version(passed[name]) for name in suites}
    )
    if missing:
        print(f"NOT RUN: {', '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


sys.exit(main(*sys.argv[1:]))
