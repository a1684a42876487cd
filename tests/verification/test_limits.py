"""Limits before money: how many may start, when the next one may, and what a refusal leaves."""

import pickle
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.db.models import F
from django.http import HttpRequest
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_plasgate_ip import flow
from django_plasgate_ip.exceptions import PlasGateError, TooManyStarts
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import limits
from tests.conftest import Answers, Receivers
from tests.visitor import NUMBER, TYPED, Page, Visitor, attempt, outcome

pytestmark = pytest.mark.django_db

JSON = {"Accept": "application/json"}
PREFIX = "PLASGATE_IP_MAX_STARTS_PER_"
HOUR = timedelta(hours=1)


def limit(settings: Any, **most: int | None) -> None:
    """Set these limits, and take the others away."""
    for scope in ("number", "user", "address", "site"):
        setattr(settings, PREFIX + scope.upper(), most.get(scope))


def number(index: int) -> str:
    """Return one of a hundred numbers, none of which is the API page's."""
    return f"+855123456{index:02}"


def started(minutes_ago: float = 0, **values: Any) -> PhoneVerification:
    """Store a start of that many minutes ago, as another machine would have."""
    began = timezone.now() - timedelta(minutes=minutes_ago)
    made = {"phone_number": NUMBER, "scopes": "phone_verify", "session_id": "elsewhere"}
    return PhoneVerification.objects.create(created_at=began, **(made | values))


def pass_time(**much: float) -> None:
    """Let everything have been started that much earlier."""
    PhoneVerification.objects.update(created_at=F("created_at") - timedelta(**much))


def count() -> int:
    return PhoneVerification.objects.count()


def member(name: str) -> Visitor:
    """Return the browser of a new user."""
    browser = Visitor()
    browser.force_login(User.objects.create_user(name))
    return browser


def post(browser: Visitor, **fields: str) -> Any:
    """Send the form as a script does."""
    browser.get("/phone/")
    token = browser.cookies["csrftoken"].value
    return browser.post("/phone/", fields, headers={"X-CSRFToken": token, **JSON})


def wait(response: Any) -> int:
    """Return the seconds after which a refused visitor may come again."""
    assert response.status_code == 429
    return int(response["Retry-After"])


def request_of(user: Any, session: Any = None) -> HttpRequest:
    request = RequestFactory().post("/sites-own/")
    request.session = SessionStore() if session is None else session
    request.user = user
    return request


# Who is counted together


def one_number(index: int) -> Any:
    return member(f"member-{index}").start(TYPED)


def one_user(index: int) -> Any:
    user, _new = User.objects.get_or_create(username="busy")
    browser = Visitor()
    browser.force_login(user)
    return browser.start(number(index))


def one_address(index: int) -> Any:
    return Visitor(REMOTE_ADDR="192.0.2.7").start(number(index))


def one_site(index: int) -> Any:
    return Visitor(REMOTE_ADDR=f"192.0.2.{index}").start(number(index))


STARTS: dict[str, Callable[[int], Any]] = {
    "number": one_number,
    "user": one_user,
    "address": one_address,
    "site": one_site,
}


@pytest.mark.parametrize("scope", STARTS)
def test_a_limit_lets_so_many_start_in_an_hour_and_no_more(settings: Any, scope: str) -> None:
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    limit(settings, **{scope: 3})
    start = STARTS[scope]

    assert [start(index).status_code for index in range(5)] == [302, 302, 302, 429, 429]
    assert count() == 3

    pass_time(minutes=59)
    assert start(5).status_code == 429

    pass_time(minutes=1)
    assert start(6).status_code == 302


@pytest.mark.parametrize("scope", STARTS)
def test_who_has_nothing_to_do_with_it_is_let_through(settings: Any, scope: str) -> None:
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    limit(settings, **{scope: 1})
    STARTS[scope](0)

    free = Visitor(REMOTE_ADDR="198.51.100.1").start("+85598765432")

    assert free.status_code == (429 if scope == "site" else 302)


