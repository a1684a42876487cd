"""What a site's own tests use: PlasGate played, a client walked, rows made."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import responses
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test import TestCase as DjangoTestCase
from django.utils import timezone

from django_plasgate_ip.client.api import PlasGateClient
from django_plasgate_ip.conf import conf
from django_plasgate_ip.exceptions import InvalidPhoneNumber, RateLimited
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from django_plasgate_ip.testing import Call, PlasGate, PlasGateMixin, make_verification, walkthrough
from tests.conftest import Answers, Receivers
from tests.visitor import NUMBER, PROFILE, TYPED, Visitor

pytestmark = pytest.mark.django_db

ANOTHER = "+85577696119"
PLAYABLE = (
    "not_on_mobile_data",
    "not_verified",
    "number_mismatch",
    "provider_denied",
    "credentials_rejected",
    "rate_limited",
    "provider_error",
    "provider_unreachable",
    "provider_timeout",
    "invalid_response",
)
OTHERS = ("invalid_callback", "expired", "superseded", "interrupted", "user_changed")


@pytest.fixture
def plain(user: User) -> Client:
    """Return Django's own client, without its CSRF checks, signed in."""
    client = Client()
    client.force_login(user)
    return client


def exchange(client: PlasGateClient | None = None) -> Any:
    """Call the exchange with a code that the test has made up."""
    return (client or PlasGateClient()).exchange("a code", "a state", "https://a.example/back/")


# What is played


def test_until_told_otherwise_the_number_asked_for_is_verified(
    visitor: Visitor, user: User, plasgate_ip: PlasGate, receivers: Receivers
) -> None:
    result = plasgate_ip.verify(visitor, "077 696 119", next="/here/")

    assert result.response["Location"] == "/here/"
    assert result.verification.status == "verified"
    assert result.verification.phone_number == ANOTHER
    assert PhoneVerification.objects.is_verified(user, ANOTHER)
    assert receivers.heard == [("verified", result.verification)]


def test_it_finds_the_number_that_it_is_told_and_says_no_to_others(
    visitor: Visitor, plasgate_ip: PlasGate
) -> None:
    plasgate_ip.verifies("077 696 119")

    assert plasgate_ip.verify(visitor).verification.phone_number == ANOTHER
    assert plasgate_ip.verify(visitor, NUMBER).verification.reason == "not_verified"


def test_the_ids_stay_the_same_for_a_number_and_differ_between_numbers(
    visitor: Visitor, plasgate_ip: PlasGate
) -> None:
    first, again, another = (
        plasgate_ip.verify(visitor, number).verification for number in (NUMBER, TYPED, ANOTHER)
    )

    assert (first.sub, first.mobile_id) == (again.sub, again.mobile_id)
    assert not {first.sub, first.mobile_id} & {another.sub, another.mobile_id, ""}


def test_another_mobile_id_is_a_changed_sim(visitor: Visitor, plasgate_ip: PlasGate) -> None:
    plasgate_ip.verify(visitor)
    plasgate_ip.verifies(NUMBER, mobile_id="of another SIM")

    changed = plasgate_ip.verify(visitor).verification

    assert (changed.mobile_id, changed.mobile_id_changed) == ("of another SIM", True)


@pytest.mark.parametrize(
    ("scopes", "claims"),
    [
        (["mobile_id"], {"mobile_id"}),
        (["phone"], {"phone_number"}),
        (
            ["openid", "ip:mobile_id", "phone_verify"],
            {"mobile_id", "login_hint", "phone_number_verified"},
        ),
        (["profile"], {"login_hint", "phone_number_verified", *PROFILE}),
    ],
)
def test_a_success_has_what_the_scopes_promise_and_no_more(
    visitor: Visitor, plasgate_ip: PlasGate, settings: Any, scopes: list[str], claims: set[str]
) -> None:
    settings.PLASGATE_IP_SCOPES = scopes

    verification = plasgate_ip.verify(visitor).verification

    assert verification.status == "verified"
    always = {"error_description", "sid", "status", "sub"}
    assert set(verification.claims) == claims | always


