"""Dark phones on light sites, and light phones on dark ones."""

from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser import tour
from tests.browser.people import DESKTOP

pytestmark = pytest.mark.browser

Scheme = Literal["light", "dark"]
# A site that declares one color-scheme, and one that only has colours.
SITES = {
    "light": ("light", "#fff", "#222"),
    "dark": ("dark", "#111", "#eee"),
    "light, undeclared": ("", "#fff", "#222"),
    "dark, undeclared": ("", "#111", "#eee"),
}
BECOME = """([scheme, paper, ink]) => {
    document.querySelector("meta[name=color-scheme]").content = scheme;
    document.body.className = "";
    document.body.style.background = paper;
    document.body.style.color = ink;
}"""


@pytest.mark.parametrize("name", ["mistake", "not on mobile data", "verified"])
@pytest.mark.parametrize("system", ["light", "dark"])
def test_text_can_be_read_whatever_scheme_the_site_and_the_phone_have(arrive, bare, system, name):
    visitor = arrive(bare, screen=DESKTOP)
    visitor.page.emulate_media(color_scheme=system)
    tour.BARE[name](visitor)

    for site, colours in SITES.items():
        visitor.page.evaluate(BECOME, list(colours))
        found: Any = Axe().run(visitor.page, options={"runOnly": ["color-contrast"]}).response

        assert found["passes"], site
        assert [node["html"] for each in found["violations"] for node in each["nodes"]] == [], site
