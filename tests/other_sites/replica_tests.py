"""Whole walks with a replica that lags behind: new rows are read from the primary database."""

import pytest
from django.http import HttpResponse
from django.urls import path

from django_plasgate_ip.decorators import phone_verified_required
from django_plasgate_ip.models import PhoneVerification
from tests import urls
from tests.handoff.devices import Phone, hand_over, offered
from tests.visitor import FAILED

pytestmark = pytest.mark.django_db(databases=["default", "replica"], transaction=True)


class Site:
    urlpatterns = [
        path("here/", phone_verified_required(lambda request: HttpResponse("in"))),
        *urls.urlpatterns,
    ]


def written() -> list[tuple[str, str]]:
    rows = PhoneVerification.objects.using("default").order_by("created_at")
    return list(rows.values_list("status", "reason"))


def test_an_anonymous_visitor_is_verified_gets_in_at_once_and_is_claimed(
    passer_by, user, answers, receivers, settings
):
    settings.ROOT_URLCONF = Site
    answers()

    assert passer_by.verify(next="/here/")["Location"] == "/here/"

    assert written() == [("verified", "")]
    assert not PhoneVerification.objects.exists(), "the replica must have no row"
    assert passer_by.get("/here/").content == b"in"
    assert len(receivers.heard) == 1

    passer_by.force_login(user)
    assert PhoneVerification.objects.using("default").get().user == user
    assert passer_by.get("/here/").content == b"in"


def test_a_failure_a_phone_and_a_start_use_the_primary_database(visitor, answers, receivers):
    phone = Phone()
    answers(FAILED)
    page = visitor.get(visitor.verify()["Location"])
    assert "Turn off Wi‑Fi" in page.content.decode()

    answers()
    hand_over(visitor, phone, offered(page))
    phone.come_back()
    visitor.start()
    visitor.start()

    ended = [("failed", "not_on_mobile_data"), ("verified", ""), ("error", "superseded")]
    assert written() == [*ended, ("pending", "")]
    assert len(receivers.heard) == 3