@pytest.mark.parametrize("scope", STARTS)
def test_none_is_no_limit(settings: Any, scope: str) -> None:
    settings.PLASGATE_IP_LOGIN_REQUIRED = False
    limit(settings)
    for _ in range(30):
        started(user=User.objects.get_or_create(username="busy")[0])

    assert STARTS[scope](31).status_code == 302


def test_by_default_a_number_has_ten_an_hour_a_user_twenty_and_the_rest_no_limit(
    visitor: Visitor, user: User, passer_by: Visitor
) -> None:
    for _ in range(9):
        started()
    assert visitor.start().status_code == 302
    assert visitor.start().status_code == 429

    for index in range(18):
        started(phone_number=number(index), user=user)
    assert visitor.start(number(50)).status_code == 302
    assert visitor.start(number(51)).status_code == 429

    for index in range(100):
        started(phone_number=number(index), address="whatever")
    assert passer_by.start("+85598765432").status_code == 302


@pytest.mark.parametrize(
    "typed",
    [
        "077 696 118",
        "+855 77 696 118",
        "85577696118",
        "0085577696118",
        "០៧៧ ៦៩៦ ១១៨",
    ],
)
def test_a_number_is_one_number_however_it_is_typed(
    visitor: Visitor, settings: Any, typed: str
) -> None:
    limit(settings, number=1)
    started()

    assert visitor.start(typed).status_code == 429
    assert visitor.start("077 696 119").status_code == 302


@pytest.mark.parametrize("status", ["verified", "failed", "error", "exchanging"])
def test_a_start_counts_whatever_became_of_it(visitor: Visitor, settings: Any, status: str) -> None:
    limit(settings, number=1)
    ended: dict[str, Any] = {} if status == "exchanging" else {"completed_at": timezone.now()}
    reason = "not_verified" if status in ("failed", "error") else ""
    started(status=status, reason=reason, **ended)

    assert visitor.start().status_code == 429


def test_visitors_who_are_not_signed_in_are_no_user_together(
    passer_by: Visitor, settings: Any
) -> None:
    limit(settings, user=1, number=5)
    for index in range(3):
        started(phone_number=number(index))

    assert passer_by.start().status_code == 302


def test_starts_without_a_number_are_no_number_together(visitor: Visitor, settings: Any) -> None:
    settings.PLASGATE_IP_SCOPES = ["mobile_id"]
    limit(settings, number=1, user=3)

    assert [visitor.start().status_code for _ in range(4)] == [302, 302, 302, 429]


def test_many_starts_for_one_number_do_not_hide_those_of_the_user(
    visitor: Visitor, user: User, settings: Any
) -> None:
    limit(settings, number=None, user=2)
    for _ in range(2):
        started(30, user=user, phone_number=number(1))
    for _ in range(50):
        started()

    assert visitor.start().status_code == 429


def test_a_number_and_a_user_who_take_turns_are_counted_each_for_itself(
    visitor: Visitor, user: User, settings: Any
) -> None:
    limit(settings, number=3, user=3)
    for minutes in (30, 20, 10):
        started(minutes)
    for minutes in (15, 5):
        started(minutes, user=user, phone_number=number(1))

    assert visitor.start().status_code == 429
    assert visitor.start(number(2)).status_code == 302
    assert visitor.start(number(3)).status_code == 429


# When the next one may


def test_retry_after_is_when_the_oldest_that_counts_is_an_hour_old(
    visitor: Visitor, settings: Any
) -> None:
    limit(settings, number=2)
    started(50)
    started(30)

    assert 570 <= wait(visitor.start()) <= 600

    pass_time(minutes=9)
    assert 30 <= wait(visitor.start()) <= 60

    pass_time(minutes=1)
    assert visitor.start().status_code == 302


