"""The fake PlasGate: its default outcome, its callback, its calls, and other fakes beside it."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import responses
from django.test import TestCase as DjangoTestCase

from django_plasgate_ip.client.api import PlasGateClient
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import RateLimited
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.testing import PlasGate, PlasGateMixin
from tests.conftest import EXCHANGE_URL
from tests.provider import serve
from tests.visitor import NUMBER

pytestmark = pytest.mark.django_db

ANOTHER = "+85577696119"


def exchange() -> Any:
    return PlasGateClient().exchange("a code", "a state", "https://a.example/back/")


def test_by_default_the_typed_number_is_verified(visitor, user, plasgate_ip, receivers):
    result = plasgate_ip.verify(visitor, "077 696 119", next="/here/")

    assert result.response["Location"] == "/here/"
    assert PhoneVerification.objects.is_verified(user, ANOTHER)
    assert receivers.heard == [("verified", result.verification)]


def test_it_verifies_the_set_number_and_no_other(visitor, plasgate_ip):
    plasgate_ip.verifies("077 696 119")

    assert plasgate_ip.verify(visitor).verification.phone_number == ANOTHER
    assert plasgate_ip.verify(visitor, NUMBER).verification.reason == "not_verified"


@pytest.mark.parametrize("path", ["authenticate?scope=phone", "ip-auth?scope=phone&redirect_uri=x"])
def test_a_url_of_another_endpoint_is_refused(path):
    with pytest.raises(ValueError, match="not one that the app sends"):
        PlasGate().callback_url(f"https://cloudapi.plasgate.com/ip/{path}")


def test_a_call_holds_what_was_sent_and_shows_no_secret(visitor, plasgate_ip, settings):
    settings.PLASGATE_IP_BASE_URL = "http://127.0.0.1:8000/sandbox"
    settings.PLASGATE_IP_EXCHANGE_ENDPOINT = "check-info"
    visitor.start()
    url = plasgate_ip.callback_url(visitor.authorize_url)
    came_back = dict(parse_qsl(urlsplit(url).query))
    visitor.get(url)

    secrets = {
        "secret_key": settings.PLASGATE_IP_SECRET_KEY,
        "private_key": settings.PLASGATE_IP_PRIVATE_KEY,
        "code": came_back["code"],
    }
    (call,) = plasgate_ip.calls
    assert vars(call) == secrets | {
        "url": "http://127.0.0.1:8000/sandbox/check-info",
        "state": came_back["state"],
        "redirect_uri": "http://testserver/phone/callback/",
    }
    assert not [secret for secret in secrets.values() if secret in f"{call!r} {vars(call)!r}"]


def test_a_site_without_keys_gets_test_keys(visitor, settings):
    del settings.PLASGATE_IP_PRIVATE_KEY
    settings.PLASGATE_IP_SECRET_KEY = ""

    with PlasGate() as plasgate_ip:
        assert plasgate_ip.verify(visitor).verification.status == "verified"
        settings.PLASGATE_IP_SECRET_KEY = "set in the middle of a test"
        plasgate_ip.verify(visitor)

    before, after = plasgate_ip.calls
    assert before.private_key
    assert (before.secret_key[:3], after.secret_key) == ("$5$", "set in the middle of a test")
    settings.PLASGATE_IP_SECRET_KEY = ""
    assert (conf.PLASGATE_IP_PRIVATE_KEY, conf.PLASGATE_IP_SECRET_KEY) == ("", "")


def test_a_call_that_leaves_the_machine_raises_and_repeats_no_query(plasgate_ip):
    with pytest.raises(AssertionError, match=r"a\.example:443: the fake PlasGate") as caught:
        requests.get("https://a.example/path", {"key": "hidden"}, timeout=1)

    assert "hidden" not in str(caught.value)
    assert plasgate_ip.calls == []


def test_other_fakes_of_http_work_outside_and_inside_of_it():
    with responses.RequestsMock() as outside:
        outside.get("https://a.example/", body="outside")
        with PlasGate() as plasgate_ip:
            assert requests.get("https://a.example/", timeout=1).text == "outside"
            with responses.RequestsMock() as inside:
                inside.get("https://a.example/", body="inside")
                assert requests.get("https://a.example/", timeout=1).text == "inside"
                assert exchange().succeeded

    assert len(plasgate_ip.calls) == 1


def test_a_second_fake_replaces_the_first_until_its_block_ends_or_fails(plasgate_ip):
    with pytest.raises(RateLimited), PlasGate().fails("rate_limited") as inner:
        exchange()

    assert exchange().succeeded
    assert (len(plasgate_ip.calls), len(inner.calls)) == (1, 1)


class Case(PlasGateMixin, DjangoTestCase):
    def test_it_starts_and_ends_with_the_test(self):
        assert exchange().succeeded
        self.doCleanups()

        with responses.RequestsMock() as answers:
            answers.post(EXCHANGE_URL, status=429)
            with pytest.raises(RateLimited):
                exchange()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_that_the_test_has_started_takes_calls(plasgate_ip, start, host):
    assert requests.get(f"http://{host}:{start(serve).port}/", timeout=5).ok
