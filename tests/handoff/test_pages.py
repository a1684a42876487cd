"""The hand-off's pages, and the core's with a QR code, have what every page of ours has."""

from typing import Any

import pytest
from django.http import HttpRequest

from django_plasgate_ip.handoff import tokens
from tests import test_responses
from tests.handoff.devices import Phone
from tests.test_responses import EveryPage
from tests.visitor import Visitor


def new_link(visitor: Visitor) -> str:
    """Return the path of a new link, also where the site's own start page shows no code."""
    request: HttpRequest = visitor.get("/phone/").wsgi_request
    return f"/phone/on/{tokens.issue(request)}/"


@pytest.mark.parametrize(
    "name",
    ["plasgate_ip_handoff/phone", "plasgate_ip_handoff/refused", "plasgate_ip_handoff/computer"],
)
class TestOurPages(EveryPage):
    def show(self, name: str, visitor: Visitor, settings: Any) -> Any:
        link = new_link(visitor)
        if name.endswith("/computer"):
            return visitor.get(f"{link}screen/")
        browser = visitor if name.endswith("/refused") else Phone()
        return browser.get(link)


@pytest.mark.parametrize("name", ["django_plasgate_ip/start", "django_plasgate_ip/failed"])
class TestPagesWithACode(EveryPage):
    def show(self, name: str, visitor: Visitor, settings: Any) -> Any:
        return test_responses.show(name.removeprefix("django_plasgate_ip/"), visitor, settings)
