"""The files of the tools agree with each other, and CONTRIBUTING.rst agrees with the package."""

import re
from configparser import ConfigParser
from itertools import product
from typing import Any

import pytest
import yaml

from tests.docs.pages import ROOT, read

# The source distribution does not need the workflow's files to be tested.
pytestmark = pytest.mark.skipif(not (ROOT / ".github").is_dir(), reason="this is no checkout")


def requirements(group: str) -> list[str]:
    """Return the requirements of a dependency group, or of the project for ``dependencies``."""
    (block,) = re.findall(rf"(?ms)^{group} = \[\n(.*?)^\]", read("pyproject.toml"))
    return re.findall(r'^  "(.+?)",', block, re.MULTILINE)


def tox() -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.read_string(read("tox.ini"))
    return parser


def names(pattern: str) -> list[str]:
    """Return the names that tox makes of a{b,c}."""
    parts = [part.strip("{}").split(",") for part in re.split(r"(\{.*?\})", pattern)]
    return ["".join(chosen) for chosen in product(*parts)]


def environments() -> set[str]:
    """Return the environments with a section, and each pair of Python and Django."""
    sections = [section.removeprefix("testenv:") for section in tox().sections() if ":" in section]
    djangos = re.findall(r"^(django\d\d):", tox()["testenv"]["deps"], re.MULTILINE)
    pairs = [f"py3{minor}-{django}" for minor in range(10, 15) for django in djangos]
    return {name for section in sections for name in names(section)} | set(pairs)


def workflow() -> dict[str, Any]:
    return yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]


def in_workflow() -> set[str]:
    """Return the environments that the workflow runs."""
    matrices = [job.get("strategy", {}).get("matrix", {}) for job in workflow().values()]
    listed = {entry["env"] for matrix in matrices for entry in matrix.get("include", ())}
    return listed | set(re.findall(r"tox run .*-e ([\w-]+)", read(".github/workflows/ci.yml")))


def in_label() -> set[str]:
    return set(re.findall(r"[\w-]+", tox()["tox"]["labels"].partition("=")[2]))


def test_precommit_has_the_linters_of_tox_in_the_same_versions():
    (repository,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    pinned = {pin for hook in repository["hooks"] for pin in hook["additional_dependencies"]}

    assert repository["repo"] == "local"
    # pip-audit looks at what is installed, so it has no place before a commit.
    missing = set(requirements("lint")) - pinned
    assert [pin for pin in missing if not pin.startswith("pip-audit")] == []
    assert pinned <= {*requirements("lint"), *requirements("test"), *requirements("dependencies")}


def test_the_workflow_runs_what_the_label_runs_and_both_databases():
    assert (in_workflow() | in_label()) - environments() == set()
    assert in_label() | {"newest-mariadb", "worlds-mariadb"} <= in_workflow()
    assert [job for job in workflow().values() if "postgres" in job.get("services", ())]


def test_the_label_has_each_supported_python_and_django():
    pythons = re.findall(r'Python :: 3\.(\d\d)"', read("pyproject.toml"))
    djangos = re.findall(r'Django :: (\d)\.(\d)"', read("pyproject.toml"))
    parts = {part for name in in_label() for part in name.split("-")}

    # `lowest` has the oldest of both, and `newest` the latest.
    assert {f"py3{minor}" for minor in pythons[1:-1]} <= parts
    assert {f"django{major}{minor}" for major, minor in djangos[1:-1]} <= parts
    assert tox()["testenv:lowest"]["base_python"].split()[0] == f"python3.{pythons[0]}"
    assert tox()["testenv"]["base_python"].split()[0] == f"python3.{pythons[-1]}"


def test_lowest_has_the_oldest_versions_and_the_transports_libraries_have_a_cap():
    _, _, rest = read("pyproject.toml").partition("[project.optional-dependencies]\n")
    extras = re.findall(r'\["(.+)"\]', rest.partition("\n\n")[0])
    oldest = [re.sub(r",<\d+$", "", each) for each in (*requirements("dependencies"), *extras)]
    pins = tox()["testenv:lowest"]["deps"].lower().replace("==", ">=").split()

    assert len(extras) == 3
    assert set(oldest) <= set(pins)
    assert len([each for each in requirements("dependencies") if each.endswith(",<3")]) == 2


def test_the_map_shows_each_room_of_the_package():
    package = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (ROOT / "django_plasgate_ip").iterdir()
        if not path.name.startswith("__") and path.name != "py.typed"
    }

    assert set(re.findall(r"^    ([\w.]+/?)  ", read("CONTRIBUTING.rst"), re.MULTILINE)) == package


def test_each_path_for_contributors_and_for_mutants_exists():
    guide = set(re.findall(r"``([\w.]+/[\w./-]+)``", read("CONTRIBUTING.rst")))
    groups, _mark, _equivalents = read(".ci/mutants.toml").partition("[[equivalent]]")
    mutants = set(re.findall(r'"((?:tests/)?[\w/]+(?:\.py)?)"', groups))
    roots = (ROOT, ROOT / "django_plasgate_ip")
    missing = {p for p in guide | mutants if not any((root / p).exists() for root in roots)}

    assert len(guide) > 8
    assert len(mutants) > 20
    assert missing <= {"locale/CODE/LC_MESSAGES"}


@pytest.mark.parametrize("name", ["busy_button", "copy_address", "on_wifi"])
def test_a_script_for_phones_runs_in_a_browser_of_2018(name):
    script = read(f"django_plasgate_ip/static/django_plasgate_ip/{name}.js")
    # Chrome 66 reads no script that has one of these: 30_000, a?.b, a ?? b.
    assert not re.search(r"\d_\d|\?\.|\?\?", script)
