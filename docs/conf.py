"""Sphinx builds the documentation with this: ``tox run -e docs``."""

import re
from pathlib import Path
from typing import Any

import django
import tomllib
from django.conf import settings

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCE = PROJECT["urls"]["Source"]

# The API's modules are imported: models and admin want an installed app.
settings.configure(
    INSTALLED_APPS=[
        "django_plasgate_ip",
        "django_plasgate_ip.handoff",
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
    ],
)
django.setup()

project = PROJECT["name"]
author = "django-plasgate-ip contributors"
version = release = PROJECT["version"]
extensions = ["sphinx.ext.autodoc", "sphinx.ext.extlinks"]
exclude_patterns = ["_build"]
default_role = "code"  # docstrings write `name`
extlinks = {"source": (f"{SOURCE}/blob/HEAD/%s", "%s")}
rst_epilog = f".. _repository: {SOURCE}\n.. |source| replace:: {SOURCE}\n"
highlight_language = "none"  # a block without a language is a command or what it prints
smartquotes = False  # "--dry-run" and '***' are meant as they stand

nitpicky = True
# No inventory of another project is fetched, so that the build needs no network.
nitpick_ignore_regex = [
    (r"py:.*", r"(datetime|django|phonenumber_field|requests|typing|unittest)\..*"),
    (r"py:.*", r"(collections\.abc|models)\..*"),
    (r"py:.*", r"_StrPromise"),
]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_copy_source = False
html_show_copyright = False
html_theme_options = {
    "source_repository": f"{SOURCE}/",
    "source_branch": "main",
    "source_directory": "docs/",
}

PAGE = re.compile(r"`([^`<]+?)\s+<docs/([\w-]+)\.rst>`__?")
FILE = re.compile(r"`([^`<]+?)\s+<(?!https?:)([\w./-]+)>`__?")


def link_to_pages(app: Any, path: Path, parent: str, content: list[str]) -> None:
    """Make the relative links of an included README or CHANGELOG right for these pages."""
    content[0] = PAGE.sub(r":doc:`\1 <\2>`", content[0])
    content[0] = FILE.sub(r":source:`\1 <\2>`", content[0])


def setup(app: Any) -> None:
    """Register the hook."""
    app.connect("include-read", link_to_pages)
