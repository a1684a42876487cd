"""The documentation's pictures; ``--screenshots`` writes them to docs/screenshots."""

import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser import tour
from tests.browser.history import STAFF
from tests.browser.people import DESKTOP, PHONE, Person
from tests.servers import ROOT

pytestmark = pytest.mark.browser

FOLDER = ROOT / "docs" / "screenshots"
# Bytes of one picture, and its number of colours.
MAX_SIZE = 60_000
COLOURS = 64

COMPUTER = {"viewport": {"width": 800, "height": 640}}
PICTURES = {
    "start-en": ("start", "en", PHONE),
    "start-km": ("start", "km", PHONE),
    "start-dark": ("start", "en", {**PHONE, "color_scheme": "dark"}),
    "not-on-mobile-data-km": ("not on mobile data", "km", PHONE),
    "not-on-mobile-data": ("not on mobile data", "en", PHONE),
    "verified": ("verified", "en", PHONE),
    "choices": ("choices", "en", PHONE),
    "computer": ("start with code", "en", COMPUTER),
}


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return docs/screenshots with ``--screenshots``, or a temporary folder."""
    return FOLDER if request.config.getoption("--screenshots") else tmp_path


def draw(visitor: Person, path: Path, is_whole: bool = True) -> None:
    """Write a picture of the page, or only of its visible part, in few colours."""
    shot = visitor.page.screenshot(animations="disabled", caret="hide", full_page=is_whole)
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    assert path.stat().st_size < MAX_SIZE
    assert picture.getcolors(maxcolors=10) is None  # an empty page has fewer


@pytest.mark.parametrize("name", PICTURES)
def test_picture_of_a_page(example, arrive, folder, name):
    page, language, screen = PICTURES[name]
    visitor = arrive(example, language=language, screen=screen)
    (tour.EXAMPLE | tour.COMPUTER)[page](visitor)

    draw(visitor, folder / f"{name}.png")


def test_picture_of_the_admin(example, arrive, folder):
    staff = arrive(example, screen=DESKTOP)
    staff.page.goto("/admin/django_plasgate_ip/phoneverification/")
    staff.page.fill("[name=username]", STAFF["username"])
    staff.page.fill("[name=password]", STAFF["password"])
    staff.page.click("[type=submit]")
    expect(staff.page.locator("#result_list tbody tr").nth(10)).to_be_visible()

    draw(staff, folder / "admin.png", is_whole=False)


def test_the_documentation_shows_each_picture_that_is_kept():
    pages = [ROOT / "README.rst", *(ROOT / "docs").rglob("*.rst")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    shown = set(re.findall(r"screenshots/([\w-]+)\.png", text))

    assert shown == {path.stem for path in FOLDER.glob("*.png")}
    assert shown == {*PICTURES, "admin"}
