"""Imports run one way: web -> flow -> verification -> client and models -> conf."""

import ast
from collections.abc import Iterator

from tests.docs.pages import ROOT

PACKAGE = ROOT / "django_plasgate_ip"
WEB = {"views", "responses", "forms", "decorators", "urls", "templatetags"}
PLUGINS = {"admin", "backends", "contrib", "doctor", "handoff", "management", "sandbox", "testing"}
# The rooms that each room must not import.
FORBIDDEN = {
    "client": WEB | PLUGINS | {"flow", "verification", "models", "redirects"},
    "models": WEB | PLUGINS | {"flow", "verification", "client", "redirects"},
    "querysets": WEB | PLUGINS | {"flow", "verification", "client", "redirects"},
    "redirects": WEB | PLUGINS | {"flow", "verification", "client"},
    "verification": WEB | PLUGINS | {"flow", "redirects"},
    "flow": WEB | PLUGINS,
    "responses": PLUGINS | {"views"},
    "views": PLUGINS,
    "contrib": PLUGINS - {"contrib"} | {"views"},
    "handoff": {"admin", "contrib", "sandbox", "testing", "views"},
    "admin": {"contrib", "handoff", "sandbox", "testing", "views", "flow"},
    "sandbox": WEB | {"flow", "verification", "client", "models", "testing", "contrib"},
    "testing": {"admin", "contrib", "handoff", "views"},
    "doctor": {"contrib"},
    "management": {"contrib"},
    "backends": {"contrib"},
}
# The one function of the sandbox that a site's settings name: it returns `Credentials`.
ALLOWED = {("credentials.py", "client")}


def imported(room: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each module of the room, with each room that it imports."""
    folder = PACKAGE / room
    for path in folder.rglob("*.py") if folder.is_dir() else [folder.with_suffix(".py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not node.module:
                continue
            package, _, below = node.module.partition(".")
            if package == "django_plasgate_ip":
                names = [below] if below else [alias.name for alias in node.names]
                yield from ((path.name, name.split(".")[0]) for name in names)


def test_a_room_imports_nothing_from_above():
    for room, forbidden in FORBIDDEN.items():
        found = set(imported(room))
        assert found
        assert [each for each in found - ALLOWED if each[1] in forbidden] == []


def test_one_module_of_the_core_looks_for_plugins():
    texts = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    question = 'is_installed("django_plasgate_ip'
    assert [path.name for path, text in texts.items() if question in text] == ["apps.py"]
