"""README.rst, CHANGELOG.rst and docs/ as docutils parses them, without Sphinx."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives, roles

ROOT = Path(__file__).parents[2]
PAGES = tuple(sorted(path.stem for path in (ROOT / "docs").glob("*.rst")))
# The API reference is made of docstrings.
DOCUMENTS = (
    "README.rst",
    "CHANGELOG.rst",
    *(f"docs/{page}.rst" for page in PAGES if page != "api"),
)
FILE_NAME = re.compile(r"[\w./-]*\.(py|html|env|ini)")


class Ignored(Directive):  # type: ignore[misc]
    """A directive of Sphinx's, or of a text that a test reads elsewhere."""

    has_content = final_argument_whitespace = True
    optional_arguments = 1

    def run(self) -> list[Any]:
        return []


class Confval(Directive):  # type: ignore[misc]
    """A setting, with ``name`` and ``default`` as attributes of its node."""

    has_content = True
    required_arguments = 1
    option_spec = {"type": directives.unchanged, "default": directives.unchanged}

    def run(self) -> list[Any]:
        default = self.options.get("default", "")
        node = nodes.container(setting=self.arguments[0], default=default)
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def document(name: str) -> Any:
    """Return a parsed document; Sphinx reports what is wrong with it."""
    with_sphinx = name.startswith("docs/")
    if with_sphinx:
        for role in ("confval", "doc", "ref", "source"):
            roles.register_generic_role(role, nodes.literal)
        directives.register_directive("include", Ignored)
        directives.register_directive("toctree", Ignored)
        directives.register_directive("confval", Confval)
    source = read(name) + ("\n.. _repository: /\n.. |source| replace:: /\n" if with_sphinx else "")
    return publish_doctree(
        source,
        settings_overrides={"doctitle_xform": False, "halt_level": 3, "syntax_highlight": "none"},
    )


def section(title: str) -> Any:
    """Return the one section of this title."""
    (found,) = [
        node
        for name in DOCUMENTS
        for node in document(name).findall(nodes.section)
        if node.next_node(nodes.title).astext() == title
    ]
    return found


def table(title: str) -> dict[str, str]:
    """Return the first two columns of the section's first table, without its head."""
    body = section(title).next_node(nodes.tbody)
    rows = [[entry.astext() for entry in row.children] for row in body.children]
    return {row[0]: row[1] for row in rows}


def blocks(within: Any) -> Iterator[tuple[str | None, str, str]]:
    """Yield each literal block: the file named above it, its language, its text.

    `within` is a node, or the title of a section. The file is None where the paragraph above names
    none. The language is empty for ``::``: commands, or what they print.
    """
    node = section(within) if isinstance(within, str) else within
    for block in node.findall(nodes.literal_block):
        above = block.parent[max(block.parent.index(block) - 1, 0)]
        names = (literal.astext() for literal in above.findall(nodes.literal))
        language = next((name for name in block["classes"] if name != "code"), "")
        yield next(filter(FILE_NAME.fullmatch, names), None), language, block.astext()