def test_the_phone_scope_learns_the_number_that_it_is_told(
    visitor: Visitor, plasgate_ip: PlasGate, settings: Any
) -> None:
    settings.PLASGATE_IP_SCOPES = ["phone"]
    plasgate_ip.verifies(ANOTHER)

    assert plasgate_ip.verify(visitor).verification.phone_number == ANOTHER


def test_claims_replace_what_the_answer_has_add_to_it_and_leave_out(
    visitor: Visitor, plasgate_ip: PlasGate, settings: Any
) -> None:
    settings.PLASGATE_IP_SCOPES = ["profile"]
    plasgate_ip.verifies(given_name="Sok", nickname="S", gender=None, sub="a sub")

    verification = plasgate_ip.verify(visitor).verification

    assert verification.sub == "a sub"
    assert verification.claims["given_name"] == "Sok"
    assert verification.claims["nickname"] == "S"
    assert "gender" not in verification.claims


@pytest.mark.parametrize("reason", PLAYABLE)
def test_an_attempt_fails_for_the_reason_that_is_told(
    visitor: Visitor, plasgate_ip: PlasGate, receivers: Receivers, reason: str
) -> None:
    plasgate_ip.fails(reason)

    result = plasgate_ip.verify(visitor, next="/here/")

    assert result.verification.reason == reason
    assert result.verification.status == Reason(reason).status
    assert result.response["Location"] == f"/phone/{result.verification.pk}/"
    assert str(Reason(reason).visitor_message) in visitor.get(
        result.response["Location"]
    ).content.decode().replace("&#x27;", "'")
    assert receivers.heard == [("failed", result.verification)]
    assert len(plasgate_ip.calls) == (0 if reason == "provider_denied" else 1)


def test_another_number_than_any_is_mismatched(visitor: Visitor, plasgate_ip: PlasGate) -> None:
    plasgate_ip.fails(Reason.NUMBER_MISMATCH)

    assert plasgate_ip.verify(visitor, ANOTHER).verification.reason == "number_mismatch"


def test_a_code_made_up_by_the_test_is_refused_where_plasgate_denies(
    visitor: Visitor, plasgate_ip: PlasGate
) -> None:
    plasgate_ip.fails("provider_denied")
    visitor.start()
    visitor.come_back()

    assert PhoneVerification.objects.get().reason == "credentials_rejected"


def test_a_code_made_up_by_the_test_is_answered_as_the_settings_scopes_are(
    visitor: Visitor, plasgate_ip: PlasGate
) -> None:
    visitor.verify(NUMBER)

    assert PhoneVerification.objects.get().status == "verified"


@pytest.mark.parametrize("reason", [*OTHERS, "no reason", ""])
def test_a_reason_that_plasgate_cant_cause_is_refused_with_those_that_it_can(reason: str) -> None:
    with pytest.raises(ValueError, match=f"'{reason}'") as caught:
        PlasGate().fails(reason)

    assert set(PLAYABLE) <= set(str(caught.value).replace(",", "").replace(".", "").split())


def test_every_reason_is_either_playable_or_not() -> None:
    assert {*PLAYABLE, *OTHERS} == set(Reason.values)


def test_a_mismatch_of_no_number_is_refused(
    visitor: Visitor, plasgate_ip: PlasGate, settings: Any
) -> None:
    settings.PLASGATE_IP_SCOPES = ["mobile_id"]
    plasgate_ip.fails("number_mismatch")

    with pytest.raises(ValueError, match="needs a number"):
        plasgate_ip.verify(visitor)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"status": 500}, "provider_error"),
        ({"status": 429}, "rate_limited"),
        ({"body": "no JSON"}, "invalid_response"),
        ({"body": b"\xff"}, "invalid_response"),
        ({"body": ["no object"]}, "invalid_response"),
        ({"body": {"status": "failed", "sub": "anonymous"}}, "not_verified"),
        ({"body": requests.ConnectTimeout("told")}, "provider_unreachable"),
    ],
)
def test_the_exchange_answers_just_what_it_is_told(
    visitor: Visitor, plasgate_ip: PlasGate, told: dict[str, Any], reason: str
) -> None:
    plasgate_ip.answers(**told)

    assert plasgate_ip.verify(visitor).verification.reason == reason


