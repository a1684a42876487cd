"""The hand-off's pages have what every page of the app has."""

from typing import Any

import pytest

from django_plasgate_ip.handoff import tokens
from tests.handoff.devices import Phone
from tests.test_responses import EveryPage
from tests.visitor import Visitor


@pytest.mark.parametrize(
    "name",
    ["plasgate_ip_handoff/phone", "plasgate_ip_handoff/refused", "plasgate_ip_handoff/computer"],
)
class TestOurPages(EveryPage):
    def show(self, name: str, visitor: Visitor, settings: Any) -> Any:
        # Also where the site's own start page shows no code.
        token = tokens.issue(visitor.get("/phone/").wsgi_request)
        if name.endswith("/computer"):
            return visitor.get(f"/phone/on/{token}/screen/")
        browser = visitor if name.endswith("/refused") else Phone()
        return browser.get(f"/phone/on/{token}/")