def test_retry_after_a_limit_was_lowered_is_when_enough_have_passed(
    visitor: Visitor, settings: Any
) -> None:
    limit(settings, number=2, user=9)
    for minutes in (50, 40, 30, 10):
        started(minutes)

    assert 1770 <= wait(visitor.start()) <= 1800


@pytest.mark.parametrize("scopes", [("number", "user"), ("user", "number"), ("number", "site")])
def test_of_several_limits_the_longest_wait_counts(
    visitor: Visitor, user: User, settings: Any, scopes: tuple[str, str]
) -> None:
    limit(settings, **dict.fromkeys(scopes, 1))
    own: Any = {"number": {"phone_number": NUMBER}, "user": {"user": user}, "site": {}}
    other = {"phone_number": number(1)}
    started(10, **(other | own[scopes[1]]))
    started(50, **(other | own[scopes[0]]))

    assert 2970 <= wait(visitor.start()) <= 3000


def test_retry_after_is_a_second_at_least(
    visitor: Visitor, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(settings, number=1)
    before = started(59.995).created_at
    # However long a slow machine takes for the page and its form.
    now = SimpleNamespace(now=lambda: before + HOUR - timedelta(milliseconds=300))
    monkeypatch.setattr(limits, "timezone", now)

    assert wait(visitor.start()) == 1


@pytest.mark.parametrize(
    ("milliseconds", "seconds"), [(-1, 1), (0, 1), (400, 1), (1001, 2), (60_000, 60)]
)
def test_the_wait_is_told_in_whole_seconds_and_never_too_short(
    milliseconds: int, seconds: int
) -> None:
    error = TooManyStarts(timedelta(milliseconds=milliseconds))

    assert error.seconds == seconds
    assert f" {seconds} seconds" in str(error)


def test_the_error_is_ours_and_crosses_to_another_process() -> None:
    copy = pickle.loads(pickle.dumps(TooManyStarts(HOUR)))  # noqa: S301 - our own

    assert issubclass(type(copy), PlasGateError)
    assert (copy.retry_after, copy.seconds) == (HOUR, 3600)
    assert str(copy) == "Too many starts; the next one is possible in 3600 seconds."


# What a refusal says, and what it leaves


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Too many attempts. Please try again in 10 minutes."),
        ("km", "ព្យាយាមច្រើនដងពេក។ សូមព្យាយាមម្តងទៀតក្នុងរយៈពេល 10 នាទី។"),
    ],
)
def test_the_page_says_when_to_come_again_and_offers_another_way(
    visitor: Visitor, settings: Any, language: str, said: str
) -> None:
    limit(settings, number=1)
    settings.PLASGATE_IP_FALLBACK_URL = "/sms/"
    started(50.5)

    visitor.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    response = visitor.start(next="/members/")

    assert response.status_code == 429
    page = Page(response)
    assert page.all("html")[0]["lang"] == language
    assert said in response.content.decode()
    # 9.5 minutes are ten, and not nine; where the visitor was going is not lost.
    assert {"/phone/?next=%2Fmembers%2F", "/sms/"} <= set(page.links.values())
    assert "no-store" in response["Cache-Control"]


def test_a_refusal_leads_nowhere_else(visitor: Visitor, settings: Any) -> None:
    limit(settings, number=1)
    started()

    page = Page(visitor.start(next="https://evil.example/"))

    assert "/phone/" in page.links.values()
    assert not any("evil" in link for link in page.links.values())