def test_what_is_told_last_holds_from_then_on(visitor: Visitor, plasgate_ip: PlasGate) -> None:
    told = [plasgate_ip.fails("not_verified"), plasgate_ip.answers(status=403)]
    assert plasgate_ip.verify(visitor).verification.reason == "credentials_rejected"

    told.append(plasgate_ip.verifies())

    assert plasgate_ip.verify(visitor).verification.status == "verified"
    assert plasgate_ip.verify(visitor).verification.status == "verified"
    assert told == [plasgate_ip] * 3


def test_what_cant_be_said_is_refused_when_it_is_told() -> None:
    with pytest.raises(TypeError, match="date"):
        PlasGate().verifies(birthdate=timezone.now())
    with pytest.raises(TypeError, match="date"):
        PlasGate().answers({"birthdate": timezone.now()})
    with pytest.raises(InvalidPhoneNumber):
        PlasGate().verifies("no number")


# What was sent


def test_calls_say_what_was_sent_and_show_no_secret(
    visitor: Visitor, plasgate_ip: PlasGate, settings: Any
) -> None:
    settings.PLASGATE_IP_BASE_URL = "http://127.0.0.1:8000/sandbox"
    settings.PLASGATE_IP_EXCHANGE_ENDPOINT = "check-info"
    visitor.start()
    url = plasgate_ip.callback_url(visitor.authorize_url)
    came_back = dict(parse_qsl(urlsplit(url).query))
    visitor.get(url)

    assert plasgate_ip.calls == [
        Call(
            url="http://127.0.0.1:8000/sandbox/check-info",
            secret_key=settings.PLASGATE_IP_SECRET_KEY,
            private_key=settings.PLASGATE_IP_PRIVATE_KEY,
            code=came_back["code"],
            state=came_back["state"],
            redirect_uri="http://testserver/phone/callback/",
        )
    ]
    shown = repr(plasgate_ip.calls) + repr(vars(plasgate_ip.calls[0]))
    for secret in (settings.PLASGATE_IP_SECRET_KEY, settings.PLASGATE_IP_PRIVATE_KEY):
        assert secret not in shown
    assert came_back["code"] not in shown


def test_the_callback_is_as_the_api_page_has_it(visitor: Visitor, plasgate_ip: PlasGate) -> None:
    visitor.start()

    query = dict(parse_qsl(urlsplit(plasgate_ip.callback_url(visitor.authorize_url)).query))

    assert set(query) == {"code", "private_key", "redirect_uri", "session_state", "state"}
    assert query["code"].split(".")[1] == query["session_state"]


def test_a_nonce_comes_back(visitor: Visitor, plasgate_ip: PlasGate, settings: Any) -> None:
    settings.PLASGATE_IP_CALLBACK_NONCE = True

    assert plasgate_ip.verify(visitor).verification.status == "verified"


@pytest.mark.parametrize(
    "url",
    [
        "/phone/",
        "https://cloudapi.plasgate.com/ip/authenticate?scope=phone",
        "https://cloudapi.plasgate.com/ip/ip-auth?scope=phone&redirect_uri=x",
    ],
)
def test_a_url_that_leads_to_no_authenticate_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not one that the app sends"):
        PlasGate().callback_url(url)


# Apart from all else


def test_keys_are_the_sites_or_where_it_has_none_made_up(visitor: Visitor, settings: Any) -> None:
    del settings.PLASGATE_IP_PRIVATE_KEY
    settings.PLASGATE_IP_SECRET_KEY = ""

    with PlasGate() as plasgate_ip:
        assert plasgate_ip.verify(visitor).verification.status == "verified"
        settings.PLASGATE_IP_SECRET_KEY = "set in the middle of a test"
        plasgate_ip.verify(visitor)

    before, after = plasgate_ip.calls
    assert before.private_key
    assert before.secret_key.startswith("$5$")
    assert after.secret_key == "set in the middle of a test"
    settings.PLASGATE_IP_SECRET_KEY = ""
    assert (conf.PLASGATE_IP_PRIVATE_KEY, conf.PLASGATE_IP_SECRET_KEY) == ("", "")
    with pytest.raises(ImproperlyConfigured):
        PlasGateClient()


