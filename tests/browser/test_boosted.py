"""Sites whose links and forms htmx or Turbo sends by XHR, which can't follow us to PlasGate."""

import hashlib
import io
import tarfile
from urllib.request import urlopen

import pytest

from tests.browser.people import ON_WIFI, VERIFIED, Person, expect_heading

pytestmark = pytest.mark.browser

# Each library: its package at the npm registry, that file's SHA-256, and the script in it.
LIBRARIES = {
    "htmx": (
        "htmx.org/-/htmx.org-2.0.11.tgz",
        "165a2655073e9e6e55e307a7c74e8ebcdb76afb7701f9c16cfd106a13add408e",
        "package/dist/htmx.min.js",
    ),
    "Turbo": (
        "@hotwired/turbo/-/turbo-8.0.23.tgz",
        "dfd8a76b28885c010564d828cb21c63f82aeb68b1cd00006152f26c73cae6daa",
        "package/dist/turbo.es2017-umd.js",
    ),
}
# For each document of the site.
LOAD = """
addEventListener("load", () => {
    document.body.setAttribute("hx-boost", "true");
    const script = document.createElement("script");
    script.src = "/library.js";
    document.head.append(script);
});
"""


def script(library: str) -> bytes:
    """Return the library's script, from the npm registry."""
    package, digest, name = LIBRARIES[library]
    with urlopen(f"https://registry.npmjs.org/{package}", timeout=60) as answer:
        packed = answer.read()
    assert hashlib.sha256(packed).hexdigest() == digest
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        member = files.extractfile(name)
        assert member is not None
        return member.read()


def verify(visitor: Person, number: str) -> None:
    visitor.page.fill("[name=phone_number]", number)
    visitor.page.click(".plasgate-ip button[type=submit]")


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_form_on_a_boosted_page_leads_to_plasgate_also_after_a_mistake(
    example, arrive, library
):
    visitor = arrive(example)
    visitor.sign_up()
    served = {"body": script(library), "content_type": "text/javascript"}
    visitor.context.route("**/library.js", lambda route: route.fulfill(**served))
    visitor.context.add_init_script(LOAD)
    visitor.page.goto("/")
    visitor.page.wait_for_function("() => window.htmx || window.Turbo")
    visitor.page.evaluate("window.isSameDocument = true")
    visitor.page.get_by_role("link", name="Members", exact=True).click()
    visitor.page.wait_for_selector("[name=phone_number]")
    assert visitor.page.evaluate("window.isSameDocument")

    verify(visitor, "077")
    visitor.page.wait_for_selector("[aria-invalid]")
    verify(visitor, ON_WIFI)
    expect_heading(visitor.page, "Not verified")
    verify(visitor, VERIFIED)
    visitor.page.wait_for_url("**/members/")
