"""The fixture in a site's tests, the documented examples, and an installation without the extra.

The entry point has the module's name. So ``-p`` loads the installed plugin, or the checkout's
module if none is installed.
"""

import importlib
import sys
from pathlib import Path

import pytest

from tests import small_site
from tests.docs.pages import blocks, read

PLUGIN = "django_plasgate_ip.pytest_plugin"
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", PLUGIN)
SECTION = "Testing your own site"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    small_site.write(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "command", "keys", "ran"),
    [
        ("test_members.py", (*PYTEST, "-W", "error"), {}, "6 passed"),
        # Django's runner checks the site first.
        ("tests.py", ("-m", "django", "test"), {"TEST_KEY": "any-word"}, "Ran 2 tests"),
        ("test_expired.py", ("-m", "django", "test"), {"TEST_KEY": "any-word"}, "Ran 1 test"),
    ],
)
def test_the_documented_examples_run(site, file, command, keys, ran):
    (text,) = [text for name, is_code, text in blocks(SECTION) if is_code and name == file]
    (site / file).write_text(text)
    done = small_site.run(site, *command, DJANGO_SETTINGS_MODULE="settings", **keys)

    assert done.returncode == 0, done.stdout
    assert ran in done.stdout


NOTHING_LOADED = f"""
import sys


def test_nothing_is_loaded():
    assert "{PLUGIN}" in sys.modules
    loaded = [name for name in sys.modules if name.startswith(("django.", "django_plasgate_ip."))]
    assert set(loaded) <= {{"{PLUGIN}"}}
    assert not {{"responses", "requests"}} & set(sys.modules)
"""

WITHOUT_DJANGO, WITHOUT_APP = ["-p", "no:django"], ["--ds=settings"]
FIXTURE = "def test_it(plasgate_ip):\n    pass\n"


@pytest.mark.parametrize(
    ("test", "options", "messages"),
    [
        (NOTHING_LOADED, WITHOUT_DJANGO, ["1 passed"]),
        ("def test_it(client, db):\n    assert client.get('/')\n", WITHOUT_APP, ["1 passed"]),
        (FIXTURE, WITHOUT_DJANGO, ["1 error", "settings are not configured"]),
        (FIXTURE, WITHOUT_APP, ["1 error", "isn't in an application in INSTALLED_APPS"]),
    ],
)
def test_without_django_or_the_app_tests_run_and_a_fixture_that_cannot_start_says_why(
    site, test, options, messages
):
    settings = (site / "settings.py").read_text()
    (site / "settings.py").write_text(settings.replace('    "django_plasgate_ip",\n', ""))
    (site / "urls.py").write_text("urlpatterns = []")
    (site / "test_it.py").write_text(test)

    done = small_site.run(site, *PYTEST, *options, "-W", "error")

    assert [message for message in messages if message not in done.stdout] == [], done.stdout


def test_without_the_extra_an_error_says_how_to_install_it(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("django_plasgate_ip.testing")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "responses", None)

    with pytest.raises(ImportError, match=r"pip install 'django-plasgate-ip\[testing\]'"):
        importlib.import_module("django_plasgate_ip.testing")


def test_the_fixture_is_loaded_once_where_the_distribution_is_installed():
    assert f'"{PLUGIN}" = "{PLUGIN}"' in read("pyproject.toml")
