"""A property of the callback: what holds for every query that it receives."""

from typing import Any

import pytest
from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification
from tests.conftest import Receivers
from tests.hostile.browser import skeleton
from tests.hostile.conftest import Examples, PlasGate
from tests.hostile.strategies import ERRORS, GENUINE, NEXT, WITH_NONCE, queries, read
from tests.visitor import CODE, STATE, Visitor, newest


def is_trusted(said: list[tuple[str, str]], genuine: dict[str, str]) -> bool:
    """Whether the callback repeats what the site sent, and each parameter once."""
    once = dict(said)
    repeated = ("private_key", "redirect_uri")
    return (
        len(once) == len(said)
        and all(once.get(name, genuine[name]) == genuine[name] for name in repeated)
        and once.get("nonce") == genuine.get("nonce", once.get("nonce"))
    )


def is_denied(said: list[tuple[str, str]]) -> bool:
    """Whether either error parameter has a visible character near its beginning."""
    texts = (dict(said).get(name, "")[:1000] for name in ERRORS)
    return any(c.isprintable() and not c.isspace() for text in texts for c in text)


def pages(browser: Visitor, row: PhoneVerification) -> dict[str, Any]:
    """Return the skeleton of the verification's page for each status, without hostile text."""
    seen = {}
    for status, reason in (
        ("pending", ""),
        ("verified", ""),
        ("failed", "provider_denied"),
        ("error", "invalid_callback"),
    ):
        ended = None if status == "pending" else timezone.now()
        PhoneVerification.objects.filter(pk=row.pk).update(
            status=status, reason=reason, completed_at=ended
        )
        seen[status] = skeleton(browser.get(f"/phone/{row.pk}/"))
    return seen


@pytest.mark.parametrize("genuine", [GENUINE, WITH_NONCE], ids=["no nonce", "nonce"])
def test_only_the_genuine_callback_verifies(
    genuine: dict[str, str],
    examples: Examples,
    visitor: Visitor,
    plasgate: PlasGate,
    receivers: Receivers,
) -> None:
    visitor.start(next=NEXT)
    begun = newest()
    begun.redirect_uri, begun.nonce = genuine["redirect_uri"], genuine.get("nonce", "")
    expected = pages(visitor, begun)

    @examples(query=queries(genuine))
    def check(query: str) -> None:
        begun.created_at = timezone.now()
        begun.save()
        plasgate.answers.forget_calls()
        receivers.verified.reset_mock()
        receivers.failed.reset_mock()

        response = visitor.generic("GET", "/phone/callback/", QUERY_STRING=query)

        row = newest()
        said = read(query)
        if said is None:
            assert (response.status_code, row.status, plasgate.sent) == (400, "pending", [])
            return
        once = dict(said)
        trusted, denied = is_trusted(said, genuine), is_denied(said)
        worth_a_call = bool(trusted and not denied and once.get("code") and once.get("state"))
        is_genuine = worth_a_call and (once["code"], once["state"]) == (CODE, STATE)

        assert (row.status == "verified") == is_genuine
        # A changed callback gets no call, and no callback gets two.
        assert [(sent["code"], sent["state"]) for sent in plasgate.sent] == (
            [(once["code"], once["state"])] if worth_a_call else []
        )
        if not is_genuine:
            assert row.reason == (
                "invalid_callback"
                if not trusted
                else "provider_denied"
                if denied
                else "credentials_rejected"
                if worth_a_call
                else "invalid_callback"
            )
        # One signal was sent, and the stored text can be shown.
        assert row.completed_at is not None
        assert len(receivers.heard) == 1
        assert row.error_description.isprintable()
        assert all(value.isprintable() for value in response.headers.values())
        # The browser stays on this site. The page has no element that the query brought.
        assert response.status_code == 302
        detail = f"/phone/{row.pk}/"
        assert response["Location"] == (NEXT if is_genuine else detail)
        page = visitor.get(detail)
        assert page.status_code == 200
        assert skeleton(page) == expected[row.status]
