"""The README of the wheel, as a package index shows it."""

import subprocess
import sys
import zipfile
from email import message_from_bytes
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from tests.docs.pages import PAGES, ROOT

pytestmark = pytest.mark.package


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (path,) = folder.glob("*.whl")
    return path


def test_twine_renders_it(wheel: Path) -> None:
    check = [sys.executable, "-m", "twine", "check", "--strict", str(wheel)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_its_links_are_absolute_and_lead_to_what_exists(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata: Any = message_from_bytes(archive.read(name))
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
        assert kind == ("raw" if path.endswith(".png") else "blob")
        assert (ROOT / path).is_file() or path in ("CONTRIBUTING.rst", "SECURITY.md")
