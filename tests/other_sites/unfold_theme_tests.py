"""The staff's pages in django-unfold: its looks, and all that ours adds to them."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.utils import timezone
from unfold.admin import ModelAdmin

from django_plasgate_ip.admin import paginator
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.reasons import Reason
from tests.staff import HIDDEN, LIST, MASKED, MOBILE_ID, User, detail, failed, staff, text, verified

pytestmark = [
    pytest.mark.django_db,
    # Unfold's own, on Django 6.1.
    pytest.mark.filterwarnings("ignore:Overriding get_action_choices"),
]


@pytest.fixture
def viewer() -> Client:
    return staff("view_phoneverification")


@pytest.fixture
def verification() -> PhoneVerification:
    now = timezone.now()
    when = {"created_at": now - timedelta(seconds=4), "completed_at": now}
    failed(Reason.EXPIRED, **when)
    return verified(user=User.objects.create_user("dara"), **when)


def test_the_site_is_the_one_that_is_meant() -> None:
    # Unfold can dress only what is built on its own class.
    assert isinstance(admin.site.get_model_admin(PhoneVerification), ModelAdmin)


def test_no_check_fails() -> None:
    assert admin.site.get_model_admin(PhoneVerification).check() == []


def test_list_has_its_looks_and_our_summary(
    viewer: Client, verification: PhoneVerification
) -> None:
    response = viewer.get(LIST)
    html, page = response.content.decode(), text(response)
    assert "unfold/css/styles" in html
    assert "django_plasgate_ip/admin.css" in html
    assert html.index("plasgate-ip-summary") < html.index('id="result_list"')
    assert str(Reason.EXPIRED.staff_message) in page
    assert "Median time until the operator's answer 4.0 s" in page
    assert MASKED in page
    assert '<span class="plasgate-ip-badge plasgate-ip-badge-verified">verified</span>' in html
    assert [value for value in HIDDEN if value in html or value in page] == []


def test_filters_search_and_pages_work(viewer: Client, verification: PhoneVerification) -> None:
    for query in ({"status__exact": "verified"}, {"q": "dara"}, {"q": "dara", "p": "1"}):
        html = viewer.get(LIST, query).content.decode()
        assert html.count("/change/") == html.count(f"{verification.pk}/change/") > 0
    assert viewer.get(LIST, {"phone_number__startswith": "+8557"}).status_code == 400


def test_list_says_that_its_pages_end(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paginator, "MAX_ROWS", 100)
    PhoneVerification.objects.bulk_create(
        PhoneVerification(scopes="mobile_id", session_id=str(i)) for i in range(120)
    )
    assert "This list shows at most 100 verifications." in text(viewer.get(LIST))


def test_verification_is_shown_and_claims_to_those_who_may(
    viewer: Client, verification: PhoneVerification
) -> None:
    page = text(viewer.get(detail(verification)))
    assert MASKED in page
    assert [value for value in HIDDEN if value in page] == []
    reader = staff("view_phoneverification", "view_claims")
    assert MOBILE_ID in text(reader.get(detail(verification)))


def test_nobody_adds_or_edits(verification: PhoneVerification) -> None:
    superuser = staff(is_superuser=True)
    assert superuser.get(f"{LIST}add/").status_code == 403
    assert "/phoneverification/add/" not in superuser.get(LIST).content.decode()
    html = superuser.get(detail(verification)).content.decode()
    assert 'name="_save"' not in html


def test_list_is_exported(viewer: Client, verification: PhoneVerification) -> None:
    response: Any = viewer.get(f"{LIST}export/", {"status__exact": "verified"})
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert len(lines) == 2
    assert str(verification.pk) in lines[1]
