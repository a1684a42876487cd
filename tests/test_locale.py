"""The Khmer catalogues are complete, and the compiled files equal them."""

import gettext
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
APPS = ["django_plasgate_ip", "example_project/example"]
CATALOGUE = Path("locale", "km", "LC_MESSAGES", "django.po")
QUOTED = re.compile(r'^(?:(msg\w+)(?:\[\d\])? )?"(.*)"$')

needs_gettext = pytest.mark.skipif(not shutil.which("xgettext"), reason="gettext is not installed")


def run(*command: str, cwd: Path) -> str:
    # Without settings: the strings are the same for all.
    env = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(command, cwd=cwd, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def entries(catalogue: Path) -> list[dict[str, str]]:
    """Return each entry's texts by their keywords, without the header."""
    found = []
    for block in catalogue.read_text(encoding="utf-8").split("\n\n")[1:]:
        texts: dict[str, str] = {}
        keyword = ""
        for line in block.splitlines():
            if match := QUOTED.match(line):
                keyword = match[1] or keyword
                texts[keyword] = texts.get(keyword, "") + match[2]
            else:
                texts["comments"] = f"{texts.get('comments', '')}{line}\n"
        found.append(texts)
    return found


@pytest.mark.parametrize("app", APPS)
def test_every_entry_has_a_translation_that_is_not_fuzzy(app: str) -> None:
    listed = entries(ROOT / app / CATALOGUE)

    assert len(listed) > 10
    assert [entry["msgid"] for entry in listed if not entry["msgstr"]] == []
    assert [entry for entry in listed if "fuzzy" in entry.get("comments", "")] == []


@pytest.mark.parametrize("app", APPS)
def test_a_translation_has_the_same_placeholders(app: str) -> None:
    for entry in entries(ROOT / app / CATALOGUE):
        values = re.findall(r"%\(\w+\)\w", entry["msgid"])
        assert sorted(re.findall(r"%\(\w+\)\w", entry["msgstr"])) == sorted(values)


@needs_gettext
@pytest.mark.parametrize("app", APPS)
def test_the_catalogue_has_every_string_of_code_and_templates_and_no_other(
    app: str, tmp_path: Path
) -> None:
    copy = shutil.copytree(ROOT / app, tmp_path / "app")
    command = (sys.executable, "-m", "django", "makemessages", "--locale=km", "--no-location")

    run(*command, cwd=copy)

    for kind in ("--untranslated", "--only-fuzzy", "--only-obsolete"):
        assert run("msgattrib", kind, str(CATALOGUE), cwd=copy) == ""


@needs_gettext
@pytest.mark.parametrize("app", APPS)
def test_the_compiled_catalogue_equals_its_source(app: str, tmp_path: Path) -> None:
    source = ROOT / app / CATALOGUE
    run("msgfmt", "--check", f"--output-file={tmp_path / 'km.mo'}", str(source), cwd=tmp_path)

    assert catalogue(tmp_path / "km.mo") == catalogue(source.with_suffix(".mo"))


def catalogue(compiled: Path) -> object:
    with compiled.open("rb") as file:
        return vars(gettext.GNUTranslations(file))["_catalog"]
