"""How many verifications may start in an hour, and when the next one may start."""

import pickle
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpRequest

from django_plasgate_ip.exceptions import TooManyStarts
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import limits
from tests.verification.rows import stop_clock, stored, unsaved
from tests.visitor import newest

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)
OTHER_NUMBER = "+85512345678"


def limit(settings: Any, **most: int | None) -> None:
    """Set these limits and remove the others."""
    for scope in ("number", "user", "address", "site"):
        setattr(settings, f"PLASGATE_IP_MAX_STARTS_PER_{scope.upper()}", most.get(scope))


def wait_for(verification: PhoneVerification) -> timedelta | None:
    """Return how long a limit makes this start wait, or None if it may start."""
    try:
        limits.check(verification)
    except TooManyStarts as error:
        return error.retry_after
    return None


@pytest.mark.parametrize("scope", ["number", "user", "address", "site"])
def test_a_limit_admits_its_number_of_starts_and_none_is_no_limit(settings, user, scope):
    row = {"phone_number": OTHER_NUMBER, "user": user, "address": "hash"}
    limit(settings, **{scope: 2})

    waits = [wait_for(stored(**row)) for _ in range(3)]

    assert [wait is None for wait in waits] == [True, True, False]
    assert (wait_for(stored(address="other")) is None) == (scope != "site")
    limit(settings, **{scope: 0})
    PhoneVerification.objects.all().delete()
    assert wait_for(stored(**row)) is not None
    limit(settings)
    PhoneVerification.objects.bulk_create(unsaved(**row) for _ in range(30))
    assert wait_for(stored(**row)) is None


def test_starts_without_a_number_a_user_or_an_address_do_not_count_together(settings):
    limit(settings, number=0, user=0, address=0)

    assert wait_for(stored(phone_number="", user=None, address="")) is None


@pytest.mark.parametrize(
    ("owns", "is_exempt"),
    [
        ({}, True),
        ({"claimed_at_login": True}, False),
        ({"phone_number": OTHER_NUMBER}, False),
        ({"user": None}, False),
    ],
)
def test_strangers_do_not_lock_out_the_account_that_holds_the_number(
    settings, user, owns, is_exempt
):
    limit(settings, number=2, user=3)
    stored("verified", 2 * limits.HOUR, **({"user": user} | owns))
    assert wait_for(stored(user=user)) is None
    strangers = [stored() for _ in range(3)]

    assert wait_for(strangers[-1]) is not None
    waits = [wait_for(stored(user=user)) for _ in range(3)]
    # The account's own limit stays.
    assert [wait is None for wait in waits] == [is_exempt] * 2 + [False]


def test_a_refused_start_is_logged_without_its_number(
    settings, user, caplog, django_assert_num_queries
):
    limit(settings, number=0, user=0, address=0, site=0)
    start = stored(user=user, address="hash")

    with django_assert_num_queries(5):  # of the account's own number
        assert wait_for(start) is not None
    assert wait_for(stored()) is not None

    assert caplog.messages == [
        f"start_refused user={user.pk} limits=number,user,address,site",
        "start_refused user=- limits=number,site",
    ]


def test_a_start_counts_for_an_hour(settings, monkeypatch):
    now = stop_clock(monkeypatch, limits)
    limit(settings, number=1)
    earlier = stored(created_at=now - timedelta(hours=1) + TICK)
    start = stored(created_at=now)
    assert wait_for(start) == TICK

    PhoneVerification.objects.filter(pk=earlier.pk).update(created_at=now - timedelta(hours=1))
    assert wait_for(start) is None


def test_the_wait_ends_when_enough_starts_of_any_status_are_an_hour_old(settings, monkeypatch):
    now = stop_clock(monkeypatch, limits)
    # More than the limit, because it was lowered.
    starts = [(50, "exchanging"), (40, "verified"), (30, "failed"), (10, "error"), (0, "pending")]
    for minutes, status in starts:
        start = stored(status, created_at=now - minutes * MINUTE)

    limit(settings, number=4)
    assert wait_for(start) == 10 * MINUTE
    limit(settings, number=2)
    assert wait_for(start) == 30 * MINUTE


