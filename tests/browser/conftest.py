"""Chromium, the sites that it visits, and the visitors."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.people import Person
    from tests.browser.site import Site

# The other environments lack some of these. They deselect these tests, and must not import them.
NEEDED = ("axe_playwright_python", "PIL", "playwright")
collect_ignore_glob = [] if all(map(find_spec, NEEDED)) else ["test_*"]

STRICT = "default-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add an option to write new pictures for the documentation."""
    parser.addoption("--screenshots", action="store_true", help="write the pictures of the docs")


def _chromium() -> str:
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)
    missing = "Install Chromium (Debian: apt install chromium), or name its path in CHROMIUM."
    return found or pytest.fail(missing, pytrace=False)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import expect, sync_playwright

    from tests.browser.people import PATIENCE

    # The default is five seconds, and the pages' own polling takes three of them.
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_chromium(),
            # Chromium's sandbox does not work for root, which CI uses.
            chromium_sandbox=os.geteuid() != 0,
            # As in an ordinary Chromium: Back may restore a page as the visitor left it.
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield browser
        browser.close()


def _running(folders: pytest.TempPathFactory, settings: str, policy: str) -> Iterator[Site]:
    from tests.browser.site import Site

    site = Site(folders.mktemp("site"), settings, policy)
    yield site
    site.end()


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return the example project, in a process of its own."""
    yield from _running(tmp_path_factory, "example_settings", "default-src 'self'")


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return a site without pages of its own, in a process of its own."""
    yield from _running(tmp_path_factory, "bare_settings", STRICT)


@pytest.fixture(scope="session")
def arrive(chromium: Browser) -> Iterator[Callable[..., Person]]:
    """Return a function that brings a new visitor to a site; arguments as `Person` takes them."""
    from tests.browser.people import Person

    people: list[Person] = []

    def arrive(site: Site, **options: Any) -> Person:
        people.append(Person(chromium, site, **options))
        return people[-1]

    yield arrive
    for person in people:
        person.leave()


@pytest.fixture
def visitor(arrive: Callable[..., Person], example: Site) -> Iterator[Person]:
    """Return a visitor with a phone, who has just signed up at the example."""
    person = arrive(example)
    person.sign_up()
    yield person
    person.leave()
    assert person.violations == []