def test_a_call_to_elsewhere_raises_and_does_not_repeat_the_query(plasgate_ip: PlasGate) -> None:
    with pytest.raises(AssertionError, match=r"GET https://a\.example/path: no call") as caught:
        requests.get("https://a.example/path", {"key": "hidden"}, timeout=1)

    assert "hidden" not in str(caught.value)
    assert plasgate_ip.calls == []


def test_calls_that_the_site_fakes_go_on_around_it_and_inside_of_it() -> None:
    with responses.RequestsMock() as outside:
        outside.get("https://a.example/", body="outside")
        with PlasGate() as plasgate_ip:
            assert requests.get("https://a.example/", timeout=1).text == "outside"
            with responses.RequestsMock() as inside:
                inside.get("https://a.example/", body="inside")
                assert requests.get("https://a.example/", timeout=1).text == "inside"
                assert exchange().succeeded

    assert len(plasgate_ip.calls) == 1


def test_one_inside_of_another_plays_until_it_ends(plasgate_ip: PlasGate) -> None:
    with PlasGate().fails("rate_limited") as inner, pytest.raises(RateLimited):
        exchange()

    assert exchange().succeeded
    assert (len(plasgate_ip.calls), len(inner.calls)) == (1, 1)


def test_it_ends_with_its_block_also_where_that_fails(answers: Answers) -> None:
    answers(http=429)
    with pytest.raises(ZeroDivisionError), PlasGate():
        exchange().succeeded / 0  # one that succeeds, and a test that breaks

    with pytest.raises(RateLimited):
        exchange()


