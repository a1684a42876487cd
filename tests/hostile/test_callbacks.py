"""A property of the callback: what holds for every query that it receives."""

from typing import Any

import pytest
from django.utils import timezone

from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification.callback import is_same_redirect_uri
from tests.hostile.browser import skeleton
from tests.hostile.strategies import ERRORS, GENUINE, NEXT, WITH_NONCE, queries, read
from tests.visitor import CODE, STATE, Visitor, newest


def is_plausible(said: list[tuple[str, str]], genuine: dict[str, str]) -> bool:
    """Whether the callback may be PlasGate's: of the names that the app reads, each is there once.

    A redirect_uri counts as repeated in each spelling. The spellings are tested as a rule.
    """
    once = dict(said)
    sent = ("code", "state", "private_key", "redirect_uri", "nonce")
    uri = genuine["redirect_uri"]
    return (
        all([name for name, _value in said].count(name) < 2 for name in (*sent, *ERRORS))
        and all(len(once.get(n, "")) <= 4096 and once.get(n, "").isprintable() for n in sent)
        and once.get("private_key", genuine["private_key"]) == genuine["private_key"]
        and is_same_redirect_uri(uri, once.get("redirect_uri", uri))
        and once.get("nonce") == genuine.get("nonce", once.get("nonce"))
        and (is_denied(said) or bool(once.get("code") and once.get("state")))
    )


def is_denied(said: list[tuple[str, str]]) -> bool:
    """Whether the error has a visible character near its beginning."""
    text = dict(said).get("error", "")[:1000]
    return any(c.isprintable() and not c.isspace() for c in text)


def pages(browser: Visitor, row: PhoneVerification) -> dict[str, Any]:
    """Return the skeleton of the verification's page for each status, without hostile text."""
    seen = {}
    for status, reason in (
        ("pending", ""),
        ("verified", ""),
        ("failed", "provider_denied"),
        ("error", "credentials_rejected"),
    ):
        ended = None if status == "pending" else timezone.now()
        PhoneVerification.objects.filter(pk=row.pk).update(
            status=status, reason=reason, completed_at=ended
        )
        seen[status] = skeleton(browser.get(f"/phone/{row.pk}/"))
    return seen


@pytest.mark.parametrize("genuine", [GENUINE, WITH_NONCE], ids=["no nonce", "nonce"])
def test_only_the_genuine_callback_verifies(genuine, examples, visitor, plasgate, receivers):
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
        # More parameters than Django reads are as good as none.
        said = read(query) or []
        once = dict(said)
        plausible, denied = is_plausible(said, genuine), is_denied(said)
        worth_a_call = plausible and not denied
        is_genuine = worth_a_call and (once["code"], once["state"]) == (CODE, STATE)

        assert (row.status == "verified") == is_genuine
        # An implausible callback gets no call and changes nothing. No callback gets two calls.
        assert [(sent["code"], sent["state"]) for sent in plasgate.sent] == (
            [(once["code"], once["state"])] if worth_a_call else []
        )
        assert row.is_live is not plausible
        if not is_genuine:
            ended = "provider_denied" if denied else "credentials_rejected"
            assert row.reason == (ended if plausible else "")
        # One signal was sent, and the stored text can be shown.
        assert len(receivers.heard) == int(plausible)
        assert row.error_description.isprintable()
        assert all(value.isprintable() for value in response.headers.values())
        # The browser stays on this site. The page has no element that the query brought.
        assert response.status_code == 303
        detail = f"/phone/{row.pk}/"
        assert response["Location"] == (NEXT if is_genuine else detail)
        page = visitor.get(detail)
        assert page.status_code == 200
        assert skeleton(page) == expected[row.status]
