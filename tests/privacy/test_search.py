"""The search itself: a leak in any of the places that it looks through is found."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from django_plasgate_ip import views
from django_plasgate_ip.admin import model_admin
from django_plasgate_ip.models import PhoneVerification
from tests.privacy import canaries, test_flows
from tests.privacy.canaries import (
    CANARIES,
    DIGITS,
    E164,
    NATIONAL,
    TYPED,
    Broken,
    Search,
    break_down,
)
from tests.privacy.conftest import Log
from tests.visitor import Visitor, attempt

pytestmark = pytest.mark.worlds

logger = logging.getLogger("somebody.elses")


def found(look: Callable[[Search], Any]) -> set[str]:
    """Return what kinds of canary a search finds."""
    search = Search()
    look(search)
    with suppress(AssertionError):
        search.end()
        assert not search.found
    return {line.partition(" ")[0] for line in search.found}


def caught(act: Callable[[], Any]) -> BaseException:
    with pytest.raises(Exception) as info:  # noqa: PT011 - whatever it is
        act()
    return info.value


# Values


@pytest.mark.parametrize("name", CANARIES)
def test_every_canary_is_found_in_what_the_provider_says_and_in_the_settings(name: str) -> None:
    everything = (
        f"{canaries.VERIFIED} {canaries.SECRET_KEY} {canaries.PRIVATE_KEY} "
        f"{canaries.ENCRYPTION_KEY}"
    )

    assert CANARIES[name].search(everything)


@pytest.mark.parametrize("text", [*TYPED, "96-873-1942", "96%20873%201942", "96\xa0873\xa01942"])
def test_the_number_is_found_however_it_is_written(text: str) -> None:
    assert found(lambda search: search.look("there", f"before {text} after")) == {"number"}


@pytest.mark.parametrize(
    "text",
    [
        "7 Canary &lt;Street&gt; &amp; Co",
        "7 Canary \\u003cStreet\\u003e \\u0026 Co and 7%20Canary%20%3CStreet%3E%20%26%20Co",
        "7+Canary+%3CStreet%3E+%26+Co",
        "\\u1780\\u17b6\\u178e\\u17b6\\u179a\\u17b8\\u1781\\u17d2\\u1798\\u17c2\\u179a",
        "%E1%9E%80%E1%9E%B6%E1%9E%8E%E1%9E%B6%E1%9E%9A%E1%9E%B8%E1%9E%81%E1%9F%92%E1%9E%98"
        "%E1%9F%82%E1%9E%9A",
    ],
    ids=["HTML", "URL", "form", "JSON", "URL in Khmer"],
)
def test_a_claim_is_found_however_it_is_escaped(text: str) -> None:
    assert found(lambda search: search.look("there", text)) == {"claim"}


def test_what_is_masked_or_allowed_is_not_found() -> None:
    def look(search: Search) -> None:
        search.look("there", canaries.MASKED)
        search.look("there", NATIONAL, allowed=["number"])

    assert found(look) == set()


# Frames


class Shown:
    def __repr__(self) -> str:
        return f"<Shown {NATIONAL}>"


@pytest.mark.parametrize(
    "value",
    [
        NATIONAL,
        NATIONAL.encode(),
        {"a": {"b": [NATIONAL]}},
        {NATIONAL: 1},
        [({NATIONAL},)],
        Shown(),
        [Shown()],
    ],
    ids=repr,
)
@pytest.mark.parametrize("how", ["itself", "cause", "context"])
def test_a_local_of_any_shape_is_found_in_any_error_of_the_chain(value: Any, how: str) -> None:
    def fail() -> None:
        try:
            break_down(value)
        except Broken as error:
            if how == "itself":
                raise
            if how == "cause":
                raise ValueError("said") from error
            raise ValueError("said")  # noqa: B904 - the point

    error = caught(fail)

    assert found(lambda search: search.look_at_error("frames", error)) == {"number"}


def test_the_text_of_an_error_is_found() -> None:
    error = caught(lambda: int(NATIONAL))

    assert found(lambda search: search.look_at_error("frames", error)) == {"number"}


# Logs


@pytest.mark.parametrize(
    "say",
    [
        lambda: logger.debug(f"for {NATIONAL}"),
        lambda: logger.info("for %s", NATIONAL),
        lambda: logger.info("nothing", {"number": NATIONAL}),
        lambda: logger.info("nothing", extra={"number": NATIONAL}),
        lambda: logging.getLogger("django.request").debug("for %s", NATIONAL),
        lambda: logging.getLogger("urllib3.connectionpool").debug("for %s", NATIONAL),
        lambda: logging.getLogger("a.new.one").error("for %s", NATIONAL),
        lambda: logger.exception("broken", exc_info=caught(lambda: break_down(NATIONAL))),
    ],
    ids=["text", "argument", "mapping", "extra", "Django", "urllib3", "new", "traceback"],
)
def test_a_log_record_is_found(log: Log, say: Callable[[], None]) -> None:
    say()

    assert found(lambda search: search.look_at_log(log.records)) == {"number"}


# The site


@pytest.fixture
def row(visitor: Visitor) -> PhoneVerification:
    visitor.start(NATIONAL)
    return attempt()


@pytest.mark.parametrize("column", ["error_description", "next_url", "redirect_uri", "address"])
def test_a_number_in_another_column_is_found(row: PhoneVerification, column: str) -> None:
    PhoneVerification.objects.update(**{column: f"for {DIGITS}"})

    assert found(test_flows.look_at_columns) == {"number"}


def test_claims_in_clear_are_found(row: PhoneVerification) -> None:
    with connection.cursor() as cursor:
        table = PhoneVerification._meta.db_table
        cursor.execute(f"UPDATE {table} SET claims = %s", [str(canaries.VERIFIED)])  # noqa: S608

    assert "claim" in found(test_flows.look_at_columns)


def test_a_number_in_another_table_is_found(user: User) -> None:
    User.objects.filter(pk=user.pk).update(last_name=E164)

    assert found(test_flows.look_at_columns) == {"number"}


@pytest.mark.django_db
def test_a_number_in_the_session_is_found(visitor: Visitor) -> None:
    session = visitor.session
    session["number"] = NATIONAL
    session.save()

    assert found(lambda search: test_flows.look_at_sessions(search, visitor)) == {"number"}


def test_a_number_in_a_cookie_is_found(visitor: Visitor) -> None:
    visitor.cookies["number"] = E164

    assert found(lambda search: test_flows.look_at_sessions(search, visitor)) == {"number"}


@pytest.mark.parametrize(
    "leak",
    [
        lambda response: response.set_cookie("number", E164),
        lambda response: response.headers.setdefault("X-Number", E164),
        lambda response: setattr(response, "content", E164),
    ],
    ids=["cookie", "header", "body"],
)
def test_a_number_in_a_response_is_found(visitor: Visitor, leak: Callable[[Any], Any]) -> None:
    response = visitor.get("/phone/")
    leak(response)

    assert found(lambda s: test_flows.look_at_response(s, "page", response)) == {"number"}


def test_a_number_on_a_page_is_found(
    visitor: Visitor, row: PhoneVerification, monkeypatch: pytest.MonkeyPatch
) -> None:
    PhoneVerification.objects.update(
        status="failed", reason="not_verified", completed_at=timezone.now()
    )
    monkeypatch.setattr(PhoneVerification, "masked_number", E164)
    response = visitor.get(f"/phone/{row.pk}/")

    assert found(lambda s: test_flows.look_at_response(s, "page", response)) == {"number"}


def test_a_number_in_the_json_is_found(
    visitor: Visitor, row: PhoneVerification, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "_as_json", lambda row: {"number": str(row.phone_number)})
    response = visitor.get(f"/phone/{row.pk}/", headers=test_flows.JSON)

    assert found(lambda s: test_flows.look_at_response(s, "JSON", response)) == {"number"}


@pytest.mark.parametrize("shown", ["list", "detail", "claims"])
def test_what_the_admin_must_not_show_is_found(
    staff: Visitor, row: PhoneVerification, monkeypatch: pytest.MonkeyPatch, shown: str
) -> None:
    row.claims = canaries.VERIFIED
    row.save()
    ours = model_admin.PhoneVerificationAdmin
    if shown == "list":
        monkeypatch.setattr(ours, "list_display", ("number", "phone_number"))
    elif shown == "detail":
        monkeypatch.setattr(ours, "fieldsets", ((None, {"fields": ("phone_number",)}),))
    else:
        monkeypatch.setattr(ours, "_sees_claims", lambda self, request: True)

    kinds = found(lambda search: test_flows.look_at_admin(search, staff, row))

    assert kinds == ({"claim", "number"} if shown == "claims" else {"number"})


def test_an_object_that_shows_itself_is_found(
    row: PhoneVerification, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PhoneVerification, "__repr__", lambda self: f"<{self.phone_number!s}>")

    assert "number" in found(Search.look_at_objects_of_ours)


def test_a_failed_search_fails_the_test() -> None:
    search = Search()
    search.look("there", NATIONAL)

    with pytest.raises(AssertionError, match="number in there: …096 873 1942"):
        search.end()
