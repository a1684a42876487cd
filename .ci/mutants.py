"""Mutation tests: change the deciding code in one place at a time, and see whether a test fails.

    tox run -e mutants                      each module of mutants.toml
    tox run -e mutants -- verdict limits    only modules with one of these words in their path

mutmut makes the changes (*mutants*) and runs the tests, in a copy of the checkout. A mutant that no
test notices has survived. Each survivor is printed, unless mutants.toml lists it as equivalent. The
exit code is 1 if fewer mutants than required were killed, or if an equivalent of these modules is
not among the survivors.

mutmut does not change functions with a decorator, or code outside of functions.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomllib

ROOT = Path(__file__).parents[1]
PACKAGE = "django_plasgate_ip"
COPIED = ("benchmarks", PACKAGE, "docs", "example_project", "tests")
# Mutants are tested at the same time, by processes that have read the settings already.
CONFTEST = """

@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    import os
    from django.db import connection

    connection.settings_dict["TEST"]["NAME"] = f"{os.getcwd()}/{os.getpid()}.sqlite3"
"""
PYTEST = [
    "--no-migrations",
    *("-p", "no:cacheprovider"),
    *("-p", "no:cov"),
    *("-p", "no:xdist"),
    # mutmut collects the tests more than once, and pytest would escape an id once more each time.
    *("-o", "disable_test_id_escaping_and_forfeit_all_rights_to_community_support=true"),
]
# The exit codes of a mutant's tests. 36 and SIGXCPU: they ran for too long. 5 and 33: no test calls
# the function.
KILLED = (1, 3, 24, -24, 36, 152)
SURVIVED = (0, 5, 33)


@dataclass(frozen=True)
class Survivor:
    """A mutant that no test noticed."""

    #: The dotted path below the package, as mutants.toml has it.
    function: str
    #: The lines of the diff that begin with a minus or a plus.
    change: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([self.function, *self.change])


def prepare(copy: Path, group: dict[str, Any], ignored_lines: list[str]) -> None:
    """Copy the checkout, with mutmut's configuration."""
    ignored = shutil.ignore_patterns("__pycache__", "*.sqlite3*", ".env")
    for name in COPIED:
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file() and path.suffix in (".ini", ".rst", ".toml"):
            shutil.copy(path, copy)
    with (copy / "tests" / "conftest.py").open("a") as file:
        file.write(CONFTEST)
    configuration = {
        "source_paths": [PACKAGE],
        "only_mutate": [f"{PACKAGE}/{module}" for module in group["modules"]],
        # Tests read the documentation, too.
        "also_copy": [*(name for name in COPIED if name != PACKAGE), "CHANGELOG.rst", "README.rst"],
        "do_not_mutate_patterns": ignored_lines,
        "pytest_add_cli_args": [*PYTEST, f"--ds={group.get('settings', 'tests.settings')}"],
        "pytest_add_cli_args_test_selection": group["tests"],
        # Each mutant begins with the modules loaded and no test run, so no state is inherited.
        "process_isolation": "forkserver",
        "use_git_change_detection": False,
    }
    with (copy / "pyproject.toml").open("a") as file:
        file.write("\n[tool.mutmut]\n")
        # The JSON of these values is TOML, too.
        file.writelines(f"{name} = {json.dumps(value)}\n" for name, value in configuration.items())


def mutmut(copy: Path, *arguments: str) -> str:
    """Run a command of mutmut, and return what it prints unless that is the terminal's."""
    command = [str(Path(sys.executable).with_name("mutmut")), *arguments]
    output = None if arguments[0] == "run" else subprocess.PIPE
    done = subprocess.run(command, cwd=copy, check=True, stdout=output, text=True)  # noqa: S603
    return done.stdout or ""


def exit_codes(copy: Path) -> dict[str, int]:
    """Return the exit code of each mutant's tests."""
    codes: dict[str, int] = {}
    for path in sorted((copy / "mutants" / PACKAGE).rglob("*.meta")):
        codes |= json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    if broken := {name: code for name, code in codes.items() if code not in KILLED + SURVIVED}:
        raise SystemExit(f"mutmut could not test these mutants (with their exit codes): {broken}")
    return codes


def survivor(copy: Path, mutant: str) -> Survivor:
    """Return the mutant of this name as its function and its change."""
    diff = mutmut(copy, "show", mutant).splitlines()
    change = [line for line in diff if line[:1] in ("-", "+") and line[:3] not in ("---", "+++")]
    module, _, function = mutant.removeprefix(f"{PACKAGE}.").rpartition(".")
    # x_name__mutmut_3; a method: xǁClassǁname__mutmut_3
    name = function.partition("__mutmut_")[0].removeprefix("x_").removeprefix("xǁ")
    return Survivor(f"{module}.{name.replace('ǁ', '.')}", tuple(change))


def run(
    group: dict[str, Any], ignored_lines: list[str], processes: int
) -> tuple[int, list[Survivor]]:
    """Return how many mutants the modules of this group have, and the survivors."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkout"
        prepare(copy, group, ignored_lines)
        mutmut(copy, "run", "--max-children", str(processes))
        codes = exit_codes(copy)
        survivors = [survivor(copy, name) for name, code in codes.items() if code in SURVIVED]
    return len(codes), survivors


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=False)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    config = tomllib.loads((ROOT / ".ci" / "mutants.toml").read_text(encoding="utf-8"))
    count, found, rooms = 0, list[Survivor](), list[str]()
    for group in config["group"]:
        words = options.words or [""]
        group["modules"] = [
            path for path in group["modules"] if any(word in path for word in words)
        ]
        if group["modules"]:
            print(f"\n{' '.join(group['modules'])}")
            mutants, survivors = run(group, config["ignored_lines"], options.processes)
            count += mutants
            found += survivors
            rooms += [f"{path.removesuffix('.py').replace('/', '.')}." for path in group["modules"]]
    equivalents = {
        Survivor(entry["function"], tuple(entry["change"]))
        for entry in config.get("equivalent", ())
        if entry["function"].startswith(tuple(rooms))
    }
    for each in sorted(str(each) for each in found if each not in equivalents):
        print(f"\nSURVIVED {each}")
    for each in sorted(str(each) for each in equivalents.difference(found)):
        print(f"\nNOT A SURVIVOR, so not an equivalent {each}")
    score = 100 * (count - len(found)) / count
    listed = sum(each in equivalents for each in found)
    print(
        f"\n{count} mutants, {score:.1f} % killed; {config['required']} % are required. "
        f"{len(found)} survived; {listed} of them are listed as equivalent."
    )
    return int(score < config["required"] or not equivalents <= set(found))


sys.exit(main())
