"""The Khmer catalogues are complete, and the compiled files equal them."""

import gettext
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT, read

pytestmark = pytest.mark.parametrize("app", ["django_plasgate_ip", "example_project/example"])

CATALOGUE = Path("locale", "km", "LC_MESSAGES", "django.po")

needs_gettext = pytest.mark.skipif(not shutil.which("xgettext"), reason="gettext is not installed")


def run(*command: str, cwd: Path) -> str:
    # Without settings: the strings are the same for all.
    env = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(command, cwd=cwd, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def compiled(path: Path) -> dict[Any, str]:
    """Return the translations of a compiled file; a plural's key is a tuple."""
    with path.open("rb") as file:
        return vars(gettext.GNUTranslations(file))["_catalog"]


@pytest.fixture
def translations(app: str) -> dict[Any, str]:
    return compiled((ROOT / app / CATALOGUE).with_suffix(".mo"))


def test_a_translation_has_the_same_placeholders(translations):
    assert len(translations) > 10
    for key, translation in translations.items():
        original = key if isinstance(key, str) else key[0]
        if original:  # the header's is empty
            values = re.findall(r"%\(\w+\)\w", original)
            assert sorted(re.findall(r"%\(\w+\)\w", translation)) == sorted(values)


def glossary() -> dict[str, str]:
    """Return the Khmer of each term of docs/khmer.rst."""
    rows = re.findall(r"(?m)^   ([A-Za-z ]+), ([\u1780-\u17ff]+),", read("docs/khmer.rst"))
    assert len(rows) > 10
    return {english.lower(): khmer for english, khmer in rows}


def test_each_term_is_translated_as_the_glossary_has_it(translations):
    for key, translation in translations.items():
        # A context is not part of the sentence, and "IP Verification" is the provider's name.
        original = str(key if isinstance(key, str) else key[0]).rpartition("\4")[2]
        original = original.replace("IP Verification", "").lower()
        # Zero-width characters only say where a line may break.
        plain = re.sub("[\u200b\u2060]", "", translation)
        for english, khmer in glossary().items():
            if re.search(rf"\b{english}\b", original):
                assert khmer in plain, (english, original)


# Browsers know few Khmer words, and break lines inside these. A word joiner prevents it.
UNBROKEN = (
    *("ប្រតិបត្តិ|ករ", "ស៊ី|ម", "នី|មួយ|ៗ", "អ្នកប្រើ|ប្រាស់", "ផ្លាស់|ប្តូរ", "ចាក|ចេញ", "នាំ|ចេញ"),
    *("ផ្ទៀង|ផ្ទាត់", "ត្រូវ|ការ", "ទាំង|អស់", "ជា|មុន", "កុំ|ព្យូទ័រ", "មូល|ហេតុ", "ដំណើរ|ការ", "អេ|ក្រង់"),
    *("តួ|អក្សរ", "រង់|ចាំ", "រយៈ|ពេល", "ចាប់|ផ្តើម", "ញឹក|ញាប់", "លេខកូ|ដ", "កា|មេរ៉ា", "គ្រប់|គ្រង", "កត់|ត្រា"),
)


def test_no_line_breaks_inside_a_khmer_word(translations):
    text = "".join(translations.values())
    for word in UNBROKEN:
        assert word.replace("|", "") not in text, word
    # Without a zero-width space, a browser reads the first letters of the next word as a part.
    assert not re.search("ឬ[\u1780-\u17b3]", text)


@needs_gettext
def test_the_catalogue_has_every_string_of_code_and_templates_and_no_other(app, tmp_path):
    copy = shutil.copytree(ROOT / app, tmp_path / "app")
    command = (sys.executable, "-m", "django", "makemessages", "--locale=km", "--no-location")
    run(*command, cwd=copy)

    for kind in ("--untranslated", "--only-fuzzy", "--only-obsolete"):
        assert run("msgattrib", kind, str(CATALOGUE), cwd=copy) == ""


@needs_gettext
def test_the_compiled_catalogue_equals_its_source(app, translations, tmp_path):
    run("msgfmt", "--check", f"--output-file={tmp_path / 'km.mo'}", str(CATALOGUE), cwd=ROOT / app)
    assert compiled(tmp_path / "km.mo") == translations
