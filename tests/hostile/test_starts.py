"""Properties of the start page: what holds for every request to it."""

from typing import Any
from urllib.parse import parse_qsl

from django_plasgate_ip import phones
from django_plasgate_ip.models import PhoneVerification
from tests.hostile.browser import STAYS, host_of, skeleton
from tests.hostile.conftest import Examples, PlasGate
from tests.hostile.strategies import ACCEPTS, BODIES, CALLBACK
from tests.visitor import Visitor


def test_a_start_leads_to_plasgate_or_shows_the_form(
    examples: Examples, visitor: Visitor, plasgate: PlasGate, settings: Any
) -> None:
    settings.PLASGATE_IP_MAX_STARTS_PER_NUMBER = settings.PLASGATE_IP_MAX_STARTS_PER_USER = None
    form = visitor.get("/phone/")
    token = visitor.cookies["csrftoken"].value
    looks = [skeleton(visitor.submit(form, phone_number=bad)) for bad in ("", "bad")]

    @examples(body=BODIES, accept=ACCEPTS)
    def check(body: tuple[str, bytes], accept: str) -> None:
        PhoneVerification.objects.all().delete()

        content_type, data = body
        response = visitor.generic(
            "POST",
            "/phone/",
            data,
            CONTENT_TYPE=content_type,
            headers={"X-CSRFToken": token, "Accept": accept},
        )

        row = PhoneVerification.objects.first()
        is_json = response["Content-Type"].startswith("application/json")
        if row is None:
            assert response.status_code == 400
            assert all(value.isprintable() for value in response.headers.values())
            if is_json:
                assert set(response.json()) == {"errors"}
            # Django shows a page of its own for a body that it cannot read as a form.
            elif b"<h1>Bad Request (400)</h1>" not in response.content:
                assert skeleton(response) in looks
            return
        url = response.json()["authorize_url"] if is_json else response["Location"]
        assert response.status_code == (200 if is_json else 302)
        assert url.startswith("https://cloudapi.plasgate.com/ip/authenticate?private_key=")
        assert url.isascii()
        assert url.isprintable()
        sent = dict(parse_qsl(url.partition("?")[2], strict_parsing=True))
        assert sent["phone_number"] == sent["login_hint"] == phones.digits(row.phone_number)
        assert sent["redirect_uri"] == row.redirect_uri == CALLBACK
        assert row.phone_number.is_valid()
        assert row.status == "pending"
        # The stored next stays on this site.
        assert host_of(row.next_url) in STAYS
        assert row.next_url.isprintable()

    assert plasgate.sent == []
