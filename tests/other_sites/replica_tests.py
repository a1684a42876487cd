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


def test_a_failure_a_new_start_and_the_page_use_the_primary_database(visitor, answers, receivers):
    answers(FAILED)
    page = visitor.get(visitor.verify()["Location"])
    visitor.start()
    visitor.start()

    assert "Turn off Wi‑Fi" in page.content.decode()
    assert written() == [("failed", "not_on_mobile_data"), ("error", "superseded"), ("pending", "")]
    assert len(receivers.heard) == 2


def test_a_phone_verifies_for_a_computer(visitor, answers):
    phone = Phone()
    answers(FAILED)
    path = offered(visitor.get(visitor.verify()["Location"]))
    answers()

    hand_over(visitor, phone, path)
    phone.come_back()

    assert written() == [("failed", "not_on_mobile_data"), ("verified", "")]