@pytest.mark.parametrize("scopes", [("number", "user"), ("user", "number")])
def test_the_longest_wait_of_several_limits_counts(settings, user, monkeypatch, scopes):
    now = stop_clock(monkeypatch, limits)
    limit(settings, number=1, user=1)
    same = {"number": {}, "user": {"user": user, "phone_number": OTHER_NUMBER}}
    for scope, minutes in zip(scopes, (50, 10), strict=True):
        stored(created_at=now - minutes * MINUTE, **same[scope])

    assert wait_for(stored(user=user, created_at=now)) == 50 * MINUTE


def test_the_wait_is_rounded_up_to_seconds_and_pickled():
    for milliseconds, seconds in ((-1, 1), (0, 1), (1000, 1), (1001, 2), (60_000, 60)):
        error = TooManyStarts(timedelta(milliseconds=milliseconds))
        assert str(error).endswith(f": {seconds}.")
        copy: TooManyStarts = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
        assert (copy.retry_after, copy.seconds) == (error.retry_after, seconds)


def test_a_refused_visitor_gets_no_session(passer_by, settings):
    limit(settings, site=0)

    assert passer_by.start().status_code == 429
    assert "sessionid" not in passer_by.cookies
    assert not PhoneVerification.objects.exists()


VISITOR = "198.51.100.1"
PROXY = "10.0.0.1"


def seen_as(remote: str | None, forwarded: str | None = None) -> str:
    """Return the hash for a request from `remote` with this X-Forwarded-For."""
    request = HttpRequest()
    sent = {"REMOTE_ADDR": remote, "HTTP_X_FORWARDED_FOR": forwarded}
    request.META = {name: value for name, value in sent.items() if value is not None}
    return limits.address_of(request)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.6", "192.0.2.7", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        # A socket for both families reports IPv4 so.
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("::ffff:192.0.2.7", "::ffff:198.51.100.1", False),
        ("192.0.2.7:51234", "192.0.2.7", True),
        ("[2001:db8:7::1]:443", "2001:db8:7::1", True),
        ("[2001:db8:7::1]", "2001:db8:7::1", True),
        # All unknown addresses count as one.
        (None, "", True),
        ("unix:", "", True),
        ("192.0.2.7", "", False),
    ],
)
def test_an_address_counts_as_one_ipv4_address_or_one_64_of_ipv6(settings, one, other, same):
    limit(settings, address=2)
    assert (seen_as(one) == seen_as(other) != "") is same


@pytest.mark.parametrize(
    ("count", "remote", "forwarded", "visitor"),
    [
        # SECURITY: without proxies of the site, the header is the visitor's own.
        (0, VISITOR, "203.0.113.9", VISITOR),
        (1, PROXY, f"  {VISITOR}  ", VISITOR),
        (1, PROXY, f"{VISITOR}:51234", VISITOR),
        # SECURITY: a visitor's own entries come before the proxy's.
        (1, PROXY, f"203.0.113.9, {VISITOR}", VISITOR),
        (1, PROXY, f"garbage,,{VISITOR}", VISITOR),
        (2, PROXY, f"203.0.113.9, {VISITOR}, 10.9.9.9", VISITOR),
        # The request did not come through all of the proxies.
        (1, VISITOR, None, VISITOR),
        (1, VISITOR, "", VISITOR),
        (2, VISITOR, "203.0.113.9", VISITOR),
        # A proxy on a Unix socket has no address.
        (1, "", VISITOR, VISITOR),
        # The proxy did not append an address.
        (1, PROXY, f"{VISITOR}, unknown", ""),
    ],
)
def test_the_visitors_address_is_the_one_that_the_outermost_proxy_appended(
    settings, count, remote, forwarded, visitor
):
    limit(settings, address=2)
    settings.PLASGATE_IP_TRUSTED_PROXY_COUNT = count
    found = seen_as(remote, forwarded)
    settings.PLASGATE_IP_TRUSTED_PROXY_COUNT = 0

    assert found == seen_as(visitor)


def test_an_address_is_stored_as_a_keyed_hash_and_only_if_addresses_are_limited(visitor, settings):
    visitor.start()
    assert newest().address == ""

    limit(settings, address=9)
    visitor.start()

    kept = newest().address
    assert len(kept) == 32
    assert "127.0.0.1" not in str(PhoneVerification.objects.values())
    settings.SECRET_KEY = "another site's"
    assert seen_as("127.0.0.1") != kept