def test_a_refused_start_that_was_taken_in_that_moment_is_kept(
    visitor: Visitor, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(settings, number=1)
    started(10)
    check = limits.check

    def taken_meanwhile(verification: PhoneVerification) -> None:
        ended = {"reason": "superseded", "completed_at": timezone.now()}
        PhoneVerification.objects.filter(pk=verification.pk).update(status="error", **ended)
        check(verification)

    monkeypatch.setattr(limits, "check", taken_meanwhile)

    assert visitor.start().status_code == 429
    assert outcome() == ("error", "superseded")


def test_a_script_gets_json(visitor: Visitor, settings: Any) -> None:
    limit(settings, number=1)
    started(59)

    response = post(visitor, phone_number=TYPED)

    assert 30 <= wait(response) <= 60
    assert "Accept" in response["Vary"]
    message = "Too many attempts. Please try again in 1 minute."
    assert response.json() == {
        "errors": {"__all__": [{"message": message, "code": "too_many_starts"}]}
    }


@pytest.mark.django_db(transaction=True)
def test_a_refused_start_leaves_the_live_attempt_and_everything_else_as_it_was(
    visitor: Visitor, answers: Answers, receivers: Receivers, settings: Any
) -> None:
    answers()
    visitor.start(next="/here/")
    limit(settings, number=1)
    before = list(PhoneVerification.objects.values())
    session = dict(visitor.session)

    assert visitor.other_tab().start(next="/there/").status_code == 429

    assert list(PhoneVerification.objects.values()) == before
    assert dict(visitor.session) == session
    assert receivers.heard == []

    assert visitor.come_back()["Location"] == "/here/"
    assert outcome() == ("verified", "")
    assert receivers.heard == [("verified", attempt())]


def test_a_refused_visitor_gets_no_session(passer_by: Visitor, settings: Any) -> None:
    limit(settings, number=1)
    started()

    assert passer_by.start().status_code == 429

    assert "sessionid" not in passer_by.cookies
    assert count() == 1


def test_a_refused_start_counts_for_nothing(visitor: Visitor, settings: Any) -> None:
    limit(settings, number=1)
    started(59)
    for _ in range(5):
        visitor.start()

    pass_time(minutes=1)

    assert visitor.start().status_code == 302


def test_a_bad_number_is_told_before_any_limit(visitor: Visitor, settings: Any) -> None:
    limit(settings, site=1)
    started()

    assert visitor.start("077").status_code == 400


def test_a_sites_own_view_gets_the_error_and_may_be_in_a_transaction(
    user: User, settings: Any
) -> None:
    limit(settings, number=1)
    started(15)
    request = request_of(user)

    with transaction.atomic(), pytest.raises(TooManyStarts) as caught:
        flow.begin(request, TYPED)

    assert 2670 <= caught.value.seconds <= 2700
    assert count() == 1
    assert list(request.session.keys()) == []


# What it costs


def queries(browser: Visitor) -> int:
    page = browser.get("/phone/")
    with CaptureQueriesContext(connection) as captured:
        assert browser.submit(page, phone_number=TYPED).status_code == 302
    work = ("SELECT", "INSERT", "UPDATE", "DELETE")
    return len([query for query in captured if query["sql"].startswith(work)])


def test_each_limit_that_is_set_takes_one_query(settings: Any) -> None:
    limit(settings)
    none = queries(member("one"))
    limit(settings, number=9)
    one = queries(member("two"))
    limit(settings, number=9, user=9, address=9)
    three = queries(member("three"))
    limit(settings, number=9, user=9, address=9, site=9)
    all_four = queries(member("four"))

    assert (one - none, three - none, all_four - none) == (1, 3, 4)


# Addresses


def seen_as(remote: str | None, forwarded: str | None = None) -> str:
    """Return whom a request counts for, which came from there with that X-Forwarded-For."""
    request = RequestFactory().get("/")
    request.META.pop("REMOTE_ADDR")
    if remote is not None:
        request.META["REMOTE_ADDR"] = remote
    if forwarded is not None:
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded
    return limits.address_of(request)


@pytest.fixture
def address_limit(settings: Any) -> None:
    limit(settings, address=2)


@pytest.mark.usefixtures("address_limit")
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        # One socket for both families: the same visitor, and not all of IPv4 in one /64.
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("::ffff:192.0.2.7", "::ffff:198.51.100.1", False),
        ("::ffff:192.0.2.7", "::1", False),
    ],
)
def test_an_address_is_one_of_ipv4_or_a_64_of_ipv6(one: str, other: str, same: bool) -> None:
    assert (seen_as(one) == seen_as(other)) is same


