"""`flow` as a caller sees it: begin, complete, find, latest, and what is stored."""

import dataclasses
from datetime import timedelta
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.conf import settings as site
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone, translation

from django_plasgate_ip import flow
from django_plasgate_ip.client.credentials import fingerprint
from django_plasgate_ip.exceptions import InvalidPhoneNumber, InvalidScopes, RegionNotAccepted
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.verification import browser_session
from tests.visitor import DIGITS, NUMBER, TYPED, came_back, newest, outcome, request_of

pytestmark = pytest.mark.django_db


def test_begin_stores_what_the_callback_needs_and_returns_where_to_go(user):
    request = request_of(user)
    language = "km-kh-x-phnompenh"  # one that a site has added to LANGUAGES

    with translation.override(language):
        started = flow.begin(request, TYPED, scopes="mobile_id profile", next_url="/ខ្មែរ/?a=1")

    row = newest()
    assert started.verification == row
    assert (row.user, str(row.phone_number), row.status) == (user, NUMBER, "pending")
    assert (row.scopes, row.next_url) == ("mobile_id profile phone_verify", "/ខ្មែរ/?a=1")
    assert (row.language, row.address, row.nonce) == (language, "", "")
    row.clean_fields()  # each value fits in its column, which SQLite does not check
    assert row.key_fingerprint == fingerprint(site.PLASGATE_IP_PRIVATE_KEY)
    assert row.session_id == row.callback_session_id == browser_session.get_session_id(request)
    assert row.redirect_uri == "http://testserver/phone/callback/"
    assert started.authorize_url.startswith("https://cloudapi.plasgate.com/ip/authenticate?")
    query = dict(parse_qsl(urlsplit(started.authorize_url).query))
    expected = {"scope": row.scopes, "login_hint": DIGITS, "redirect_uri": row.redirect_uri}
    assert query | expected == query
    assert "state" not in query


def test_the_scopes_are_a_setting_and_a_next_elsewhere_is_not_stored(settings):
    settings.PLASGATE_IP_SCOPES = ["mobile_id"]

    # No language is active.
    with translation.override(None):
        started = flow.begin(request_of(), TYPED, next_url="//evil.example/")

    # The scopes do not need a number.
    assert DIGITS not in started.authorize_url
    row = started.verification
    assert (row.user, row.scopes) == (None, "mobile_id")
    assert row.next_url == str(row.phone_number) == row.language == ""


def test_invalid_arguments_are_refused_and_end_nothing(settings):
    request = request_of()
    earlier = flow.begin(request, TYPED).verification

    for number in ("077 696 118 abc", "", None):
        with pytest.raises(InvalidPhoneNumber):
            flow.begin(request, number)
    for scopes in ("mobile_id sms", ["openid"], ""):
        with pytest.raises(InvalidScopes):
            flow.begin(request, TYPED, scopes=scopes)
    settings.PLASGATE_IP_REGIONS = ["TH"]
    with pytest.raises(RegionNotAccepted):
        flow.begin(request, TYPED)

    assert newest() == earlier
    assert outcome() == ("pending", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PLASGATE_IP_PRIVATE_KEY", ""),
        ("PLASGATE_IP_SECRET_KEY", ""),
        ("PLASGATE_IP_ENCRYPTION_KEYS", ["not a Fernet key"]),
    ],
)
def test_an_invalid_key_is_reported_before_a_row_is_stored_or_a_code_is_spent(
    answers, settings, name, value
):
    request = request_of()
    flow.begin(request, TYPED)
    setattr(settings, name, value)

    for act in (lambda: flow.begin(request, TYPED), lambda: flow.complete(came_back(request))):
        with pytest.raises(ImproperlyConfigured, match=name):
            act()

    assert PhoneVerification.objects.count() == 1
    assert outcome() == ("pending", "")
    assert answers.calls == []


def test_a_user_object_that_is_not_signed_in_owns_nothing(user):
    # Apps for guest accounts have such users.
    with mock.patch.object(User, "is_authenticated", False):
        assert flow.begin(request_of(user), TYPED).verification.user_id is None


def test_the_authorize_url_is_the_same_again_and_empty_for_other_keys(settings):
    request = request_of()
    started = flow.begin(request, TYPED)
    with pytest.raises(dataclasses.FrozenInstanceError):
        started.authorize_url = ""  # type: ignore[misc]
    assert flow.authorize_url(request, newest()) == started.authorize_url
    settings.PLASGATE_IP_PRIVATE_KEY = "another key"
    assert flow.authorize_url(request, newest()) == ""


def test_find_and_latest_return_only_what_belongs_to_the_user_or_to_the_session(user, other_user):
    request = request_of(user)
    assert flow.latest(request) is None
    flow.begin(request, TYPED)
    row = flow.begin(request, TYPED).verification
    flow.begin(request_of(), TYPED)

    assert flow.latest(request) == row
    assert flow.find(request_of(user), row.pk) == row
    assert flow.find(request_of(other_user, request.session), row.pk) is None
    for unknown in ("00000000-0000-4000-8000-000000000000", "no id"):
        assert flow.find(request, unknown) is None
    phone = request_of()
    PhoneVerification.objects.filter(pk=row.pk).update(
        callback_session_id=browser_session.get_or_create_session_id(phone)
    )
    assert flow.find(phone, row.pk) == row
    # A stale one is ended first.
    PhoneVerification.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    assert getattr(flow.find(request, row.pk), "reason", None) == "expired"


def test_a_request_is_verified_by_its_user_or_by_its_anonymous_session(user, other_user, answers):
    answers()
    for owner, others in ((user, (other_user, None)), (None, (user, other_user))):
        PhoneVerification.objects.all().delete()
        request = request_of(owner)
        flow.begin(request, TYPED)
        assert not flow.is_verified(request)
        flow.complete(came_back(request))

        assert flow.is_verified(request)
        # A user is verified in every session.
        assert flow.is_verified(request_of(owner)) is (owner is not None)
        for other in others:
            assert not flow.is_verified(request_of(other, request.session))
        PhoneVerification.objects.update(completed_at=timezone.now() - timedelta(hours=1))
        assert flow.is_verified(request, timedelta(minutes=61))
        assert not flow.is_verified(request, timedelta(minutes=59))
