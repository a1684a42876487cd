"""What users get: the built distributions, and the README's integration with the source's wheel.

The section "Five-minute integration" of README.rst is followed step by step in a new project: its
commands (``::``) run. A ``code-block`` is appended to the file that the paragraph above it names.
A bare name (``settings.py``) belongs to the folder of the project's settings, a path to the one of
``manage.py``. A block without a file is an example: it need only compile.
"""

import fnmatch
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from email import message_from_bytes
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from docutils import nodes
from docutils.core import publish_doctree

from tests import small_site
from tests.docs.pages import PAGES, ROOT, blocks

pytestmark = pytest.mark.package

PACKAGE = "django_plasgate_ip"

VISIT = """
import re
import sys
from importlib import import_module
from urllib.parse import parse_qs

import django
django.setup()

from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
import django_plasgate_ip

print(django_plasgate_ip.__file__)
for module in sys.argv[1:]:
    import_module(module)
client = Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
client.force_login(get_user_model().objects.create_user("visitor"))

page = client.get(reverse("plasgate_ip:start"))
html = page.content.decode()
assert page.status_code == 200, page
assert 'name="phone_number"' in html, html

token = re.search(r'name="csrfmiddlewaretoken" value="(\\w+)"', html)[1]
form = {"phone_number": "077 696 118", "csrfmiddlewaretoken": token}
answer = client.post(reverse("plasgate_ip:start"), form)
assert answer.status_code == 302, answer
url, _, query = answer["Location"].partition("?")
assert url == "http://localhost/sandbox/authenticate", url
assert parse_qs(query)["login_hint"] == ["85577696118"], query
"""


def run(*command: str | Path, cwd: Path = ROOT, **env: str) -> str:
    """Run a command and return its output. If the command fails, fail with its output."""
    options: Any = {"env": {**os.environ, **env}, "text": True, "stderr": subprocess.STDOUT}
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, check=False, **options)
    if done.returncode:
        pytest.fail(f"{' '.join(map(str, command))}\n{done.stdout}", pytrace=False)
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder)
    return folder


@pytest.fixture(scope="module")
def wheel(dist):
    """Return the wheel's files, by their names."""
    (path,) = dist.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def tree(folder: Path) -> set[str]:
    """Return the paths of a source folder's files from the root, without files that runs create."""
    leftovers = (".pyc", ".sqlite3", ".env")
    files = (path for path in folder.rglob("*") if path.is_file())
    return {p.relative_to(ROOT).as_posix() for p in files if not p.name.endswith(leftovers)}


def test_the_distributions_pass_twine(dist):
    run(sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir())


def test_the_wheel_has_the_package_and_nothing_else(wheel):
    packaged = {name for name in wheel if name.partition("/")[0] == PACKAGE}
    assert packaged == tree(ROOT / PACKAGE)
    others = {name.partition("/")[0] for name in wheel.keys() - packaged}
    assert others == {f"{PACKAGE}-0.1.0.dist-info"}
    for wanted in ("py.typed", "start.html", "django.mo", "django.po", "0001_initial.py"):
        assert fnmatch.filter(packaged, f"{PACKAGE}/*{wanted}"), wanted


def test_the_sdist_has_what_a_packager_needs(dist):
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    wanted = {"README.rst", "CHANGELOG.rst", "LICENSE", "pyproject.toml", "tox.ini"}
    for folder in (PACKAGE, "tests", "example_project"):
        wanted |= tree(ROOT / folder)
    assert wanted <= names


def test_the_readmes_links_on_a_package_index_are_absolute_and_lead_to_what_exists(wheel):
    metadata: Any = message_from_bytes(wheel[f"{PACKAGE}-0.1.0.dist-info/METADATA"])
    warnings = StringIO()
    readme = metadata.get_payload(decode=True).decode()
    tree = publish_doctree(readme, settings_overrides={"warning_stream": warnings})
    assert warnings.getvalue() == ""
    links = [node["refuri"] for node in tree.findall(nodes.reference)]
    links += [node["uri"] for node in tree.findall(nodes.image)]
    assert [link for link in links if not link.startswith(("https:", "http:"))] == []
    urls = dict(url.split(", ") for url in metadata.get_all("Project-URL"))
    pages = [link for link in links if link.startswith(urls["Documentation"])]
    assert len(pages) >= 8
    assert {Path(link).stem for link in pages} <= set(PAGES)
    files = [link for link in links if link.startswith(urls["Source"])]
    assert len(files) >= 8
    for link in files:
        kind, _, path = link.removeprefix(urls["Source"]).strip("/").partition("/HEAD/")
        assert kind == ("raw" if path.endswith((".png", ".svg")) else "blob")
        assert (ROOT / path).is_file() or path in ("CONTRIBUTING.rst", "SECURITY.md")


@pytest.fixture(scope="module")
def site(tmp_path_factory, dist):
    """Return the folder of a new project in a new environment, and its environment variables."""
    folder = tmp_path_factory.mktemp("site")
    venv.create(folder / "venv", with_pip=True)
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = folder.glob("django_plasgate_ip-*")
    unpacked.rename(folder / "django-plasgate-ip")
    env = {
        "PATH": f"{folder / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "DJANGO_SETTINGS_MODULE": "mysite.settings",
        "PLASGATE_IP_PRIVATE_KEY": settings.PLASGATE_IP_PRIVATE_KEY,
        "PLASGATE_IP_SECRET_KEY": settings.PLASGATE_IP_SECRET_KEY,
    }
    run("python", "-m", "pip", "install", "django", cwd=folder, **env)
    run("django-admin", "startproject", "mysite", cwd=folder, **env)
    return folder / "mysite", env


def test_a_new_site_follows_the_readme_and_sends_a_number_off(site):
    folder, env = site
    modules = []
    for file, is_code, text in blocks("Five-minute integration"):
        if not is_code:
            run("bash", "-ec", text, cwd=folder, **env)
        elif file is None:
            compile(text, "README.rst", "exec")
        else:
            path = folder / file if "/" in file or file[0] == "." else folder / "mysite" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as stream:
                stream.write(f"\n{text}\n")
            modules += [f"mysite.{path.stem}"] if path.suffix == ".py" else []

    assert modules
    run("python", "manage.py", "check", "--fail-level", "WARNING", cwd=folder, **env)
    (folder / "visit.py").write_text(VISIT)
    printed = run("python", "visit.py", *modules, cwd=folder, **env)
    assert str(folder.parent / "venv") in printed  # not the checkout's


def test_a_new_sites_own_tests_run_with_the_extra(site, tmp_path):
    folder, env = site
    small_site.write(tmp_path)
    env = {**env, "DJANGO_SETTINGS_MODULE": "settings", "TEST_KEY": "any-word"}
    for file, is_code, text in blocks("Testing your own site"):
        if is_code:
            (tmp_path / file).write_text(text)
        else:
            run("bash", "-ec", text, cwd=folder, **env)

    # Nothing but the entry point loads the fixture.
    printed = run("python", "-W", "error", "-m", "pytest", "test_members.py", cwd=tmp_path, **env)

    assert re.search(r"plugins: .*plasgate", printed), printed
    assert "6 passed" in printed
