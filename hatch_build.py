"""Gives the distributions a README whose links and pictures are absolute.

A package index does not resolve relative links, and GitHub does. README.rst therefore has relative
ones; here they become absolute, with the addresses in ``[project.urls]``.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

PAGE = re.compile(r"<docs/([\w/-]+)\.rst>")
FILE = re.compile(r"<(?!https?:|mailto:)([\w./-]+)>")
PICTURE = re.compile(r"^(\s*\.\. image:: )(?!https?:)(\S+)$", re.MULTILINE)


class ReadmeHook(MetadataHookInterface):
    """Fills the dynamic field ``readme``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the text of README.rst with absolute links."""
        source, pages = metadata["urls"]["Source"], metadata["urls"]["Documentation"]
        text = (Path(self.root) / "README.rst").read_text(encoding="utf-8")
        text = PAGE.sub(rf"<{pages}\1.html>", text)
        text = FILE.sub(rf"<{source}/blob/HEAD/\1>", text)
        text = PICTURE.sub(rf"\1{source}/raw/HEAD/\2", text)
        metadata["readme"] = {"content-type": "text/x-rst", "text": text}