def test_a_block_that_cant_begin_leaves_nothing_behind(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.PLASGATE_IP_SECRET_KEY = ""
    monkeypatch.setattr(responses, "RequestsMock", lambda **options: 1 / 0)

    with pytest.raises(ZeroDivisionError), PlasGate():
        pass

    assert conf.PLASGATE_IP_SECRET_KEY == ""


def test_another_base_url_is_plasgate_too(plasgate_ip: PlasGate) -> None:
    exchange(PlasGateClient("a key", "a secret", "https://tenant.example/ip/"))

    assert plasgate_ip.calls[0].url == "https://tenant.example/ip/ip-auth"
    assert plasgate_ip.calls[0].secret_key == "a secret"


# The walk


@pytest.mark.parametrize("number", [NUMBER, TYPED, "85577696118"])
def test_any_client_of_djangos_is_walked(
    plain: Client, plasgate_ip: PlasGate, number: str, user: User
) -> None:
    verification = plasgate_ip.verify(plain, number).verification

    assert (verification.user, verification.phone_number) == (user, NUMBER)


def test_a_number_object_is_typed_as_well(visitor: Visitor, plasgate_ip: PlasGate) -> None:
    number = make_verification(phone_number=ANOTHER).phone_number

    plasgate_ip.verifies(number)

    assert plasgate_ip.verify(visitor, number).verification.phone_number == ANOTHER


def test_an_anonymous_visitor_is_walked(passer_by: Visitor, plasgate_ip: PlasGate) -> None:
    verification = plasgate_ip.verify(passer_by).verification

    assert (verification.status, verification.user) == ("verified", None)


@pytest.mark.parametrize(
    "values",
    [
        {"PLASGATE_IP_CONTINUE_PAGE": True},
        {"SECURE_SSL_REDIRECT": True, "SESSION_COOKIE_SECURE": True, "CSRF_COOKIE_SECURE": True},
        {"CSRF_USE_SESSIONS": True},
        {"FORCE_SCRIPT_NAME": "/app"},
        {"FORCE_SCRIPT_NAME": "/app/"},
        {"PLASGATE_IP_PUBLIC_URL": "https://www.example.com"},
        {"SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies"},
        {"PLASGATE_IP_PHONE_PARAMETERS": ["login_hint"]},
    ],
    ids=str,
)
def test_sites_of_many_kinds_are_walked(
    user: User, plasgate_ip: PlasGate, settings: Any, values: dict[str, Any]
) -> None:
    for name, value in values.items():
        setattr(settings, name, value)
    browser = Visitor()
    browser.force_login(user)

    result = plasgate_ip.verify(browser, ANOTHER, next="/here/")

    assert result.verification.status == "verified"
    assert result.response["Location"] == "/here/"


def test_json_clients_get_back_by_the_callbacks_url(plain: Client, plasgate_ip: PlasGate) -> None:
    accept = {"accept": "application/json"}
    started = plain.post(
        "/phone/", {"phone_number": TYPED}, content_type="application/json", headers=accept
    )
    plain.get(plasgate_ip.callback_url(started.json()["authorize_url"]))

    assert plain.get(started.json()["detail_url"], headers=accept).json()["status"] == "verified"


def test_a_client_that_must_sign_in_is_told(stranger: Visitor, plasgate_ip: PlasGate) -> None:
    with pytest.raises(AssertionError, match=r"answered 302 to /accounts/login/.* Sign the client"):
        plasgate_ip.verify(stranger)


def test_a_number_that_is_none_is_told(visitor: Visitor, plasgate_ip: PlasGate) -> None:
    with pytest.raises(AssertionError, match=r"POST /phone/ answered 400\. This is no phone"):
        plasgate_ip.verify(visitor, "12")


def test_a_limit_is_told(visitor: Visitor, plasgate_ip: PlasGate, settings: Any) -> None:
    settings.PLASGATE_IP_MAX_STARTS_PER_USER = 1
    plasgate_ip.verify(visitor)

    with pytest.raises(AssertionError, match=r"429\. A limit was reached"):
        plasgate_ip.verify(visitor)


def test_a_form_without_a_csrf_token_is_told(
    visitor: Visitor, plasgate_ip: PlasGate, settings: Any, tmp_path: Path
) -> None:
    page = tmp_path / "django_plasgate_ip" / "start.html"
    page.parent.mkdir()
    page.write_text("<form method=post></form>")
    template = settings.TEMPLATES[0] | {"DIRS": [tmp_path, *settings.TEMPLATES[0]["DIRS"]]}
    settings.TEMPLATES = [template]

    with pytest.raises(AssertionError, match=r"403\. The site's start\.html needs"):
        plasgate_ip.verify(visitor)


def test_an_attempt_that_a_site_has_deleted_is_told(
    visitor: Visitor, plasgate_ip: PlasGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(client: Client, *args: str) -> str:
        url = start(client, *args)
        PhoneVerification.objects.all().delete()
        return url

    start = walkthrough.start
    monkeypatch.setattr(walkthrough, "start", started)

    with pytest.raises(AssertionError, match="not in the database"):
        plasgate_ip.verify(visitor)


def teapot(get_response: Any) -> Any:
    """Be a middleware that lets no callback through."""

    def middleware(request: HttpRequest) -> Any:
        stopped = request.path.endswith("/callback/")
        return HttpResponse(status=418) if stopped else get_response(request)

    return middleware


def test_a_callback_that_finishes_nothing_is_told(
    visitor: Visitor, plasgate_ip: PlasGate, settings: Any
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.teapot"]

    with pytest.raises(AssertionError, match=r"The callback answered 418\."):
        plasgate_ip.verify(visitor)


# unittest


class Case(PlasGateMixin, DjangoTestCase):
    def test_it_plays(self) -> None:
        self.client.force_login(User.objects.create_user("sok"))

        assert self.plasgate_ip.verify(self.client).verification.status == "verified"
        assert len(self.plasgate_ip.calls) == 1

    def test_it_has_stopped_after_the_last_test(self) -> None:
        self.doCleanups()

        with responses.RequestsMock() as answers:
            answers.post("https://cloudapi.plasgate.com/ip/ip-auth", status=429)
            with pytest.raises(RateLimited):
                exchange()
