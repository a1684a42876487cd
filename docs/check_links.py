"""Check that each relative link, picture and anchor of built HTML leads somewhere.

    python docs/check_links.py FOLDER

It prints those that don't, and then exits with status 1. It makes no request.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page links to, and what can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the addresses and the ids of a tag."""
        for name, value in attrs:
            if name in ("href", "src"):
                self.links.append(value or "")
            elif name == "id":
                self.anchors.add(value or "")


def broken(folder: Path) -> list[str]:
    """Return a line for each link that leads nowhere."""
    pages = {path: Page(path) for path in folder.resolve().rglob("*.html")}
    lines = []
    for path, page in pages.items():
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            found = target in pages and unquote(url.fragment) in pages[target].anchors
            if not found and (target in pages or not target.is_file()):
                lines.append(f"{path.relative_to(folder.resolve())}: {link}")
    return lines


if __name__ == "__main__":
    lines = broken(Path(sys.argv[1]))
    print("\n".join(lines) or f"Every relative link in {sys.argv[1]} leads somewhere.")
    sys.exit(bool(lines))