@pytest.mark.usefixtures("address_limit")
@pytest.mark.parametrize("remote", [None, "", "unix:", "garbage", "192.0.2.300"])
def test_visitors_whose_address_nobody_knows_count_as_one(remote: str | None) -> None:
    assert seen_as(remote) == seen_as("") != ""
    assert seen_as(remote, "192.0.2.7") == seen_as("")


VISITOR = "198.51.100.1"
PROXY = "10.0.0.1"


@pytest.mark.usefixtures("address_limit")
@pytest.mark.parametrize(
    ("count", "remote", "forwarded", "visitor"),
    [
        (1, PROXY, VISITOR, VISITOR),
        (1, PROXY, f"  {VISITOR}  ", VISITOR),
        (1, PROXY, f"{VISITOR}:51234", VISITOR),
        (1, PROXY, "2001:db8:7::1", "2001:db8:7::1"),
        (1, PROXY, "[2001:db8:7::1]:443", "2001:db8:7::1"),
        (1, PROXY, f"::ffff:{VISITOR}", VISITOR),
        # What the visitor wrote stands in front of what the proxy appended.
        (1, PROXY, f"203.0.113.9, {VISITOR}", VISITOR),
        (1, PROXY, f"garbage,,{VISITOR}", VISITOR),
        # Two proxies: the outer one appended the visitor, the inner one the outer one.
        (2, PROXY, f"{VISITOR}, 10.9.9.9", VISITOR),
        (2, PROXY, f"203.0.113.9, {VISITOR}, 10.9.9.9", VISITOR),
        # The request came around the proxies, or a proxy appended nothing.
        (1, VISITOR, None, VISITOR),
        (1, VISITOR, "", VISITOR),
        (2, VISITOR, "203.0.113.9", VISITOR),
        # A proxy on a Unix socket has no address of its own.
        (1, "", VISITOR, VISITOR),
        # The proxy appended no address.
        (1, PROXY, f"{VISITOR}, unknown", ""),
    ],
)
def test_the_visitors_address_is_the_one_that_the_outermost_proxy_appended(
    settings: Any, count: int, remote: str, forwarded: str | None, visitor: str
) -> None:
    settings.PLASGATE_IP_TRUSTED_PROXY_COUNT = count
    found = seen_as(remote, forwarded)
    settings.PLASGATE_IP_TRUSTED_PROXY_COUNT = 0

    assert found == seen_as(visitor)


@pytest.mark.usefixtures("address_limit")
@pytest.mark.parametrize("remote", ["127.0.0.1", "10.0.0.1", "::1", VISITOR])
def test_by_default_nobodys_x_forwarded_for_is_believed(remote: str) -> None:
    assert seen_as(remote, "203.0.113.9") == seen_as(remote) != seen_as("203.0.113.9")


@pytest.mark.usefixtures("address_limit")
def test_a_visitor_cannot_escape_by_a_header_and_others_behind_the_proxy_are_not_kept_out(
    passer_by: Visitor, settings: Any
) -> None:
    settings.PLASGATE_IP_TRUSTED_PROXY_COUNT = 1

    def start(index: int, appended: str) -> int:
        claimed = f"203.0.113.{index}, {appended}"
        browser = Visitor(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=claimed)
        return int(browser.start(number(index)).status_code)

    assert [start(index, VISITOR) for index in range(3)] == [302, 302, 429]
    assert start(4, "198.51.100.2") == 302


def test_an_address_is_kept_only_where_one_is_limited_and_nobody_can_read_it(
    visitor: Visitor, settings: Any
) -> None:
    visitor.start()
    assert attempt().address == ""

    limit(settings, address=9)
    visitor.start()

    kept = attempt().address
    assert len(kept) == 32
    assert "127.0.0.1" not in str(PhoneVerification.objects.values())
    settings.SECRET_KEY = "another site's"
    assert seen_as("127.0.0.1") != kept
